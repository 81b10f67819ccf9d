import { expect } from 'chai';
import fc from 'fast-check';
import { decodeCalls } from '../../../proxy/store/call-segment.ts';
import { encodeCall } from '../../../proxy/store/codec.ts';
import { callKey, proxyKey } from '../../../proxy/store/keys.ts';
import { MemoryCluster, type MemoryStore } from '../../../proxy/store/memory.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { HOUR, MINUTE, NOW, proxyRecord, silent } from './records.ts';

describe('call log', () => {
  let cluster: MemoryCluster;
  let now: number;
  const replicas = new Map<string, Replica>();
  /** What each proxy sees of its own data centre's. */
  const stores = new Map<string, MemoryStore>();

  beforeEach(() => {
    now = NOW;
    cluster = new MemoryCluster({ now: () => now });
  });
  afterEach(() => Promise.all([...replicas.keys()].map(close)));

  /** Opens `p1@dc1`. */
  const open = async (name: string, boot = 'b1'): Promise<Replica> => {
    const geoLocation = name.slice(name.indexOf('@') + 1);
    const [own, other] = geoLocation === 'dc1' ? ['dc1', 'dc2'] : ['dc2', 'dc1'];
    const store = cluster.store(own);
    stores.set(name, store);
    const replica = new Replica({
      proxy: name,
      boot,
      own: store,
      others: [cluster.store(other)],
      now: () => now,
      log: silent,
    });
    replicas.set(name, replica);
    replica.start();
    await settle();
    replica.publishProxy(proxyRecord(name, { geoLocation, boot }));
    await settle();
    return replica;
  };
  const close = async (name: string): Promise<void> => {
    await replicas.get(name)?.close();
    replicas.delete(name);
  };
  /** Lets news arrive and what is due be done. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const replica of replicas.values()) replica.expire(now);
    }
  };
  /** Lets so much time pass that segments are tended. */
  const pass = async (minutes = 2): Promise<void> => {
    for (let i = 0; i < minutes; i++) {
      now += MINUTE;
      await settle();
    }
  };
  const begin = (replica: Replica, callId: string, proxy = 'p1@dc1', pair = 'ss1'): void =>
    replica.saveCall({ callId, pair, proxy, since: now, expires: now + 4 * HOUR });
  const keys = (geoLocation = 'dc1'): string[] =>
    [...cluster.entries(geoLocation).keys()].filter((key) => key.startsWith('call/'));
  const known = (replica: Replica): string[] => [...replica.allCalls()].map(({ callId }) => callId).toSorted();
  const ids = (count: number, name = 'c'): string[] => Array.from({ length: count }, (_, i) => `${name}${1000 + i}`);

  it('writes many calls in one key, and the others know them', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc2')];
    for (const id of ids(128)) begin(a, id);
    await settle();
    expect(keys()).to.deep.equal(['call/p1@dc1/b1.0']);
    expect(b.call('c1007')).to.deep.include({ pair: 'ss1', proxy: 'p1@dc1', since: NOW });
    expect([...b.allCalls()][0]).to.include({ geoLocation: 'dc1' });
  });

  it('writes nothing of a call that fails before it was written', async () => {
    const a = await open('p1@dc1');
    begin(a, 'c1');
    a.endCall('c1');
    await settle();
    expect(keys()).to.deep.equal([]);
    expect(a.counters['callsWaiting']).to.equal(0);
  });

  it('has a call over everywhere when any proxy ends it, and nothing left of it in any store soon after', async () => {
    const [a, b, c] = [await open('p1@dc1'), await open('p2@dc1'), await open('p3@dc2')];
    const all = [a, b, c];
    for (const id of ['c1', 'c2', 'c3']) begin(a, id);
    await settle();
    all.forEach((replica, i) => replica.endCall(`c${i + 1}`));
    await settle();
    expect(all.map(known)).to.deep.equal([[], [], []]);
    expect(all.map((replica) => replica.counts(now).calls)).to.deep.equal([0, 0, 0]);
    await pass(4);
    expect([keys('dc1'), keys('dc2')]).to.deep.equal([[], []]);
    expect(all.map(({ counters }) => counters['callsKnown'])).to.deep.equal([0, 0, 0]);
  });

  it('is not told by a proxy that starts later of calls that ended', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc2')];
    for (const id of ids(50)) begin(a, id);
    await settle();
    for (const id of ids(49)) b.endCall(id);
    await settle();
    for (let i = 0; i < 5; i++) {
      expect(known(await open(`late${i}@dc2`))).to.deep.equal(['c1049']);
      await pass(1);
    }
  });

  it('holds no more in the store than a few times the calls in progress', async () => {
    const a = await open('p1@dc1');
    for (let minute = 0; minute < 60; minute++) {
      for (const id of ids(60, `m${minute}-`)) begin(a, id);
      await settle();
      // all but three of each minute's calls are over after one
      for (const id of ids(57, `m${minute - 1}-`)) a.endCall(id);
      await pass(1);
    }
    const inProgress = a.counts(now).calls;
    expect(inProgress).to.equal(60 + 59 * 3);
    const written = [...cluster.entries('dc1')]
      .filter(([key]) => key.startsWith('call/'))
      .reduce((sum, [, value]) => sum + (decodeCalls(value)?.records.length ?? 0), 0);
    expect(written).to.be.within(inProgress, 3 * inProgress);
    expect(keys().length).to.be.lessThan(20);
    expect(known(await open('p2@dc1'))).to.deep.equal(known(a));
  });

  it('holds one mark a call that ended in another data centre than it began, though its segment there stays', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc2')];
    for (const id of ids(60)) begin(a, id);
    await settle();
    for (const id of ids(8)) {
      b.endCall(id);
      await settle();
    }
    expect(keys('dc2')).to.have.length(8);
    await pass(5);
    expect(keys('dc2')).to.have.length(1);
    const written = b.counters['callSegmentsWritten'];
    await pass(20);
    expect(b.counters['callSegmentsWritten']).to.equal(written);
    const c = await open('p3@dc1');
    expect([a, b, c].map((replica) => known(replica).length)).to.deep.equal([52, 52, 52]);
    for (const id of ids(60)) a.endCall(id);
    await settle();
    await pass(3);
    expect([...keys('dc1'), ...keys('dc2')]).to.deep.equal([]);
  });

  it('has a dead proxy’s calls tended by another of its data centre', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc1')];
    for (let i = 0; i < 6; i++) {
      for (const id of ids(20, `s${i}-`)) begin(a, id);
      await settle();
    }
    await close('p1@dc1');
    await pass();
    expect(keys().every((key) => key.startsWith('call/p2@dc1/'))).to.equal(true);
    expect(known(b)).to.have.length(120);
    expect(b.call('s0-1000')?.proxy, 'who had it').to.equal('p1@dc1');
    // and so has the same proxy when it is back
    const again = await open('p1@dc1', 'b2');
    for (const id of known(b)) again.endCall(id);
    await pass(4);
    expect(keys()).to.deep.equal([]);
  });

  it('writes again what a store lost', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc2')];
    for (const id of ids(10)) begin(a, id);
    await settle();
    cluster.lose('dc1');
    await settle();
    expect(known(b), 'a loss is no end').to.have.length(10);
    await pass(1);
    expect(keys()).to.have.length(1);
    b.endCall('c1000');
    await pass(3);
    expect([known(a), known(b)]).to.deep.equal([ids(10).slice(1), ids(10).slice(1)]);
  });

  it('tells the one who wrote of a call that it ended, where a backup brings back only that it began', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc1')];
    begin(a, 'over');
    await pass(0);
    a.flushCalls();
    await settle();
    const [backup] = [...cluster.entries('dc1')].filter(([key]) => key.startsWith('call/'));
    a.endCall('over');
    await settle();
    expect(known(b)).to.deep.equal([]);
    const link = stores.get('p2@dc1');
    link?.setCut(true);
    await pass(4);
    expect(keys(), 'p1 has forgotten it').to.deep.equal([]);
    link?.reconnect(true);
    link?.setCut(false);
    await cluster.store('dc1').put(backup?.[0] ?? '', backup?.[1] ?? '', { expires: now + HOUR });
    await settle();
    expect([known(a), known(b)]).to.deep.equal([['over'], []]);
    await pass(6);
    expect([known(a), known(b), keys()]).to.deep.equal([[], [], []]);
  });

  it('keeps news until the store is back, and of calls that are over by then nothing', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc2')];
    cluster.setAvailable('dc1', false);
    for (const id of ids(1000)) begin(a, id);
    for (const id of ids(990)) a.endCall(id);
    await settle();
    expect(a.counters['callsWaiting']).to.equal(10);
    cluster.setAvailable('dc1', true);
    await settle();
    expect(known(b)).to.deep.equal(ids(1000).slice(990));
    expect(keys()).to.have.length(1);
  });

  it('keeps no more news of calls than there are calls, however long the store is away', async () => {
    const a = await open('p1@dc1');
    cluster.setAvailable('dc1', false);
    for (const id of ids(500)) begin(a, id);
    await settle();
    expect(a.counters['callsWaiting']).to.equal(500);
    now += 4 * HOUR;
    for (const id of ids(10, 'd')) begin(a, id);
    await settle();
    expect(a.counters['callsWaiting']).to.equal(10);
  });

  it('ends a call when its session is over, unless it is refreshed, at whichever proxy', async () => {
    const [a, b, c] = [await open('p1@dc1'), await open('p2@dc1'), await open('p3@dc2')];
    for (const id of ['never', 'here', 'there', 'untimed']) begin(a, id);
    for (const id of ['never', 'here', 'there']) a.keepCall(id, now + 30 * MINUTE);
    await pass(20);
    a.keepCall('here', now + 30 * MINUTE);
    b.keepCall('there', now + 30 * MINUTE);
    await pass(20);
    expect([a, b, c].map(known)).to.deep.equal([
      ['here', 'there', 'untimed'],
      ['here', 'there', 'untimed'],
      ['here', 'there', 'untimed'],
    ]);
    await pass(20);
    expect([a, b, c].map(known)).to.deep.equal([['untimed'], ['untimed'], ['untimed']]);
    await pass(4 * 60);
    expect([a, b, c].map(known)).to.deep.equal([[], [], []]);
  });

  it('has no end set for a call that began again, at the same proxy or another', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc1')];
    for (const id of ['same', 'other', 'never']) {
      begin(a, id);
      a.keepCall(id, now + MINUTE);
    }
    await pass(0);
    now += 1000;
    begin(a, 'same');
    begin(b, 'other', 'p2@dc1');
    await pass(1);
    await close('p2@dc1');
    await pass(5);
    expect(known(a)).to.deep.equal(['other', 'same']);
  });

  it('knows no call by a Call-ID so long that a segment of such would not fit into etcd', async () => {
    const [a, b] = [await open('p1@dc1'), await open('p2@dc2')];
    begin(a, 'x'.repeat(513));
    begin(a, 'x'.repeat(512));
    await pass(1);
    expect(known(b)).to.deep.equal(['x'.repeat(512)]);
  });

  describe('beside a release that knows one call a key only', () => {
    const { layout: _none, ...old } = { ...proxyRecord('old@dc1'), layout: 1 };
    const oldStore = async (): Promise<ReturnType<MemoryCluster['store']>> => {
      const store = cluster.store('dc1');
      await store.put(proxyKey('old@dc1'), JSON.stringify({ v: 1, ...old }), 'presence');
      return store;
    };
    const record = { callId: 'c1', pair: 'ss1', proxy: 'old@dc1', since: NOW, expires: NOW + HOUR };

    it('writes calls so that it can read them, and in segments when it is gone', async () => {
      const a = await open('p1@dc1');
      const store = await oldStore();
      await settle();
      begin(a, 'c1');
      await settle();
      expect(keys()).to.deep.equal(['call/c1']);
      a.endCall('c1');
      await settle();
      expect(keys()).to.deep.equal([]);
      await store.close();
      await settle();
      begin(a, 'c2');
      await settle();
      expect(keys()).to.deep.equal(['call/p1@dc1/b1.0']);
    });

    it('knows its calls, and ends them the way it does', async () => {
      const [a, b] = [await open('p1@dc1'), await open('p2@dc2')];
      const store = await oldStore();
      for (const callId of ['c1', 'c2']) await store.put(callKey(callId), encodeCall({ ...record, callId }));
      await settle();
      expect([known(a), known(b)]).to.deep.equal([
        ['c1', 'c2'],
        ['c1', 'c2'],
      ]);
      a.endCall('c1');
      b.endCall('c2');
      await settle();
      expect(keys('dc1'), 'removed in its own store').to.deep.equal(['call/c2']);
      expect(cluster.entries('dc2').get('call/c2'), 'marked in the other').to.include('"d":1');
      expect([known(a), known(b)]).to.deep.equal([[], []]);
    });

    it('takes over the calls it leaves behind', async () => {
      const a = await open('p1@dc1');
      const store = await oldStore();
      for (const callId of ids(8)) await store.put(callKey(callId), encodeCall({ ...record, callId }));
      await store.close();
      await settle();
      await pass(2);
      expect(keys()).to.deep.equal(['call/p1@dc1/b1.0']);
      expect(known(a)).to.deep.equal(ids(8));
    });
  });

  it('loses no call that goes on and shows none that ended, whatever dies and is cut off', async function () {
    this.timeout(30_000);
    const action = fc.record({
      kind: fc.constantFrom('begin', 'begin', 'begin', 'end', 'end', 'restart', 'cut', 'mend', 'lose', 'wait', 'wait'),
      at: fc.nat(3),
      call: fc.nat(12),
    });
    const names = ['p1@dc1', 'p2@dc1', 'p3@dc2', 'p4@dc2'];
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        now = NOW;
        cluster = new MemoryCluster({ now: () => now });
        await Promise.all([...replicas.keys()].map(close));
        const up = new Set<string>();
        for (const name of names) await open(name);
        let boots = 0;
        for (const { kind, at, call } of actions) {
          const name = names[at] ?? '';
          const replica = replicas.get(name);
          const id = `c${call}`;
          if (kind === 'restart' || kind === 'lose') {
            // nothing dies while it is the only one that knows
            for (const geo of ['dc1', 'dc2']) cluster.setAvailable(geo, true);
            await settle();
          }
          if (kind === 'begin' && !up.has(id)) {
            now += 1;
            if (replica !== undefined) begin(replica, id, name);
            up.add(id);
            await settle();
          } else if (kind === 'end' && replica?.call(id) !== undefined) {
            replica.endCall(id);
            up.delete(id);
            await settle();
          } else if (kind === 'restart') {
            await close(name);
            await pass(2);
            await open(name, `b${++boots + 1}`);
          } else if (kind === 'cut' || kind === 'mend') {
            cluster.setAvailable(at < 2 ? 'dc1' : 'dc2', kind === 'mend');
          } else if (kind === 'lose') {
            cluster.lose(at < 2 ? 'dc1' : 'dc2');
            await pass(1);
          } else if (kind === 'wait') await pass(1);
        }
        for (const geo of ['dc1', 'dc2']) cluster.setAvailable(geo, true);
        await pass(6);
        const expected = [...up].toSorted();
        for (const [name, replica] of replicas) expect(known(replica), name).to.deep.equal(expected);
        expect(known(await open('late@dc1')), 'a late reader').to.deep.equal(expected);
      }),
      { numRuns: 60 },
    );
  });
});
