import { expect } from 'chai';
import { Etcd3 } from 'etcd3';
import { pino } from 'pino';
import { Ownership } from '../../operator/ownership.ts';
import { realClock } from '../../operator/real-clock.ts';
import { etcdClient } from '../../proxy/store/etcd-client.ts';
import { eventually } from '../peers/deadline.ts';
import { Etcd } from '../peers/etcd.ts';

describe('who runs a data centre', function () {
  this.timeout(60_000);
  let etcd: Etcd;
  /** As the operator has it. */
  let client: Etcd3;
  let direct: Etcd3;
  const running: Ownership[] = [];

  before(async () => {
    etcd = await Etcd.start();
    client = etcdClient({ endpoints: [etcd.endpoint] });
    direct = new Etcd3({ hosts: etcd.endpoint });
  });
  after(async () => {
    client.close();
    direct.close();
    await etcd.stop();
  });
  afterEach(async () => {
    for (const ownership of running.splice(0)) await ownership.close(true);
  });

  function claims(uid: string, prefix: string): Ownership {
    const ownership = new Ownership({
      client,
      prefix,
      geoLocation: 'dc1',
      uid,
      // only the pauses are shorter
      clock: { ...realClock, sleep: (ms, signal) => realClock.sleep(ms / 50, signal) },
      log: pino({ level: 'silent' }),
      changed: () => undefined,
    });
    running.push(ownership);
    ownership.start();
    return ownership;
  }
  const until = (ownership: Ownership, claim: Ownership['claim']): Promise<void> =>
    eventually(10_000, JSON.stringify(claim), () => JSON.stringify(ownership.claim) === JSON.stringify(claim));

  it('is the first that says so, under a lease; another cluster is told who that is', async () => {
    await until(claims('uid-a', '/one/'), 'Held');
    const lease = (await direct.get('/one/owner/dc1').exec()).kvs[0]?.lease;
    expect(lease).not.to.be.oneOf([undefined, '0']);
    const second = claims('uid-b', '/one/');
    await until(second, { other: 'uid-a' });
    expect(JSON.parse((await direct.get('/one/owner/dc1')) ?? '')).to.deep.equal({ v: 1, uid: 'uid-a' });
  });

  it('is another as soon as the first gives it up', async () => {
    const first = claims('uid-a', '/two/');
    await until(first, 'Held');
    const second = claims('uid-b', '/two/');
    await until(second, { other: 'uid-a' });
    await first.close(true);
    await until(second, 'Held');
  });

  it('stays the same cluster when another of its operators leads, without giving way to others', async () => {
    const before = claims('uid-a', '/three/');
    await until(before, 'Held');
    await before.close(false);
    const other = claims('uid-b', '/three/');
    await until(other, { other: 'uid-a' });
    const next = claims('uid-a', '/three/');
    await until(next, 'Held');
    const { kvs } = await direct.get('/three/owner/dc1').exec();
    expect(JSON.parse(kvs[0]?.value.toString() ?? '')).to.deep.equal({ v: 1, uid: 'uid-a' });
  });

  it('claims it again when its lease was lost', async () => {
    const first = claims('uid-a', '/four/');
    await until(first, 'Held');
    const lease = (await direct.get('/four/owner/dc1').exec()).kvs[0]?.lease ?? '';
    await direct.leaseClient.leaseRevoke({ ID: lease });
    await eventually(10_000, 'it is there again', async () => (await direct.get('/four/owner/dc1')) !== null);
    await until(first, 'Held');
  });

  it('says that there is nobody to ask where no etcd answers', async () => {
    const nowhere = new Etcd3({ hosts: 'http://127.0.0.1:1', dialTimeout: 500 });
    const ownership = new Ownership({
      client: nowhere,
      prefix: '/five/',
      geoLocation: 'dc1',
      uid: 'uid-a',
      clock: realClock,
      log: pino({ level: 'silent' }),
      changed: () => undefined,
    });
    ownership.start();
    await until(ownership, 'Unreachable');
    await ownership.close(true);
    nowhere.close();
  });
});
