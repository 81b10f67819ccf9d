import { expect } from 'chai';
import { Etcd3, Range } from 'etcd3';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prefix } from '../../../proxy/store/keys.ts';
import { openStore } from '../../../proxy/store/open.ts';
import { StoreError, type Store } from '../../../proxy/store/store.ts';
import { Etcd } from '../../peers/etcd.ts';
import { Authority } from '../transport/certificates.ts';
import { Recorder } from './recorder.ts';
import { HOUR, silent } from './records.ts';

const SHARD = { namespace: 'voice', cluster: 'contact-center', switch: 'SIP_Switch', dn: 'DN' };
const RANGE = prefix(SHARD.namespace, SHARD.cluster, SHARD.switch, SHARD.dn);
const ROOT = { username: 'root', password: 'root-secret' };

describe('etcd with TLS, client certificates and users', function () {
  this.timeout(60_000);
  let folder: string;
  let etcd: Etcd;
  const stores: Store[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sipcluster-etcd-tls-'));
    const authority = await Authority.make('authority of etcd');
    const server = await authority.issue({ names: ['localhost'], commonName: 'etcd' });
    await writeSecret('server', { 'ca.crt': authority.pem, 'tls.crt': server.cert, 'tls.key': server.key });
    const client = await authority.issue({ commonName: 'proxy' });
    await writeSecret('client', { 'ca.crt': authority.pem, 'tls.crt': client.cert, 'tls.key': client.key });
    const other = await Authority.make('other');
    await writeSecret('distrustful', { 'ca.crt': other.pem, 'tls.crt': client.cert, 'tls.key': client.key });
    await writeSecret('nameless', { 'ca.crt': authority.pem });
    for (const [name, password] of Object.entries({ own: 'own-secret', far: 'far-secret' }))
      await writeSecret(name, { username: name, password });
    const file = (name: string): string => join(folder, 'server', name);
    etcd = await Etcd.start(['--client-cert-auth', '--trusted-ca-file', file('ca.crt')], {
      tls: { cert: file('tls.crt'), key: file('tls.key') },
    });
    await makeUsers(authority.pem, client);
  });
  after(async () => {
    await etcd.stop();
    await rm(folder, { recursive: true });
  });
  afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

  // Node.js has no TLS to a bare address
  const endpoint = (): string => `https://localhost:${etcd.port}`;
  async function writeSecret(name: string, files: Readonly<Record<string, string>>): Promise<void> {
    await mkdir(join(folder, name));
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, name, file), text);
  }
  /** As docs/store.md says: its own data centre's proxies read and write, others' read. */
  async function makeUsers(ca: string, client: { cert: string; key: string }): Promise<void> {
    const credentials = {
      rootCertificate: Buffer.from(ca),
      certChain: Buffer.from(client.cert),
      privateKey: Buffer.from(client.key),
    };
    const open = new Etcd3({ hosts: endpoint(), credentials });
    await open.role('root').create();
    await open.user('root').create(ROOT.password);
    await open.user('root').addRole('root');
    for (const [name, permission] of [
      ['own', 'Readwrite'],
      ['far', 'Read'],
    ] as const) {
      const role = open.role(name);
      await role.create();
      await role.grant({ permission, range: Range.prefix(RANGE) });
      await open.user(name).create(`${name}-secret`);
      await open.user(name).addRole(name);
    }
    await open.auth.authEnable();
    open.close();
  }
  const proxyOf = (auth: string, tls = 'client'): Store => {
    const config = {
      geoLocation: 'dc1',
      endpoints: [endpoint()],
      tls: join(folder, tls),
      auth: join(folder, auth),
    };
    const store = openStore(config, SHARD, { log: silent, now: Date.now });
    stores.push(store);
    return store;
  };

  it('is written to by its own proxies and followed by those of other data centres', async () => {
    const own = proxyOf('own');
    const [here, far] = [Recorder.of(own), Recorder.of(proxyOf('far'))];
    await own.put('binding/a/1', 'x', { expires: Date.now() + HOUR });
    await own.put('proxy/p1', 'here', 'presence');
    for (const recorder of [here, far])
      await recorder.until((r) => r.keys.get('binding/a/1') === 'x' && r.keys.has('proxy/p1'), 20_000);
  });

  it('is not written to by those of other data centres', async () => {
    const refused: unknown = await proxyOf('far')
      .put('binding/b/1', 'x')
      .catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(StoreError).with.property('reason', 'Unauthenticated');
  });

  it('is out of reach for who trusts another authority, and for who shows no certificate', async () => {
    for (const tls of ['distrustful', 'nameless']) {
      const recorder = Recorder.of(proxyOf('own', tls));
      await recorder.until((r) => r.reason !== '' && r.reason !== 'NotYetReached', 20_000);
      expect([recorder.reason, recorder.loads]).to.deep.equal(['Unreachable', 0]);
    }
  });
});
