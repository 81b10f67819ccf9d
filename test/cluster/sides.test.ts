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
  const [address, colleague] = [ownAddress(), ownAddress()];
  let pair: SipServerPair;
  let proxies: RunningProxy[] = [];
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
    proxies = await Promise.all([starts('p1', address), starts('p2', colleague)]);
    await eventually(10_000, 'both proxies know the pair and each other', () =>
      proxies.every((one) => one.status().pairs[0]?.active === 'primary' && one.status().proxies.length === 2),
    );

    async function starts(name: string, at: string): Promise<RunningProxy> {
      const options = config({
        place: { name, address: at },
        domains: [domain],
        fqdn: {},
        listeners: [
          { transport: 'UDP', port: 5070, side: 'Internal' },
          { transport: 'UDP', port: 5060, side: 'External' },
          { transport: 'TCP', port: 5060, side: 'External' },
        ],
        servers: [{ name: 'ss1', geoLocation: 'dc1', weight: 1, members }],
      });
      const stores = (geoLocation: string) => memory.store(geoLocation);
      return await startProxy(options, { log: pino({ level: 'silent' }), hash: 'test', stores });
    }
  });
  afterEach(async () => {
    await Promise.all(phones.map((one) => one.close()));
    phones = [];
  });
  after(async () => {
    await Promise.all(proxies.map((one) => one.close()));
    await pair?.ends();
    rmSync(folder, { recursive: true });
  });

  async function phone(user: string, transport: 'UDP' | 'TCP', by = address): Promise<Phone> {
    const options = { user, domain, password: 'secret', address: ownAddress(), port: 5060, transport };
    const one = await Phone.start({ ...options, proxy: `${by}:5060`, answering: 'automatically' });
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

  it('are led back by the listener for phones, too, where another proxy holds the flow of the one called', async () => {
    const alice = await phone('alice', 'TCP');
    const bob = await phone('bob', 'TCP', colleague);
    const call = await alice.calls('bob');
    const [answered] = bob.had;
    await answered?.holds();
    expect(call.remoteDirection).to.equal('sendonly');
    await answered?.hangsUp();
    expect(await call.ended).to.equal('there');
  });
});
