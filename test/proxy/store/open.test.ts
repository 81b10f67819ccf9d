import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EtcdStore } from '../../../proxy/store/etcd.ts';
import { MemoryStore } from '../../../proxy/store/memory.ts';
import { openStore } from '../../../proxy/store/open.ts';
import { Recorder } from './recorder.ts';
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

  it('reads credentials, and waits for those that are not there yet', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'open-store-'));
    const config = { geoLocation: 'dc1', endpoints: ['http://127.0.0.1:1'], auth: directory };
    const told = async (more: object = {}): Promise<string> => {
      const store = openStore({ ...config, ...more }, shard, options);
      const recorder = Recorder.of(store);
      await recorder.until((r) => r.reason !== '');
      await store.close();
      return recorder.reason;
    };
    expect(await told()).to.equal('SecretMissing');
    await writeFile(join(directory, 'username'), 'root\n');
    await writeFile(join(directory, 'password'), 'secret\n');
    expect(await told()).to.equal('Unreachable');
    expect(await told({ tls: directory }), 'no ca.crt').to.equal('SecretMissing');
    await rm(directory, { recursive: true });
  });
});
