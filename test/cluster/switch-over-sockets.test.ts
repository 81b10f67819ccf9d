import { expect } from 'chai';
import { pino } from 'pino';
import type { MemberConfig, ProxyConfig } from '../../proxy/config.ts';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import type { Hop } from '../../proxy/transport/hop.ts';
import { TlsMaterial } from '../../proxy/transport/tls-material.ts';
import { bye, cancel, invite, respond } from '../builders.ts';
import { eventually } from '../peers/deadline.ts';
import { ownAddress } from '../peers/loopback.ts';
import { Authority, Directories } from '../proxy/transport/certificates.ts';
import { Scene } from '../proxy/transport/scene.ts';

type Transport = MemberConfig['transport'];
interface Heard {
  readonly message: Message;
  readonly from: Hop;
}

const NAME = 'ss1.example.com';
const LOG = pino({ level: 'silent' });

/** Whoever sends and takes SIP over real sockets, without any logic but what the test says. */
class Peer {
  readonly address = ownAddress();
  readonly heard: Heard[] = [];
  /** A SIP Server's: how it answers OPTIONS; 0: it does not. */
  options = 0;
  #scene: Scene | undefined;

  async opens(transport: Transport, directory?: string): Promise<void> {
    const tls = directory === undefined ? {} : { tls: directory };
    this.#scene = await Scene.open({
      tls: new TlsMaterial({ log: LOG, now: Date.now }),
      listeners: [{ transport, address: this.address, port: portOf(transport), ...tls }],
      onMessage: (text, from) => {
        const message = parseMessage(text);
        if (message.method !== 'OPTIONS') this.heard.push({ message, from });
        else if (this.options !== 0) this.sends(respond(message, this.options), from);
      },
    });
  }

  /** Its process is gone: ports are closed, connections reset. */
  async closes(): Promise<void> {
    await this.#scene?.transports.close();
    this.#scene = undefined;
  }

  sends(text: string, hop: Hop): void {
    this.#scene?.transports.send(text, hop);
  }

  hopTo(address: string): Hop {
    if (this.#scene === undefined) throw new Error('the peer is closed');
    return this.#scene.transports.hop('UDP', address, 5060);
  }

  answers({ message, from }: Heard, status: number): void {
    this.sends(respond(message, status, { toTag: 'server', contact: `<sip:ss1@${this.address}>` }), from);
  }

  /** The first message that fits, once it has come. */
  async hears(method: string, status = 0): Promise<Heard> {
    let found: Heard | undefined;
    await eventually(5000, `${method} ${status} comes`, () => {
      found = this.heard.find(
        ({ message }) => message.method === method && (message.isRequest ? 0 : message.status) === status,
      );
      return found !== undefined;
    });
    if (found === undefined) throw new Error('unreachable');
    return found;
  }
}

function portOf(transport: Transport): number {
  return transport === 'TLS' ? 5061 : 5060;
}

for (const transport of ['UDP', 'TCP', 'TLS'] as const) {
  describe(`a real proxy whose pair is on ${transport}`, function () {
    this.timeout(20_000);
    const at = ownAddress();
    let directories: Directories;
    let ca: string;
    let shown: string;
    let proxy: RunningProxy;
    let [phone, primary, backup] = [new Peer(), new Peer(), new Peer()];

    before(async () => {
      const authority = await Authority.make();
      directories = new Directories();
      ca = directories.write('ca', { ca: authority.pem });
      shown = directories.write('server', { ...(await authority.issue({ names: [NAME] })), ca: authority.pem });
    });
    after(() => directories.remove());

    beforeEach(async () => {
      [phone, primary, backup] = [new Peer(), new Peer(), new Peer()];
      await phone.opens('UDP');
      await primary.opens(transport, shown);
      primary.options = 200;
      const cluster = new MemoryCluster({ now: Date.now });
      proxy = await startProxy(config(), { log: LOG, hash: 'test', stores: (name) => cluster.store(name) });
      await eventually(5000, 'the primary is active', () => active() === 'primary');
    });
    afterEach(async () => {
      await proxy.end();
      await Promise.all([phone, primary, backup].map((peer) => peer.closes()));
    });

    const active = (): string | undefined => proxy.status().pairs[0]?.active;
    const counted = (name: string): number => proxy.status().counters[name] ?? 0;
    const asks = (text: string): void => phone.sends(text, phone.hopTo(at));
    const CALL = { callId: `call-${transport}`, fromTag: 'a', branch: 'z9hG4bKphone' } as const;
    const sentBy = (): string => `${phone.address}:5060`;

    async function backupIsPromoted(): Promise<void> {
      await backup.opens(transport, shown);
      backup.options = 200;
      await eventually(5000, 'the backup is active', () => active() === 'backup');
    }

    /** The primary says nothing more, as a host without power, or its port refuses. */
    async function switches(how: 'silent' | 'refused' = 'silent'): Promise<void> {
      primary.options = 0;
      if (how === 'refused') await primary.closes();
      await backupIsPromoted();
    }

    for (const how of ['silent', 'refused'] as const) {
      it(`sends an INVITE without an answer once to the new member when the old one is ${how}`, async () => {
        asks(invite({ ...CALL, sentBy: sentBy() }));
        const first = await primary.hears('INVITE');
        await switches(how);
        const second = await backup.hears('INVITE');
        expect(second.message.via.branch).to.not.equal(first.message.via.branch);
        // over a stream its failure is seen before the pair has switched
        expect(counted('resentAtSwitch') + counted('waitedForMember')).to.equal(1);
        backup.answers(second, 200);
        await phone.hears('INVITE', 200);
      });
    }

    it('sends one with 100 too, and ignores a 482 to it: the first try is answered by the promoted member', async () => {
      asks(invite({ ...CALL, sentBy: sentBy() }));
      const first = await primary.hears('INVITE');
      primary.answers(first, 100);
      await switches();
      const second = await backup.hears('INVITE');
      backup.answers(second, 482);
      await eventually(5000, 'the 482 is counted', () => counted('mergedAtSwitch') === 1);
      backup.sends(respond(first.message, 200, { toTag: 'server' }), second.from);
      await phone.hears('INVITE', 200);
      expect(phone.heard.filter(({ message }) => message.status >= 300)).to.deep.equal([]);
    });

    it('leaves one that rings where it is, and sends its CANCEL there', async () => {
      asks(invite({ ...CALL, sentBy: sentBy() }));
      primary.answers(await primary.hears('INVITE'), 180);
      await phone.hears('INVITE', 180);
      primary.options = 503;
      await backupIsPromoted();
      expect(counted('ringingAtSwitch')).to.equal(1);
      expect(backup.heard).to.deep.equal([]);
      asks(cancel({ ...CALL, sentBy: sentBy() }));
      await primary.hears('CANCEL');
    });

    it('keeps a request inside a dialog for the member that is promoted', async () => {
      asks(invite({ ...CALL, sentBy: sentBy() }));
      primary.answers(await primary.hears('INVITE'), 200);
      const { message } = await phone.hears('INVITE', 200);
      primary.options = 0;
      await primary.closes();
      await eventually(5000, 'no member is active', () => active() === 'none');
      const route = message.text.split('\r\n').flatMap((line) => /^Record-Route: (.*)$/.exec(line)?.[1] ?? []);
      asks(bye({ ...CALL, branch: 'z9hG4bKbye', cseq: 2, toTag: 'server', sentBy: sentBy(), route }));
      await backupIsPromoted();
      backup.answers(await backup.hears('BYE'), 200);
      await phone.hears('BYE', 200);
      expect(counted('waitedForMember')).to.equal(1);
    });

    function config(): ProxyConfig {
      const member = (role: MemberConfig['role'], { address: host }: Peer): MemberConfig => ({
        role,
        host,
        port: portOf(transport),
        transport,
        ...(transport === 'TLS' ? { tls: { name: NAME, ca } } : {}),
      });
      const listener = transport === 'TLS' ? { tls: shown } : {};
      return {
        namespace: 'voice',
        cluster: 'test',
        switch: 'switch',
        dn: 'dn',
        geoLocation: 'dc1',
        place: { name: 'p1', address: at },
        domains: ['example.com'],
        fqdn: {},
        recordRoute: 'Address',
        listeners: [
          { transport: 'UDP', port: 5060, side: 'Both' },
          ...(transport === 'UDP' ? [] : [{ transport, port: portOf(transport), side: 'Both', ...listener } as const]),
        ],
        admin: { port: 0 },
        oosCheck: { interval: 300, recheck: 1000, timeout: 200, inService: [[200, 299]] },
        overload: {},
        registration: { maxContacts: 10, minExpires: 10_000, maxExpires: 3600_000, forking: 'Parallel', natPing: 0 },
        drain: { dnsGrace: 0, window: 0, limit: 0 },
        remoteServers: 'Never',
        trust: { sbcs: [], servers: [] },
        servers: [
          {
            name: 'ss1',
            geoLocation: 'dc1',
            weight: 1,
            members: [member('primary', primary), member('backup', backup)],
          },
        ],
        proxiesIn: ['dc1'],
        stores: [{ geoLocation: 'dc1', memory: true }],
        log: { level: 'silent' },
      };
    }
  });
}
