import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import { eventually } from '../peers/deadline.ts';
import { ownAddress } from '../peers/loopback.ts';
import { Phone } from '../peers/phone.ts';
import { SipServerPair } from '../peers/sip-server-process.ts';
import { config } from '../proxy/routing/scene.ts';

const domain = 'sip.example.com';

describe('SIP Servers and phones at listeners of their own, without a name for Record-Route', function () {
  this.timeout(30_000);
  const folder = mkdtempSync(join(tmpdir(), 'sipcluster-'));
  const address = ownAddress();
  let pair: SipServerPair;
  let proxy: RunningProxy;
  let phones: Phone[] = [];

  before(async () => {
    const accounts = join(folder, 'accounts');
    writeFileSync(accounts, 'alice secret\nbob secret\n');
    const [primary, backup] = [ownAddress(), ownAddress()];
    const outbound = [`${address}:5070`];
    const places = { primary: `${primary}:5060`, backup: `${backup}:5060`, linkPort: 5999 };
    pair = new SipServerPair({ ...places, accounts, domain, outbound });
    await pair.starts();
    const memory = new MemoryCluster({ now: Date.now });
    const member = (role: 'primary' | 'backup', host: string) => ({
      role,
      host,
      port: 5060,
      transport: 'UDP' as const,
    });
    const members = [member('primary', primary), member('backup', backup)];
    proxy = await startProxy(
      config({
        place: { name: 'p1', address },
        domains: [domain],
        fqdn: {},
        listeners: [
          { transport: 'UDP', port: 5070, side: 'Internal' },
          { transport: 'UDP', port: 5060, side: 'External' },
          { transport: 'TCP', port: 5060, side: 'External' },
        ],
        servers: [{ name: 'ss1', geoLocation: 'dc1', weight: 1, members }],
      }),
      { log: pino({ level: 'silent' }), hash: 'test', stores: (name) => memory.store(name) },
    );
    await eventually(10_000, 'the pair is in service', () => proxy.status().pairs[0]?.active === 'primary');
  });
  afterEach(async () => {
    await Promise.all(phones.map((one) => one.close()));
    phones = [];
  });
  after(async () => {
    await proxy?.close();
    await pair?.ends();
    rmSync(folder, { recursive: true });
  });

  async function phone(user: string, transport: 'UDP' | 'TCP'): Promise<Phone> {
    const options = { user, domain, password: 'secret', address: ownAddress(), port: 5060, transport };
    const one = await Phone.start({ ...options, proxy: `${address}:5060`, answering: 'automatically' });
    phones.push(one);
    await one.registers();
    return one;
  }

  for (const [caller, callee] of [
    ['TCP', 'UDP'],
    ['UDP', 'UDP'],
    ['UDP', 'TCP'],
  ] as const) {
    it(`are led back each by their own: a call from ${caller} to ${callee} is held, taken back and ended`, async () => {
      const alice = await phone('alice', caller);
      const bob = await phone('bob', callee);
      const call = await alice.calls('bob');
      await call.holds();
      await call.resumes();
      const [answered] = bob.had;
      await answered?.holds();
      expect(call.remoteDirection).to.equal('sendonly');
      await answered?.hangsUp();
      expect(await call.ended).to.equal('there');
    });
  }
});
