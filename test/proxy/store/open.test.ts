import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdStore } from '../../../proxy/store/etcd.ts';
import { MemoryStore } from '../../../proxy/store/memory.ts';
import { openStore } from '../../../proxy/store/open.ts';
import { silent } from './records.ts';

describe('opening a store', () => {
  const shard = { namespace: 'voice', cluster: 'contact-center', switch: 'SIP_Switch', dn: 'DN' };
  const options = { log: silent, now: Date.now };

  it('opens memory where the configuration says so', async () => {
    const store = openStore({ geoLocation: 'dc1', memory: true }, shard, options);
    expect(store).to.be.instanceOf(MemoryStore);
    expect(store.geoLocation).to.equal('dc1');
    await store.close();
  });

  it('opens etcd, which need not be there', async () => {
    const store = openStore({ geoLocation: 'dc1', endpoints: ['http://127.0.0.1:1'] }, shard, options);
    expect(store).to.be.instanceOf(EtcdStore);
    await store.close();
  });

  it('reads credentials, and says which file it can not read', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'open-store-'));
    const config = { geoLocation: 'dc1', endpoints: ['http://127.0.0.1:1'], auth: directory };
    expect(() => openStore(config, shard, options)).to.throw(/dc1.*username/);
    await writeFile(join(directory, 'username'), 'root\n');
    await writeFile(join(directory, 'password'), 'secret\n');
    await openStore(config, shard, options).close();
    expect(() => openStore({ ...config, tls: directory }, shard, options)).to.throw(/dc1.*ca\.crt/);
    await rm(directory, { recursive: true });
  });
});
