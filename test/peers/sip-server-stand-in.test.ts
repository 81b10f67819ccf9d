import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DnsServerStandIn } from './dns-server-stand-in.ts';
import { ownAddress } from './loopback.ts';
import { Phone, type PhoneOptions } from './phone.ts';
import { SipServerPair } from './sip-server-process.ts';
import { SipRefusal } from './sip-refusal.ts';

const domain = 'sip.example.com';
const name = 'ss1.example.com';
const folder = mkdtempSync(join(tmpdir(), 'sip-server-'));
const accounts = join(folder, 'accounts');

describe('phones and a SIP Server pair, directly', function () {
  this.timeout(15_000);
  const dead = ownAddress();
  const bobAt = ownAddress();
  let dns: DnsServerStandIn;
  let phones: Phone[] = [];

  before(async () => {
    writeFileSync(accounts, 'alice secret\nbob secret # the callee\ncarol secret 500\n');
    dns = await DnsServerStandIn.start();
  });
  afterEach(async () => {
    await Promise.all(phones.map((one) => one.close()));
    phones = [];
  });
  after(async () => {
    await dns.close();
    rmSync(folder, { recursive: true });
  });

  /** Bob's phone stands where the pair's proxies will, behind a dead one. The pair is reached by its name. */
  function newPair(...more: string[]): SipServerPair {
    const [primary, backup] = [ownAddress(), ownAddress()];
    dns.sip(name, [
      { address: primary, port: 5060, priority: 1 },
      { address: backup, port: 5060, priority: 2 },
    ]);
    return new SipServerPair({
      primary: `${primary}:5060`,
      backup: `${backup}:5060`,
      linkPort: 5999,
      accounts,
      domain,
      outbound: [`${dead}:5060`, `${bobAt}:5060`],
      more: ['--dns', dns.address, '--contact-host', name, '--promotion-time', '50', ...more],
    });
  }

  async function phone(user: string, options: Partial<PhoneOptions> = {}): Promise<Phone> {
    const address = user === 'bob' ? bobAt : ownAddress();
    const common = { user, domain, password: 'secret', address, port: 5060, proxy: name, dns: dns.address };
    const one = await Phone.start({ ...common, patience: { other: 300 }, ...options });
    phones.push(one);
    return one;
  }

  describe('while nothing fails', () => {
    let pair: SipServerPair;
    before(async () => {
      pair = newPair();
      await pair.starts();
    });
    after(() => pair.ends());

    it('register after one challenge, and are listed with what was granted', async () => {
      const alice = await phone('alice');
      await alice.registers();
      expect(alice.counter.of('received 401 to REGISTER')).to.equal(1);
      expect(alice.isRegistered).to.equal(true);
      expect(alice.contacts).to.deep.equal([alice.contact]);
      await alice.unregisters();
      expect(alice.contacts).to.deep.equal([]);
      expect(alice.counter.of('received 401 to REGISTER')).to.equal(1);
    });

    it('are refused with a wrong password, as strangers, and as their account says', async () => {
      expect(await refusalOf((await phone('alice', { password: 'wrong' })).registers())).to.equal(403);
      expect(await refusalOf((await phone('eve')).registers())).to.equal(403);
      expect(await refusalOf((await phone('carol')).registers())).to.equal(500);
    });

    for (const transport of ['UDP', 'TCP'] as const) {
      it(`call, hold, resume, send INFO and hang up over ${transport}`, async () => {
        const bob = await phone('bob');
        const alice = await phone('alice', { transport });
        const [call, answered] = await Promise.all([alice.calls('bob'), bob.answers()]);
        await call.holds();
        expect(answered.remoteDirection).to.equal('sendonly');
        expect(call.remoteDirection).to.equal('recvonly');
        await call.resumes();
        await answered.sendsInfo();
        expect(alice.counter.of('received INFO')).to.equal(1);
        await answered.hangsUp();
        expect(await call.ended).to.equal('there');
        expect(alice.counter.of('missed ACK') + bob.counter.of('missed ACK')).to.equal(0);
      });
    }

    it('give up a call that rings', async () => {
      const bob = await phone('bob');
      const alice = await phone('alice');
      const call = alice.dials('bob');
      const ringing = await bob.isCalled();
      await call.rings;
      await call.cancels();
      expect(await ringing.ended).to.equal('there');
      expect(alice.counter.of('received 487 to INVITE')).to.equal(1);
    });

    it('hear the callee refuse', async () => {
      await phone('bob', { answering: 486 });
      expect(await refusalOf((await phone('alice')).calls('bob'))).to.equal(486);
    });

    it('see X-Genesys-Route in INVITEs when the server is told to write it', async () => {
      const bob = await phone('bob', { answering: 486 });
      const alice = await phone('alice');
      await refusalOf(alice.calls('bob'));
      await pair.primary.routesBy('sip:127.0.0.7:5060');
      await refusalOf(alice.calls('bob'));
      const routes = bob.had.map(({ invitedWith }) => /X-Genesys-Route: (\S+)/.exec(invitedWith)?.[1]);
      expect(routes).to.deep.equal([undefined, '<sip:127.0.0.7:5060>']);
    });
  });

  describe('when a member fails', () => {
    let pair: SipServerPair;
    beforeEach(() => {
      pair = newPair('--heartbeat-timeout', '300');
    });
    afterEach(() => pair.ends());

    for (const loss of ['is killed', 'pauses', 'is superseded'] as const) {
      it(`go on with their call through the backup when the primary ${loss}`, async () => {
        const bob = await phone('bob');
        const alice = await phone('alice');
        await pair.starts();
        await alice.registers();
        const [call, answered] = await Promise.all([alice.calls('bob'), bob.answers()]);
        if (loss === 'is killed') await pair.primary.isKilled();
        else if (loss === 'pauses') pair.primary.pauses();
        else pair.backup.isPromoted();
        await pair.backup.serves();
        await call.holds();
        expect(answered.remoteDirection).to.equal('sendonly');
        await alice.registers(); // by the nonce of the primary
        expect(alice.counter.of('received 401 to REGISTER')).to.equal(1);
        await answered.sendsInfo();
        await answered.hangsUp();
        expect(await call.ended).to.equal('there');
      });
    }

    it('find the old primary standing by when it wakes, and serving when the other dies', async () => {
      await pair.starts();
      pair.primary.pauses();
      await pair.backup.serves();
      pair.primary.wakes();
      await pair.primary.follows();
      expect((await pair.backup.status())?.state).to.equal('Active');
      await pair.backup.isKilled();
      await pair.primary.serves();
      expect((await pair.primary.status())?.epoch).to.equal(3);
    });

    it('find a killed primary standing by once it is started again', async () => {
      await pair.starts();
      await pair.primary.isKilled();
      await pair.backup.serves();
      await pair.primary.starts();
      await pair.primary.follows();
      expect((await pair.primary.status())?.state).to.equal('Backup');
    });

    it('have a nonce renewed that is stale, and never one that stays so', async () => {
      pair = newPair('--nonce-life', '0');
      await pair.primary.starts();
      const alice = await phone('alice');
      expect(await refusalOf(alice.registers())).to.equal(401);
      expect(alice.counter.of('received 401 to REGISTER')).to.equal(4);
    });
  });

  describe('while a backup stands by', () => {
    let pair: SipServerPair;
    afterEach(() => pair.ends());

    for (const [mode, answer] of [
      ['503', 503],
      ['200', 200],
      ['silent', 'silence'],
      ['closed', 'refused'],
    ] as const) {
      it(`hear ${answer} from it when its mode is ${mode}`, async () => {
        pair = newPair('--backup-mode', mode);
        await pair.backup.starts();
        const probe = await phone('alice', { proxy: pair.backup.sip });
        expect(await probe.asksOptions(250)).to.equal(answer);
      });
    }
  });
});

/** The status a request was refused with. */
function refusalOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof SipRefusal ? error.status : error),
  );
}
