import { expect } from 'chai';
import { MemoryCluster } from '../../../proxy/store/memory.ts';
import { StoreError } from '../../../proxy/store/store.ts';
import { storeContract } from './contract.ts';
import { Recorder } from './recorder.ts';
import { HOUR, MINUTE, NOW } from './records.ts';

describe('memory store', () => {
  let cluster: MemoryCluster;
  let now: number;

  beforeEach(() => {
    now = NOW;
    cluster = new MemoryCluster({ now: () => now });
  });

  storeContract(() => cluster.store('dc1'));

  it('keeps the data centres apart', async () => {
    await cluster.store('dc1').put('binding/a/1', 'one');
    expect(cluster.entries('dc1').size).to.equal(1);
    expect(cluster.entries('dc2').size).to.equal(0);
  });

  it('tells after a cut what was missed', async () => {
    const store = cluster.store('dc1');
    const recorder = Recorder.of(store);
    await recorder.until((r) => r.loads === 1);
    store.setCut(true);
    expect(recorder.isAvailable).to.equal(false);
    await cluster.store('dc1').put('binding/a/1', 'one');
    expect(recorder.keys.size).to.equal(0);
    store.setCut(false);
    await recorder.until((r) => r.keys.size === 1 && r.isAvailable);
    expect(recorder.listings).to.equal(1);
  });

  it('rejects writes while it is away', async () => {
    cluster.setAvailable('dc1', false);
    const error: unknown = await cluster
      .store('dc1')
      .put('call/1', 'pair')
      .catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(StoreError).with.property('reason', 'Unreachable');
  });

  it('lists again as restored when it lost all it held, and has presence written again', async () => {
    const store = cluster.store('dc1');
    const recorder = Recorder.of(store);
    await store.put('binding/a/1', 'one');
    await store.put('proxy/p1', 'here', 'presence');
    await recorder.until((r) => r.keys.size === 2);
    cluster.lose('dc1');
    await recorder.until((r) => r.restorations === 1 && r.keys.size === 1);
    expect([...recorder.keys.keys()]).to.deep.equal(['proxy/p1']);
  });

  it('cleans up a minute after the expiry, not before', async () => {
    const store = cluster.store('dc1');
    await store.put('binding/a/1', 'one', { expires: NOW + HOUR });
    now = NOW + HOUR + MINUTE - 1;
    await store.put('call/1', 'pair');
    expect(cluster.entries('dc1').has('binding/a/1')).to.equal(true);
    now += 20_000;
    await store.put('call/2', 'pair');
    expect(cluster.entries('dc1').has('binding/a/1')).to.equal(false);
  });
});
