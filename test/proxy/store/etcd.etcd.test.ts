import { expect } from 'chai';
import { Etcd3 } from 'etcd3';
import { EtcdStore, type EtcdStoreOptions } from '../../../proxy/store/etcd.ts';
import { StoreError } from '../../../proxy/store/store.ts';
import { Etcd } from '../../peers/etcd.ts';
import { Relay } from '../../peers/relay.ts';
import { storeContract } from './contract.ts';
import { Recorder } from './recorder.ts';
import { HOUR, silent, until } from './records.ts';

describe('etcd store', function () {
  this.timeout(20_000);
  let etcd: Etcd;
  let range = 0;
  const stores: EtcdStore[] = [];

  before(async () => {
    etcd = await Etcd.start();
  });
  after(() => etcd.stop());
  beforeEach(() => range++);
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

  const prefix = (): string => `/sipcluster/v1/test/${range}/`;
  const open = (part: Partial<EtcdStoreOptions> = {}): EtcdStore => {
    const options = { geoLocation: 'dc1', endpoints: [etcd.endpoint], prefix: prefix(), log: silent, now: Date.now };
    return new EtcdStore({ ...options, ...part });
  };
  const client = (part: Partial<EtcdStoreOptions> = {}): EtcdStore => {
    const store = open(part);
    stores.push(store);
    return store;
  };
  /** Looks into etcd past the store. */
  const inEtcd = async <T>(ask: (direct: Etcd3) => Promise<T>): Promise<T> => {
    const direct = new Etcd3({ hosts: etcd.endpoint });
    try {
      return await ask(direct);
    } finally {
      direct.close();
    }
  };
  const leases = (): Promise<number> =>
    inEtcd(async (direct) => (await direct.leaseClient.leaseLeases()).leases.length);

  describe('as any store', () => storeContract(() => open()));

  it("neither sees nor touches what lies beside its shard's range", async () => {
    await inEtcd(async (direct) => {
      await direct.put(`${prefix().slice(0, -1)}0/binding/a/1`).value('beside');
      await direct.put(`${prefix().slice(0, -1)}.binding`).value('beside');
    });
    const recorder = Recorder.of(client());
    await client().put('binding/a/1', 'inside');
    await recorder.until((r) => r.keys.size > 0);
    expect([...recorder.keys]).to.deep.equal([['binding/a/1', 'inside']]);
  });

  it('asks whoever wrote a key whether its follower need hear of it', async () => {
    const store = client();
    const recorder = Recorder.of(store);
    const asked: string[] = [];
    const write = (key: string, isKnown: boolean): Promise<void> =>
      new Promise((committed, failed) =>
        store.write(
          { key, value: 'x', life: undefined, held: undefined },
          {
            committed,
            failed,
            heard() {
              asked.push(key);
              return isKnown;
            },
          },
        ),
      );
    await recorder.until((r) => r.isAvailable);
    // one or another may come back before its answer
    const askedOf = (start: string): string => asked.find((key) => key.startsWith(start)) ?? '';
    for (let i = 0; askedOf('binding/a/') === ''; i++) await write(`binding/a/${i}`, true);
    for (let i = 0; askedOf('binding/b/') === ''; i++) await write(`binding/b/${i}`, false);
    await client().put('binding/c/1', 'of another');
    await recorder.until((r) => r.keys.has('binding/c/1'));
    expect(recorder.keys.has(askedOf('binding/a/'))).to.equal(false);
    expect(recorder.keys.has(askedOf('binding/b/'))).to.equal(true);
  });

  it('groups what comes together into few transactions', async () => {
    const store = client();
    await store.put('first', '', { expires: Date.now() + HOUR });
    const revision = (): Promise<number> =>
      inEtcd(async (direct) => Number((await direct.get('x').exec()).header.revision));
    const before = await revision();
    const count = 2000;
    await Promise.all(
      Array.from({ length: count }, (_, i) => store.put(`call/${i}`, 'pair', { expires: Date.now() + HOUR })),
    );
    expect((await revision()) - before).to.be.within(count / 128, count / 64);
  });

  it('opens a lease for 250 keys that expire at about one time, and the next for more', async () => {
    const store = client();
    const before = await leases();
    const expires = Date.now() + HOUR;
    await Promise.all(
      Array.from({ length: 700 }, (_, i) => store.put(`binding/a/${i}`, 'x', { expires: expires + (i % 10) })),
    );
    expect((await leases()) - before).to.be.within(3, 4);
  });

  it('has etcd clean up after the expiry, not before', async () => {
    // a clock that is ahead has the minute past the expiry almost over
    const store = client({ now: () => Date.now() + 86_000 });
    const recorder = Recorder.of(client());
    await store.put('binding/a/1', 'x', { expires: Date.now() });
    await store.put('binding/a/2', 'x', { expires: Date.now() + HOUR });
    const ttl = await inEtcd(async (direct) => {
      const kv = (await direct.get(`${prefix()}binding/a/1`).exec()).kvs[0];
      return Number((await direct.leaseClient.leaseTimeToLive({ ID: kv?.lease ?? '0' })).TTL);
    });
    expect(ttl).to.be.within(0, 5);
    await recorder.until((r) => r.keys.size === 2);
    await recorder.until((r) => r.keys.size === 1, 15_000);
    expect([...recorder.keys.keys()]).to.deep.equal(['binding/a/2']);
  });

  it('splits transactions that etcd refuses, and refuses what it refuses alone', async () => {
    const strict = await Etcd.start(['--max-txn-ops', '20']);
    const store = client({ endpoints: [strict.endpoint] });
    const recorder = Recorder.of(store);
    await Promise.all(Array.from({ length: 200 }, (_, i) => store.put(`call/${i}`, 'pair')));
    await recorder.until((r) => r.keys.size === 200);
    const others = [store.put('call/a', 'pair'), store.put('call/b', 'pair')];
    const tooLarge: unknown = await store.put('call/large', 'x'.repeat(3 << 20)).catch((error: unknown) => error);
    expect(tooLarge).to.be.instanceOf(StoreError).with.property('reason', 'Refused');
    await Promise.all(others);
    await store.close();
    await strict.stop();
  });

  it('finds an etcd that starts after it', async () => {
    const relay = await Relay.to(etcd.port);
    relay.cut();
    const store = client({ endpoints: [`http://127.0.0.1:${relay.port}`] });
    const recorder = Recorder.of(store);
    const written = store.put('binding/a/1', 'early', { expires: Date.now() + HOUR });
    await recorder.until((r) => r.reason === 'Unreachable');
    relay.mend();
    await recorder.until((r) => r.isAvailable && r.loads === 1);
    await written;
    await recorder.until((r) => r.keys.has('binding/a/1'));
    await store.close();
    await relay.close();
  });

  it('gives up a write at its deadline, saying what and why', async () => {
    const relay = await Relay.to(etcd.port);
    const store = client({ endpoints: [`http://127.0.0.1:${relay.port}`], times: { write: 100 } });
    await store.put('binding/a/1', '1');
    relay.hold();
    const error: unknown = await store.put('binding/a/1', '2').catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(StoreError);
    expect(String(error)).to.include('binding/a/1');
    relay.mend();
    await relay.close();
  });

  it('closes soon though etcd says nothing any more', async () => {
    const relay = await Relay.to(etcd.port);
    const store = open({ endpoints: [`http://127.0.0.1:${relay.port}`] });
    const recorder = Recorder.of(store);
    await store.put('proxy/p1', 'here', 'presence');
    await recorder.until((r) => r.loads === 1);
    relay.hold();
    const unwritten = store.put('binding/a/1', '1').catch((caught: unknown) => caught);
    const start = performance.now();
    await store.close().catch((error: unknown) => expect(error).to.be.instanceOf(StoreError));
    expect(performance.now() - start).to.be.lessThan(3000);
    expect(await unwritten).to.be.instanceOf(StoreError);
    await relay.close();
  });

  it('closes while its watch is being opened', async () => {
    const store = open();
    await store.put('binding/a/1', '1');
    const took = await new Promise<number>((resolve, reject) => {
      const recorder = Recorder.of(store);
      // the watch is opened right after
      recorder.loaded = () => {
        const start = performance.now();
        store.close().then(() => resolve(performance.now() - start), reject);
      };
    });
    expect(took).to.be.lessThan(5000);
  });

  it('writes presence again under a new lease when it was lost', async () => {
    const store = client({ times: { presence: { ttl: 2, beat: 100 } } });
    const recorder = Recorder.of(client());
    await store.put('proxy/p1', 'old', 'presence');
    await store.put('proxy/p1', 'new', 'presence');
    await recorder.until((r) => r.keys.get('proxy/p1') === 'new');
    await inEtcd(async (direct) => {
      const kv = (await direct.get(`${prefix()}proxy/p1`).exec()).kvs[0];
      await direct.leaseClient.leaseRevoke({ ID: kv?.lease ?? '0' });
    });
    await recorder.until((r) => r.events.at(-1) === 'put proxy/p1 new' && r.events.at(-2) === 'remove proxy/p1');
  });

  it('keeps presence for longer than its lease lasts', async () => {
    const store = client({ times: { presence: { ttl: 2, beat: 100 } } });
    const recorder = Recorder.of(client());
    await store.put('proxy/p1', 'here', 'presence');
    const end = performance.now() + 3000;
    await until(() => performance.now() > end || recorder.events.includes('remove proxy/p1'));
    expect(recorder.keys.has('proxy/p1')).to.equal(true);
  });

  it('says so when etcd does not know its user', async () => {
    await inEtcd(async (direct) => {
      const root = direct.user('root');
      await direct.role('root').create();
      await root.create('secret');
      await root.addRole('root');
      await direct.auth.authEnable();
    });
    try {
      const recorder = Recorder.of(client({ auth: { username: 'root', password: 'wrong' } }));
      await recorder.until((r) => r.reason === 'Unauthenticated');
      const store = client({ auth: { username: 'root', password: 'secret' } });
      const known = Recorder.of(store);
      await store.put('binding/a/1', 'x');
      await known.until((r) => r.keys.has('binding/a/1'));
    } finally {
      await inEtcd(async () => {
        const root = new Etcd3({ hosts: etcd.endpoint, auth: { username: 'root', password: 'secret' } });
        await root.auth.authDisable();
        root.close();
      });
    }
  });
});
