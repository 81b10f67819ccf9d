import { expect } from 'chai';
import type { Etcd3 } from 'etcd3';
import { pino } from 'pino';
import { EtcdUpkeep, isWorthIt } from '../../operator/etcd-upkeep.ts';
import { etcdClient } from '../../proxy/store/etcd-client.ts';
import { Etcd } from '../peers/etcd.ts';
import { GivenTime } from './given-time.ts';

const LOG = pino({ level: 'silent' });
const MiB = 2 ** 20;

describe('looking after a managed etcd', function () {
  this.timeout(60_000);
  let etcd: Etcd | undefined;
  let client: Etcd3;

  async function start(flags: readonly string[]): Promise<void> {
    etcd = await Etcd.start(flags);
    client = etcdClient({ endpoints: [etcd.endpoint] });
  }
  afterEach(async () => {
    client?.close();
    await etcd?.stop();
    etcd = undefined;
  });
  const size = async (): Promise<number> => Number((await client.maintenance.status()).dbSize);

  /** Writes one key over and over, and lets its history be forgotten: pages that nobody uses. */
  async function fill(times: number): Promise<void> {
    const value = 'x'.repeat(MiB);
    for (let i = 0; i < times; i++) await client.put('key').value(value);
    const { header } = await client.kv.range({ key: Buffer.from('key') });
    await client.kv.compact({ revision: header.revision, physical: true });
    // Pages that a compaction frees count as empty only after another write, where a read was open meanwhile.
    const told = Date.now() + 20_000;
    while (Number((await client.maintenance.status()).dbSizeInUse) > 16 * MiB && Date.now() < told)
      await client.put('other').value('');
  }

  it('is worth it where more than half is empty, and it is much', () => {
    expect(isWorthIt({ dbSize: String(100 * MiB), dbSizeInUse: String(49 * MiB) })).to.equal(true);
    expect(isWorthIt({ dbSize: String(100 * MiB), dbSizeInUse: String(51 * MiB) })).to.equal(false);
    expect(isWorthIt({ dbSize: String(40 * MiB), dbSizeInUse: '0' })).to.equal(false);
  });

  it('gives back what compaction has freed, and looks again only after a while', async () => {
    await start([]);
    await fill(80);
    expect(await size()).to.be.above(64 * MiB);
    const clock = new GivenTime();
    const upkeep = new EtcdUpkeep(clock, LOG);
    const members = [{ endpoint: etcd?.endpoint ?? '', access: {} }];
    await upkeep.tend('store', members);
    expect(await size()).to.be.below(16 * MiB);
    await fill(80);
    await upkeep.tend('store', members);
    expect(await size()).to.be.above(64 * MiB);
    await clock.move(600_000);
    await upkeep.tend('store', members);
    expect(await size()).to.be.below(16 * MiB);
  });

  it('lets one that has run out of room take writes again', async () => {
    await start(['--quota-backend-bytes=20000000']);
    // how much of what it took etcd counts, it sees only when that is on the disk
    const refused = await fill(300).catch((error: unknown) => String(error));
    expect(refused).to.contain('space');
    const { header } = await client.kv.range({ key: Buffer.from('key') });
    await client.kv.compact({ revision: header.revision, physical: true });
    await new EtcdUpkeep(new GivenTime(), LOG).tend('store', [{ endpoint: etcd?.endpoint ?? '', access: {} }]);
    await client.put('key').value('y');
    expect((await client.maintenance.alarm({ action: 'Get' })).alarms).to.deep.equal([]);
  });

  it('touches no member while another does not answer', async () => {
    await start([]);
    await fill(80);
    const before = await size();
    const members = [etcd?.endpoint ?? '', 'http://127.0.0.1:1'].map((endpoint) => ({ endpoint, access: {} }));
    await new EtcdUpkeep(new GivenTime(), LOG).tend('store', members);
    expect(await size()).to.equal(before);
  });
});
