import { expect } from 'chai';
import { Etcd3 } from 'etcd3';
import { EtcdStore } from '../../../proxy/store/etcd.ts';
import { Watch } from '../../../proxy/store/watch.ts';
import { Etcd } from '../../peers/etcd.ts';
import { Relay } from '../../peers/relay.ts';
import { Recorder } from './recorder.ts';
import { HOUR, silent } from './records.ts';

describe('watch of etcd behind a bad link', function () {
  this.timeout(60_000);
  let etcd: Etcd;
  let relay: Relay;
  /** Watches through the relay. */
  let store: EtcdStore;
  let recorder: Recorder;
  /** Writes straight to etcd. */
  let writer: EtcdStore;
  let range = 0;

  before(async () => {
    etcd = await Etcd.start();
  });
  after(() => etcd.stop());

  const open = (port: number): EtcdStore =>
    new EtcdStore({
      geoLocation: 'dc1',
      endpoints: [`http://127.0.0.1:${port}`],
      prefix: `/sipcluster/v1/watch/${range}/`,
      log: silent,
      now: Date.now,
      times: { watch: { ask: 200, giveUp: 600 } },
    });

  beforeEach(async () => {
    range++;
    relay = await Relay.to(etcd.port);
    store = open(relay.port);
    writer = open(etcd.port);
    recorder = Recorder.of(store);
    await recorder.until((r) => r.loads === 1);
  });
  afterEach(async () => {
    relay.mend();
    await Promise.all([store.close(), writer.close()]);
    await relay.close();
  });

  const write = async (from: number, count: number): Promise<void> => {
    const life = { expires: Date.now() + HOUR };
    await Promise.all(
      Array.from({ length: count }, (_, i) => writer.put(`binding/u${from + i}/1`, 'x'.repeat(200), life)),
    );
  };
  const direct = async (act: (client: Etcd3) => Promise<unknown>): Promise<void> => {
    const client = new Etcd3({ hosts: etcd.endpoint });
    await act(client);
    client.close();
  };

  it('resumes after a cut where it was, without a list', async () => {
    await write(0, 10);
    await recorder.until((r) => r.keys.size === 10);
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    await write(10, 10);
    await writer.remove('binding/u0/1');
    relay.mend();
    await recorder.until((r) => r.keys.size === 19 && r.isAvailable);
    expect(recorder.listings).to.equal(1);
    expect(recorder.puts, 'nothing twice').to.equal(20);
  });

  /** Lets the watch catch up with `count` keys over a link that is cut again and again, each time a little later. */
  const catchUp = async (count: number, growth: number): Promise<number> => {
    let cuts = 0;
    for (let bytes = 20_000; recorder.keys.size < count; bytes *= growth) {
      relay.mend();
      relay.cutAfter(bytes);
      await recorder.until((r) => r.isAvailable || r.keys.size === count);
      await recorder.until((r) => !r.isAvailable || r.keys.size === count);
      cuts++;
    }
    return cuts;
  };

  const compact = (): Promise<void> =>
    direct(async (client) => {
      const { revision } = (await client.get('x').exec()).header;
      await client.kv.compact({ revision, physical: true });
    });

  /** Each put is a revision: etcd sends them in several parts. */
  const putSingly = (count: number): Promise<void> =>
    direct(async (client) => {
      for (let i = 0; i < count; i += 250) {
        const puts = Array.from({ length: 250 }, (_, j) => `/sipcluster/v1/watch/${range}/binding/u${i + j}/1`);
        await Promise.all(puts.map((key) => client.put(key).value('x'.repeat(200)).exec()));
      }
    });

  it('loses nothing of 5,000 puts that it catches up with, though the link is cut again and again meanwhile', async () => {
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    await putSingly(5000);
    expect(await catchUp(5000, 1.4)).to.be.greaterThan(3);
    expect(recorder.listings).to.equal(1);
    relay.mend();
    await write(5000, 1);
    await recorder.until((r) => r.keys.size === 5001);
  });

  it('takes in what it missed a little at a time: calls do not wait for it', async () => {
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    await write(0, 3000);
    let [most, now] = [0, 0];
    const put = recorder.put.bind(recorder);
    recorder.put = (key, value) => {
      if (now++ === 0)
        setImmediate(() => {
          most = Math.max(most, now);
          now = 0;
        });
      put(key, value);
    };
    relay.mend();
    await recorder.until((r) => r.keys.size === 3000);
    expect(recorder.listings).to.equal(1);
    expect(most).to.be.at.most(200);
  });

  it('loses nothing of revisions that etcd sends in fragments, though the link is cut between them', async () => {
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    const life = { expires: Date.now() + HOUR };
    const count = 2560;
    await Promise.all(Array.from({ length: count }, (_, i) => writer.put(`binding/u${i}/1`, 'x'.repeat(3000), life)));
    expect(await catchUp(count, 1.25)).to.be.greaterThan(3);
    expect(recorder.listings).to.equal(1);
  });

  /** Cuts the link for good in the middle of a catch-up with `count` keys. */
  const cutWhileCatchingUp = async (count: number): Promise<void> => {
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    await putSingly(count);
    relay.mend();
    relay.cutAfter((count * 270) / 2);
    await recorder.until((r) => r.isAvailable);
    await recorder.until((r) => !r.isAvailable);
    expect(recorder.keys.size).to.be.greaterThan(0);
    expect(recorder.keys.size).to.be.lessThan(count);
    expect(recorder.listings).to.equal(1);
  };

  it('lists again as restored when what it has yet to catch up with was compacted away', async () => {
    await cutWhileCatchingUp(5000);
    await writer.remove('binding/u0/1');
    await compact();
    relay.mend();
    await recorder.until((r) => r.loads === 2 && r.keys.size === 4999);
    expect(recorder.restorations).to.equal(1);
  });

  it('lists again as restored when etcd was replaced while it caught up', async () => {
    await cutWhileCatchingUp(5000);
    await etcd.replace({ asAnother: true });
    relay.mend();
    await recorder.until((r) => r.restorations === 1 && r.isAvailable, 10_000);
    await write(9000, 1);
    await recorder.until((r) => r.keys.size === 1 && r.keys.has('binding/u9000/1'));
  });

  it('lists again from the start when the link is cut in the middle of a list', async () => {
    await write(0, 3000);
    const cut = await Relay.to(etcd.port);
    const other = open(cut.port);
    cut.cutAfter(300_000);
    const late = Recorder.of(other);
    await late.until((r) => r.listings === 1 && r.reason !== '');
    expect(late.loads).to.equal(0);
    cut.mend();
    await late.until((r) => r.loads === 1);
    expect(late.keys.size).to.equal(3000);
    expect(late.listings).to.equal(2);
    await other.close();
    await cut.close();
  });

  it('notices a link that says nothing any more, and reopens', async () => {
    await write(0, 1);
    await recorder.until((r) => r.keys.size === 1);
    relay.hold();
    await write(1, 5);
    await recorder.until((r) => !r.isAvailable);
    relay.mend();
    await recorder.until((r) => r.isAvailable && r.keys.size === 6);
    expect(recorder.listings).to.equal(1);
  });

  it('does not take a quiet range for a broken link', async () => {
    await write(0, 1);
    await recorder.until((r) => r.keys.size === 1);
    let lost = 0;
    const available = recorder.available.bind(recorder);
    recorder.available = (isAvailable, reason) => {
      if (!isAvailable) lost++;
      available(isAvailable, reason);
    };
    const end = performance.now() + 1500;
    await recorder.until(() => performance.now() > end);
    expect(lost).to.equal(0);
  });

  it('lists again when what it missed was compacted away, and knows what was removed', async () => {
    await write(0, 3);
    await recorder.until((r) => r.keys.size === 3);
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    await writer.remove('binding/u0/1');
    await write(3, 1);
    await compact();
    relay.mend();
    await recorder.until((r) => r.loads === 2);
    expect([...recorder.keys.keys()].toSorted()).to.deep.equal(['binding/u1/1', 'binding/u2/1', 'binding/u3/1']);
    expect(recorder.restorations, 'a restore that bumps the revision looks the same').to.equal(1);
  });

  it('goes on when etcd is restarted with its data', async () => {
    await write(0, 3);
    await recorder.until((r) => r.keys.size === 3);
    await etcd.kill();
    await recorder.until((r) => !r.isAvailable);
    await etcd.restart();
    await write(3, 3);
    await recorder.until((r) => r.keys.size === 6 && r.isAvailable);
    expect(recorder.listings).to.equal(1);
  });

  it('lists again as restored when another cluster is there that is further on: only its id tells', async () => {
    await write(0, 3);
    await recorder.until((r) => r.keys.size === 3);
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    await etcd.replace({ asAnother: true });
    await direct(async (client) => {
      for (let i = 0; i < 50; i++) await client.put('elsewhere').value(i).exec();
      await client.put(`/sipcluster/v1/watch/${range}/binding/u9/1`).value('there').exec();
    });
    relay.mend();
    await recorder.until((r) => r.restorations === 1 && r.isAvailable, 10_000);
    expect([...recorder.keys]).to.deep.equal([['binding/u9/1', 'there']]);
  });

  /** Revisions that concern nobody. */
  const grow = (count: number): Promise<void> =>
    direct(async (client) => {
      for (let i = 0; i < count; i++) await client.put('elsewhere').value(i).exec();
    });
  /** The store is set back, and has more in it than ever before when it is seen again. */
  const setBack = async (after?: () => Promise<void>): Promise<void> => {
    await write(0, 1);
    await etcd.backUp();
    await write(1, 3);
    await recorder.until((r) => r.keys.size === 4 && r.isAvailable, 10_000);
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    await etcd.restore();
    await write(7, 1);
    await grow(50);
    await after?.();
    relay.mend();
    await recorder.until((r) => r.loads === 2 && r.isAvailable, 10_000);
    expect([...recorder.keys.keys()].toSorted()).to.deep.equal(['binding/u0/1', 'binding/u7/1']);
    expect(recorder.restorations).to.equal(1);
  };

  it('lists again as restored when a backup is there that was marked as compacted beyond what was seen', () =>
    setBack(compact));

  it('lists again as restored when a backup is there that has grown beyond what was seen', () => setBack());

  it('knows a backup by its lower term, also where all that was seen was in it', async () => {
    await write(0, 1);
    await recorder.until((r) => r.keys.size === 1);
    await etcd.backUp();
    // each start is an election
    for (let i = 0; i < 2; i++) await etcd.restart();
    await recorder.until((r) => r.isAvailable, 10_000);
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    expect(recorder.listings).to.equal(1);
    await etcd.restore();
    await grow(50);
    relay.mend();
    await recorder.until((r) => r.restorations === 1 && r.isAvailable, 10_000);
  });

  it('resumes where another key than the last one was changed or removed meanwhile', async () => {
    await write(0, 3);
    await recorder.until((r) => r.keys.size === 3);
    relay.cut();
    await recorder.until((r) => !r.isAvailable);
    for (let i = 0; i < 3; i++) await writer.remove(`binding/u${i}/1`);
    relay.mend();
    await recorder.until((r) => r.keys.size === 0 && r.isAvailable);
    expect(recorder.listings).to.equal(1);
  });

  it('lists anew when it is told so while it lists', async () => {
    await write(0, 3000);
    const client = new Etcd3({ hosts: etcd.endpoint });
    const follower = new Recorder();
    const prefix = `/sipcluster/v1/watch/${range}/`;
    const watch = new Watch({ client, prefix, follower, log: silent });
    const put = follower.put.bind(follower);
    follower.put = (key, value) => {
      put(key, value);
      if (follower.puts === 500) watch.relist(true);
    };
    watch.start();
    await follower.until((r) => r.loads === 1);
    expect([follower.listings, follower.restorations]).to.deep.equal([2, 1]);
    await watch.close();
    client.close();
  });

  for (const asAnother of [true, false]) {
    it(`lists again as restored when etcd is replaced by an empty one ${asAnother ? 'of another' : 'with the same'} cluster id`, async () => {
      await write(0, 3);
      await writer.put('proxy/p1', 'here', 'presence');
      await recorder.until((r) => r.keys.size === 4);
      await etcd.replace({ asAnother });
      await recorder.until((r) => r.restorations === 1 && r.isAvailable, 10_000);
      await recorder.until((r) => r.keys.has('proxy/p1') && r.keys.size === 1, 10_000);
    });
  }
});
