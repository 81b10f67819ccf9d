import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Etcd3, Range } from 'etcd3';
import { EtcdStore, type EtcdStoreOptions } from '../../../proxy/store/etcd.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { StoreError } from '../../../proxy/store/store.ts';
import { Etcd } from '../../peers/etcd.ts';
import { Relay } from '../../peers/relay.ts';
import { Recorder } from './recorder.ts';
import { HOUR, binding, saved, silent, until } from './records.ts';

const PREFIX = '/sipcluster/v1/test/faults/';
const MIB = 1 << 20;

describe('etcd in trouble', function () {
  this.timeout(60_000);
  let etcd: Etcd;
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    await etcd.stop();
  });

  const start = async (...flags: string[]): Promise<void> => {
    etcd = await Etcd.start(flags);
  };
  const open = (part: Partial<EtcdStoreOptions> = {}): EtcdStore => {
    const options = { geoLocation: 'dc1', endpoints: [etcd.endpoint], prefix: PREFIX, log: silent, now: Date.now };
    const store = new EtcdStore({ ...options, ...part });
    closing.push(() => store.close().catch(() => undefined));
    return store;
  };
  const direct = (part: { auth?: { username: string; password: string } } = {}): Etcd3 => {
    const client = new Etcd3({ hosts: etcd.endpoint, ...part });
    closing.push(async () => client.close());
    return client;
  };

  it('says NoSpace when its quota is full, is read from all the while, and is written to when there is room again', async () => {
    await start('--quota-backend-bytes', String(4 * MIB));
    const store = open({ times: { write: 1500 } });
    const recorder = Recorder.of(store);
    await store.put('binding/a/1', 'before');
    let reason = '';
    // etcd looks at its file, which grows a tenth of a second later than what is put
    for (let i = 0; reason !== 'NoSpace' && i < 500; i++) {
      await store.put('call/large', 'x'.repeat(MIB / 2)).catch((error: unknown) => {
        reason = error instanceof StoreError ? error.reason : String(error);
      });
    }
    expect(reason).to.equal('NoSpace');
    await recorder.until((r) => !r.isAvailable && r.reason === 'NoSpace');
    const other = Recorder.of(open());
    await other.until((r) => r.loads === 1 && r.keys.get('binding/a/1') === 'before');

    const operator = direct();
    const { header } = await operator.kv.range({ key: Buffer.from('x') });
    await operator.kv.compact({ revision: header.revision, physical: true });
    await operator.maintenance.defragment();
    await operator.maintenance.alarm({ action: 'Deactivate', alarm: 'Nospace', memberID: header.member_id });
    // as a replica does, whose write was given up
    for (let written = false; !written;) {
      written = await store.put('binding/a/1', 'after').then(
        () => true,
        () => false,
      );
    }
    await other.until((r) => r.keys.get('binding/a/1') === 'after');
    await recorder.until((r) => r.isAvailable && r.reason === '');
  });

  it('lets nobody be cut off whose token ran out', async () => {
    await start('--auth-token-ttl', '1');
    const auth = { username: 'root', password: 'secret' };
    const root = direct();
    await root.role('root').create();
    await root.user('root').create(auth.password);
    await root.user('root').addRole('root');
    await root.auth.authEnable();
    const relay = await Relay.to(etcd.port);
    closing.push(() => relay.close());
    const watcher = Recorder.of(open({ endpoints: [`http://127.0.0.1:${relay.port}`], auth }));
    const writer = open({ auth });
    await writer.put('binding/a/1', '1');
    await watcher.until((r) => r.keys.get('binding/a/1') === '1');
    // nothing is asked for longer than the token lasts
    const end = performance.now() + 2500;
    await until(() => performance.now() > end);
    await writer.put('binding/a/1', '2');
    await watcher.until((r) => r.keys.get('binding/a/1') === '2');
    relay.cut();
    await watcher.until((r) => !r.isAvailable);
    await until(() => performance.now() > end + 2500);
    relay.mend();
    await watcher.until((r) => r.isAvailable, 10_000);
    await writer.put('binding/a/1', '3');
    await watcher.until((r) => r.keys.get('binding/a/1') === '3');
    expect(watcher.listings).to.equal(1);
  });

  it('refuses no write and loses no watch because rights were changed, though its tokens name the rights of before', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sipcluster-jwt-'));
    closing.push(() => rm(folder, { recursive: true }));
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [pub, priv] = [join(folder, 'pub.pem'), join(folder, 'priv.pem')];
    await writeFile(pub, publicKey.export({ type: 'spki', format: 'pem' }));
    await writeFile(priv, privateKey.export({ type: 'pkcs1', format: 'pem' }));
    await start('--auth-token', `jwt,pub-key=${pub},priv-key=${priv},sign-method=RS256,ttl=10m`);
    const auth = { username: 'root', password: 'secret' };
    const root = direct();
    await root.role('root').create();
    await root.user('root').create(auth.password);
    await root.user('root').addRole('root');
    await root.auth.authEnable();
    const store = open({ auth });
    const watcher = Recorder.of(open({ auth }));
    await store.put('binding/a/1', '1');
    await watcher.until((r) => r.keys.get('binding/a/1') === '1');
    for (const name of ['one', 'two']) {
      const admin = direct({ auth });
      await admin.role(name).create();
      // not refused, which would be for good
      await store.put('binding/a/1', name);
      await watcher.until((r) => r.isAvailable && r.keys.get('binding/a/1') === name);
    }
    const late = Recorder.of(store);
    await late.until((r) => r.loads === 1 && r.keys.get('binding/a/1') === 'two');
  });

  it('says Unauthenticated to who gives no name when it has come to ask for one, and keeps what is to be written', async () => {
    await start();
    const store = open();
    const recorder = Recorder.of(store);
    await store.put('binding/a/1', '1');
    await recorder.until((r) => r.isAvailable);
    const root = direct();
    await root.role('root').create();
    await root.user('root').create('secret');
    await root.user('root').addRole('root');
    await root.auth.authEnable();
    const reason = await store.put('binding/a/1', '2').then(
      () => 'written',
      (error: unknown) => (error instanceof StoreError ? error.reason : String(error)),
    );
    expect(reason, 'what is Refused is given up').to.equal('Unauthenticated');
    await recorder.until((r) => !r.isAvailable && r.reason === 'Unauthenticated');
  });

  it('is out of reach for whom it lets no longer, and followed again without a loss once it does', async () => {
    await start();
    const auth = { username: 'proxy', password: 'secret' };
    const root = direct();
    await root.role('root').create();
    await root.user('root').create('root');
    await root.user('root').addRole('root');
    const role = root.role('shard');
    await role.create();
    const range = { permission: 'Readwrite', range: Range.prefix(PREFIX) } as const;
    await role.grant(range);
    await root.user(auth.username).create(auth.password);
    await root.user(auth.username).addRole('shard');
    await root.auth.authEnable();
    const admin = direct({ auth: { username: 'root', password: 'root' } });
    const relay = await Relay.to(etcd.port);
    closing.push(() => relay.close());
    const watcher = Recorder.of(open({ endpoints: [`http://127.0.0.1:${relay.port}`], auth }));
    const writer = open({ auth });
    await writer.put('binding/a/1', '1');
    await watcher.until((r) => r.keys.get('binding/a/1') === '1');
    await admin.role('shard').revoke(range);
    relay.cut();
    await watcher.until((r) => !r.isAvailable);
    relay.mend();
    await watcher.until((r) => r.reason === 'Unauthenticated', 10_000);
    await admin.put(`${PREFIX}binding/b/1`).value('meanwhile').exec();
    await admin.role('shard').grant(range);
    await watcher.until((r) => r.isAvailable && r.keys.get('binding/b/1') === 'meanwhile', 10_000);
    expect(watcher.listings).to.equal(1);
    await writer.put('binding/a/1', '2');
    await watcher.until((r) => r.keys.get('binding/a/1') === '2');
  });

  it('gets back what a backup lacks, from what proxies know, and no contact that was removed since', async () => {
    await start();
    const own = open();
    const replica = new Replica({ proxy: 'p1', boot: 'b1', own, others: [], now: Date.now, log: silent });
    closing.push(() => replica.close());
    replica.start();
    await until(() => replica.ready, undefined, 10_000);
    const register = (aor: string, part: { removed?: true } = {}): Promise<void> => {
      const stamp = replica.stamp(aor, binding().id, 'call-1', part.removed === true ? 2 : 1, Date.now());
      return saved(replica, { ...binding({ aor, expires: Date.now() + HOUR, stamp }), ...part });
    };
    await register('before@example.com');
    await register('removed@example.com');
    await etcd.backUp();
    await until(() => replica.stores[0]?.available === true, undefined, 20_000);
    await register('after@example.com');
    await register('removed@example.com', { removed: true });
    await etcd.restore();
    const outside = Recorder.of(open());
    const key = (aor: string): string => `binding/${aor}/${binding().id}`;
    await until(
      () => {
        replica.expire(Date.now());
        return (
          outside.keys.has(key('after@example.com')) &&
          (outside.keys.get(key('removed@example.com')) ?? '').includes('"x":1')
        );
      },
      () => [...outside.keys.keys()],
      20_000,
    );
    expect(outside.keys.has(key('before@example.com'))).to.equal(true);
    expect(replica.bindings('removed@example.com', Date.now())).to.deep.equal([]);
  });
});
