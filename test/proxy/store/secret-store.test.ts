import { expect } from 'chai';
import { MemoryCluster } from '../../../proxy/store/memory.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { SecretStore } from '../../../proxy/store/secret-store.ts';
import { StoreError } from '../../../proxy/store/store.ts';
import { storeContract } from './contract.ts';
import { Recorder } from './recorder.ts';
import { proxyRecord, silent, until } from './records.ts';

describe('a store with credentials', () => {
  let cluster: MemoryCluster;
  /** What its files hold. */
  let secret: string | undefined;
  let opened: string[];
  beforeEach(() => {
    cluster = new MemoryCluster({ now: Date.now });
    secret = 'first';
    opened = [];
  });
  const open = (geoLocation = 'dc1'): SecretStore<string> =>
    new SecretStore({
      geoLocation,
      read: () => {
        if (secret === undefined) throw new Error('no such file: password');
        return secret;
      },
      open: (credentials) => {
        opened.push(credentials);
        return cluster.store(geoLocation);
      },
      log: silent,
      every: 5,
    });

  describe('as any store', () => storeContract(() => open()));

  it('is out of reach until its Secret is there, and says what is missing', async () => {
    secret = undefined;
    const store = open();
    const recorder = Recorder.of(store);
    expect([recorder.isAvailable, recorder.reason]).to.deep.equal([false, 'SecretMissing']);
    const error: unknown = await store.put('a', '1').catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(StoreError).with.property('reason', 'SecretMissing');
    expect(String(error)).to.include('no such file: password');
    const told: unknown[] = [];
    const outcome = { committed: () => told.push('committed'), failed: (caught: unknown) => told.push(caught) };
    store.write({ key: 'a', value: '1', life: undefined, held: undefined }, outcome);
    expect(told).to.deep.equal([]);
    await until(() => told.length === 1);
    expect(told[0]).to.be.instanceOf(StoreError).with.property('reason', 'SecretMissing');
    secret = 'there';
    await recorder.until((r) => r.isAvailable && r.loads === 1);
    await store.put('a', '1');
    await recorder.until((r) => r.keys.get('a') === '1');
    await store.close();
  });

  it('leaves out that data centre alone: the proxy is ready and knows all that can be known', async () => {
    const own = cluster.store('dc1');
    secret = undefined;
    const replica = new Replica({ proxy: 'p1', boot: 'b1', own, others: [open('dc2')], now: Date.now, log: silent });
    replica.start();
    await until(() => replica.ready && replica.complete);
    expect(replica.stores[1]).to.include({ available: false, loaded: false, reason: 'SecretMissing' });
    secret = 'there';
    await until(() => replica.stores[1]?.loaded === true);
    await replica.close();
  });

  it('is opened anew with changed credentials, with its presence all the while', async () => {
    const store = open();
    const recorder = Recorder.of(store);
    const outside = Recorder.of(cluster.store('dc1'));
    await store.put('proxy/p1', JSON.stringify(proxyRecord('p1')), 'presence');
    await outside.until((r) => r.keys.has('proxy/p1'));
    secret = 'second';
    await recorder.until((r) => r.loads === 2);
    await store.put('a', '1');
    await recorder.until((r) => r.keys.has('a'));
    expect(opened).to.deep.equal(['first', 'second']);
    expect(outside.events.filter((event) => event.startsWith('remove'))).to.deep.equal([]);
    await store.close();
    await outside.until((r) => !r.keys.has('proxy/p1'));
  });

  it('goes on with the credentials it has while the new ones can not be read', async () => {
    const store = open();
    const recorder = Recorder.of(store);
    await recorder.until((r) => r.loads === 1);
    secret = undefined;
    const end = performance.now() + 30;
    await until(() => performance.now() > end);
    await store.put('a', '1');
    expect([recorder.isAvailable, opened]).to.deep.equal([true, ['first']]);
    await store.close();
  });
});
