import { expect } from 'chai';
import { EtcdStore, type EtcdStoreOptions } from '../../../proxy/store/etcd.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { EtcdMembers } from '../../peers/etcd-members.ts';
import { Recorder } from './recorder.ts';
import { HOUR, MINUTE, binding, proxyRecord, saved, silent, until } from './records.ts';

const PREFIX = '/sipcluster/v1/test/members/';

describe('etcd of three members', function () {
  this.timeout(60_000);
  let etcd: EtcdMembers;
  const closing: (() => Promise<void>)[] = [];
  let writer: EtcdStore;
  let recorder: Recorder;

  beforeEach(async () => {
    etcd = await EtcdMembers.start();
    writer = open();
    recorder = Recorder.of(open());
    await recorder.until((r) => r.loads === 1, 20_000);
  });
  afterEach(async () => {
    for (const member of etcd.members) member.resume();
    for (const close of closing.splice(0).toReversed()) await close();
    await etcd.stop();
  });

  function open(part: Partial<EtcdStoreOptions> = {}): EtcdStore {
    const store = new EtcdStore({
      geoLocation: 'dc1',
      endpoints: etcd.endpoints,
      prefix: PREFIX,
      log: silent,
      now: Date.now,
      times: { watch: { ask: 200, giveUp: 600 } },
      ...part,
    });
    closing.push(() => store.close().catch(() => undefined));
    return store;
  }
  /** Writes so many keys, each tried until it is in, as a replica does. */
  const write = async (from: number, count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        for (let done = false; !done;) {
          done = await writer.put(`binding/u${from + i}/1`, 'x', { expires: Date.now() + HOUR }).then(
            () => true,
            () => false,
          );
        }
      }),
    );
  };
  const has = (count: number): Promise<void> => recorder.until((r) => r.keys.size === count && r.isAvailable, 20_000);

  it('loses no write and no event when its leader hands over', async () => {
    await write(0, 100);
    const writing = write(100, 1000);
    await etcd.moveLeader();
    await writing;
    await has(1100);
    expect(recorder.listings).to.equal(1);
  });

  for (const role of ['leader', 'follower'] as const) {
    it(`loses no write and no event when its ${role} dies and comes back`, async () => {
      await write(0, 100);
      const [leader, follower] = await etcd.byRole();
      const victim = role === 'leader' ? leader : follower;
      const writing = write(100, 1000);
      await victim.kill();
      await writing;
      await has(1100);
      await victim.restart();
      await write(1100, 100);
      await has(1200);
      expect(recorder.listings).to.equal(1);
    });
  }

  it('is written to, and listed, while a member says nothing', async () => {
    await write(0, 5000);
    const [, follower] = await etcd.byRole();
    follower.pause();
    // whoever was connected to it finds out
    await write(5000, 200);
    await has(5200);
    let late = 0;
    for (let i = 0; i < 100; i++) {
      const start = performance.now();
      await write(5200 + i, 1);
      if (performance.now() - start > 1500) late++;
    }
    expect(late, 'a call to the silent one lasts 2 s: now and then one finds out').to.be.at.most(2);
    const another = Recorder.of(open());
    await another.until((r) => r.loads === 1, 20_000);
    expect(another.keys.size).to.equal(5300);
    expect(another.listings).to.equal(1);
  });

  it('is written to, listed and watched though one of its endpoints is a learner, which can do none of it', async () => {
    const learner = await etcd.addLearner();
    closing.push(() => learner.stop());
    const endpoints = [learner.endpoint, ...etcd.endpoints];
    const watchers = Array.from({ length: 4 }, () => Recorder.of(open({ endpoints })));
    const stores = Array.from({ length: 8 }, () => open({ endpoints }));
    const life = { expires: Date.now() + HOUR };
    // none of these is refused, nor tried again by whoever wrote it
    for (const [i, store] of stores.entries())
      for (let n = 0; n < 5; n++) await store.put(`binding/u${5 * i + n}/1`, 'x', life);
    for (const watcher of watchers) await watcher.until((r) => r.keys.size === 40 && r.isAvailable, 20_000);
    const alone = Recorder.of(open({ endpoints: [learner.endpoint] }));
    await alone.until((r) => r.reason === 'Unreachable');
    expect(alone.loads).to.equal(0);
  });

  it('is out of reach where only one member is left, which serves no old news for new, and in reach with the second', async () => {
    await write(0, 10);
    const [leader, one, other] = await etcd.byRole();
    await Promise.all([leader.kill(), one.kill()]);
    await recorder.until((r) => !r.isAvailable, 20_000);
    const late = Recorder.of(open({ endpoints: [other.endpoint] }));
    await late.until((r) => r.reason !== '', 20_000);
    expect(late.loads, 'what one member has may be old').to.equal(0);
    const writing = write(10, 10);
    await one.restart();
    await writing;
    await has(20);
    await late.until((r) => r.loads === 1 && r.keys.size === 20, 20_000);
    expect(recorder.listings).to.equal(1);
  });

  const replicaOf = async (clock: { now: number }): Promise<Replica> => {
    const options = { proxy: 'p1', boot: 'b1', others: [], now: () => clock.now, log: silent };
    const replica = new Replica({ ...options, own: open({ now: () => clock.now }) });
    closing.push(() => replica.close());
    replica.start();
    await until(() => replica.ready, undefined, 20_000);
    replica.publishProxy(proxyRecord('p1'));
    return replica;
  };
  const register = (replica: Replica, user: string, expires: number, part: { removed?: true } = {}): Promise<void> => {
    const aor = `${user}@example.com`;
    const cseq = (replica.binding(aor, binding().id)?.stamp.cseq ?? 0) + 1;
    const stamp = replica.stamp(aor, binding().id, `call-${user}`, cseq, expires - HOUR);
    return saved(replica, { ...binding({ aor, expires, stamp }), ...part });
  };
  const knows = (replica: Replica, user: string, now: number): boolean =>
    replica.bindings(`${user}@example.com`, now).length === 1;

  it('may be away for an hour: phones stay registered and register anew, and it has all of it when it is back', async () => {
    const clock = { now: Date.now() };
    const replica = await replicaOf(clock);
    await Promise.all(['kept', 'removed', 'silent'].map((user) => register(replica, user, clock.now + HOUR)));
    await etcd.kill();
    await until(() => replica.stores[0]?.available === false, undefined, 20_000);
    // an hour in which phones refresh, come and go
    for (let minute = 0; minute < 60; minute++) {
      clock.now += MINUTE;
      replica.expire(clock.now);
      if (minute % 20 === 10) void register(replica, 'kept', clock.now + HOUR);
      if (minute === 20) void register(replica, 'new', clock.now + HOUR);
      if (minute === 30) void register(replica, 'removed', clock.now + HOUR, { removed: true });
      expect(knows(replica, 'kept', clock.now)).to.equal(true);
    }
    expect(['kept', 'new', 'removed', 'silent'].map((user) => knows(replica, user, clock.now + 1))).to.deep.equal([
      ...[true, true, false, false],
    ]);
    await etcd.restart();
    const outside = Recorder.of(open());
    const key = (user: string): string => `binding/${user}@example.com/${binding().id}`;
    const expiry = (user: string): number => (JSON.parse(outside.keys.get(key(user)) ?? '{"e":0}') as { e: number }).e;
    await until(
      () => {
        replica.expire(clock.now);
        return (
          expiry('kept') > clock.now &&
          expiry('new') > clock.now &&
          (outside.keys.get(key('removed')) ?? '').includes('"x":1')
        );
      },
      () => [...outside.keys],
      20_000,
    );
    await until(() => replica.stores[0]?.available === true, undefined, 20_000);
  });

  it('may be set back to an older backup: what proxies know is written again, and nothing removed comes back', async () => {
    const clock = { now: Date.now() };
    const replica = await replicaOf(clock);
    await Promise.all(['before', 'removed'].map((user) => register(replica, user, clock.now + HOUR)));
    await etcd.backUp();
    await until(() => replica.stores[0]?.available === true, undefined, 20_000);
    await register(replica, 'after', clock.now + HOUR);
    await register(replica, 'removed', clock.now + HOUR, { removed: true });
    await etcd.restore();
    const outside = Recorder.of(open());
    const key = (user: string): string => `binding/${user}@example.com/${binding().id}`;
    await until(
      () => {
        replica.expire(Date.now());
        return outside.keys.has(key('after')) && (outside.keys.get(key('removed')) ?? '').includes('"x":1');
      },
      () => [...outside.keys],
      20_000,
    );
    expect(outside.keys.has(key('before'))).to.equal(true);
    expect(knows(replica, 'removed', Date.now())).to.equal(false);
  });

  it('is asked anew where its watch brings no heartbeats though proxies live there, and misses nothing', async () => {
    const clock = { now: Date.now() };
    const deaf = new EtcdStore({
      ...{ geoLocation: 'dc1', endpoints: etcd.endpoints, prefix: PREFIX, log: silent, now: () => clock.now },
    });
    closing.push(() => deaf.close());
    let reopened = 0;
    const reopen = deaf.reopen.bind(deaf);
    deaf.reopen = (why) => {
      reopened++;
      expect(why).to.include('dc1');
      reopen(why);
    };
    const options = { proxy: 'p1', boot: 'b1', others: [], now: () => clock.now, log: silent };
    const replica = new Replica({ ...options, own: deaf });
    closing.push(() => replica.close());
    replica.start();
    await until(() => replica.ready, undefined, 20_000);
    const beat = (): Promise<void> =>
      writer.put('health/p2', JSON.stringify({ v: 1, geoLocation: 'dc1', at: clock.now, pairs: [] }));
    await writer.put('proxy/p2', JSON.stringify({ v: 1, ...proxyRecord('p2') }), 'presence');
    await beat();
    await until(() => replica.proxies.has('p2') && replica.health.has('p2'));
    for (const seconds of [5, 5, 4]) {
      clock.now += seconds * 1000;
      replica.expire(clock.now);
    }
    expect(reopened, 'not before three periods').to.equal(0);
    clock.now += 2000;
    replica.expire(clock.now);
    replica.expire(clock.now);
    expect(reopened).to.equal(1);
    await writer.put('proxy/p3', JSON.stringify({ v: 1, ...proxyRecord('p3') }), 'presence');
    await until(() => replica.proxies.has('p3') && replica.stores[0]?.available === true, undefined, 20_000);
    await beat();
    await until(() => (replica.stores[0]?.lag ?? Infinity) === 0);
    clock.now += 14_000;
    replica.expire(clock.now);
    expect(reopened).to.equal(1);
  });
});
