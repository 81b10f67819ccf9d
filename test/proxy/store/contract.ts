import { expect } from 'chai';
import { StoreError, type Store } from '../../../proxy/store/store.ts';
import { Recorder } from './recorder.ts';

/** What every store must do. `open` opens one more client of one data centre's store that was empty at the start of the test. */
export function storeContract(open: () => Store): void {
  const opened: Store[] = [];
  const client = (): Store => {
    const store = open();
    opened.push(store);
    return store;
  };
  const inAnHour = (): { expires: number } => ({ expires: Date.now() + 3_600_000 });

  afterEach('close the stores', async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
  });

  it('lists what is there before it tells of changes', async () => {
    const writer = client();
    await writer.put('binding/a/1', 'one', inAnHour());
    const recorder = Recorder.of(client());
    await recorder.until((r) => r.loads === 1);
    expect([...recorder.keys]).to.deep.equal([['binding/a/1', 'one']]);
    expect(recorder.listings).to.equal(1);
    expect(recorder.restorations).to.equal(0);
    expect(recorder.isAvailable).to.equal(true);
    await writer.put('binding/a/2', 'two');
    await recorder.until((r) => r.keys.size === 2);
    expect(recorder.events).to.deep.equal(['put binding/a/2 two']);
  });

  it('tells whoever wrote, too', async () => {
    const store = client();
    const recorder = Recorder.of(store);
    await recorder.until((r) => r.loads === 1);
    await store.put('call/1', 'pair');
    await recorder.until((r) => r.keys.get('call/1') === 'pair');
  });

  it('lists thousands of keys completely', async () => {
    const writer = client();
    const count = 2500;
    const keys = Array.from({ length: count }, (_, i) => `binding/user${i}/1`);
    await Promise.all(keys.map((key) => writer.put(key, key, inAnHour())));
    const recorder = Recorder.of(client());
    await recorder.until((r) => r.loads === 1);
    expect([...recorder.keys.keys()].toSorted()).to.deep.equal(keys.toSorted());
  });

  it('keeps the last of several puts of one key, and settles them all', async () => {
    const store = client();
    const recorder = Recorder.of(client());
    await Promise.all(['1', '2', '3'].map((value) => store.put('binding/a/1', value)));
    await recorder.until((r) => r.keys.get('binding/a/1') === '3');
  });

  it('does what is asked of one key in order', async () => {
    const store = client();
    const recorder = Recorder.of(client());
    await Promise.all([
      store.put('binding/a/1', 'first'),
      store.remove('binding/a/1'),
      store.put('binding/a/1', 'last'),
      store.put('binding/a/2', 'first'),
      store.remove('binding/a/2'),
    ]);
    await store.put('end', '');
    await recorder.until((r) => r.keys.has('end'));
    expect(recorder.keys.get('binding/a/1')).to.equal('last');
    expect(recorder.keys.has('binding/a/2')).to.equal(false);
  });

  it('removes a key, and one that is not there without complaint', async () => {
    const store = client();
    const recorder = Recorder.of(client());
    await store.put('call/1', 'pair');
    await recorder.until((r) => r.keys.has('call/1'));
    await store.remove('call/1');
    await store.remove('call/2');
    await recorder.until((r) => !r.keys.has('call/1'));
  });

  it('removes on condition only what it holds', async () => {
    const store = client();
    const recorder = Recorder.of(client());
    await store.put('binding/a/1', 'newer');
    await store.put('binding/a/2', 'old');
    await recorder.until((r) => r.keys.size === 2);
    await Promise.all([store.remove('binding/a/1', 'old'), store.remove('binding/a/2', 'old')]);
    await recorder.until((r) => r.keys.size === 1);
    expect(recorder.keys.get('binding/a/1')).to.equal('newer');
  });

  it('tells who wrote by write() when it is committed or refused, and never at once', async () => {
    const store = client();
    const recorder = Recorder.of(client());
    const told: string[] = [];
    const write = (key: string, value: string | undefined, held?: string): Promise<void> => {
      const ended = Promise.withResolvers<void>();
      const outcome = {
        committed: (): void => ended.resolve(void told.push(`${key} committed`)),
        failed: (error: unknown): void =>
          ended.resolve(void told.push(`${key} ${error instanceof StoreError ? error.reason : String(error)}`)),
      };
      store.write({ key, value, life: undefined, held }, outcome);
      told.push(`${key} asked`);
      return ended.promise;
    };
    await write('binding/a/1', 'one');
    await write('binding/a/2', 'two');
    await write('binding/a/2', undefined, 'another');
    await write('binding/a/1', undefined);
    await write('end', '');
    await recorder.until((r) => r.keys.has('end'));
    expect([...recorder.keys]).to.deep.equal([
      ['binding/a/2', 'two'],
      ['end', ''],
    ]);
    await store.close();
    await write('late', '');
    expect(told.filter((_, i) => i % 2 === 0).every((line) => line.endsWith('asked'))).to.equal(true);
    expect(told.filter((_, i) => i % 2 === 1)).to.deep.equal([
      'binding/a/1 committed',
      'binding/a/2 committed',
      'binding/a/2 committed',
      'binding/a/1 committed',
      'end committed',
      'late Closed',
    ]);
  });

  it('creates a key once, whoever is first', async () => {
    const clients = [client(), client(), client()];
    const created = await Promise.all(clients.map((store, i) => store.create('key/dc1/7', `secret ${i}`)));
    expect(created.filter(Boolean)).to.have.length(1);
    const recorder = Recorder.of(client());
    await recorder.until((r) => r.loads === 1);
    expect(recorder.keys.get('key/dc1/7')).to.equal(`secret ${created.indexOf(true)}`);
  });

  it('takes presence away when its process closes the store, and nothing else', async () => {
    const process = open();
    const recorder = Recorder.of(client());
    await process.put('proxy/p1', 'here', 'presence');
    await process.put('binding/a/1', 'kept', inAnHour());
    await recorder.until((r) => r.keys.size === 2);
    await process.close();
    await recorder.until((r) => !r.keys.has('proxy/p1'));
    expect([...recorder.keys.keys()]).to.deep.equal(['binding/a/1']);
  });

  it('keeps any text in keys and values', async () => {
    const store = client();
    const key = 'binding/zo\u00eb%2F\u20ac@example.com/1';
    const value = '{"c":"sip:zo\u00c3\u00ab@h","x":"\u20ac \ud83d\udcde \\u0000"}';
    await store.put(key, value);
    const recorder = Recorder.of(client());
    await recorder.until((r) => r.loads === 1);
    expect([...recorder.keys]).to.deep.equal([[key, value]]);
  });

  it('writes what was asked before close() and refuses what is asked after it', async () => {
    const store = open();
    const before = store.put('binding/a/1', 'one');
    await before;
    await store.close();
    const recorder = Recorder.of(client());
    await recorder.until((r) => r.keys.has('binding/a/1'));
    const error: unknown = await store.put('binding/a/2', 'two').catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(StoreError).with.property('reason', 'Closed');
  });
}
