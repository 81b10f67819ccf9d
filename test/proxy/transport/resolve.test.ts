import { expect } from 'chai';
import { pino } from 'pino';
import type { DnsResolver } from '../../../proxy/transport/dns.ts';
import { parseUri } from '../../../proxy/sip/uri.ts';
import type { Transport } from '../../../proxy/transport/hop.ts';
import { type Reached, Resolver } from '../../../proxy/transport/resolve.ts';

type Srv = Awaited<ReturnType<DnsResolver['resolveSrv']>>[number];
type Naptr = Awaited<ReturnType<DnsResolver['resolveNaptr']>>[number];

function failure(code: string): Error {
  return Object.assign(new Error(`query ${code}`), { code });
}

/** A DNS of a few names, that counts what it is asked. */
class Zone implements DnsResolver {
  readonly a = new Map<string, { address: string; ttl: number }[]>();
  readonly aaaa = new Map<string, { address: string; ttl: number }[]>();
  readonly srv = new Map<string, Srv[]>();
  readonly naptr = new Map<string, Naptr[]>();
  readonly hosts = new Map<string, string>();
  readonly asked: string[] = [];
  /** Every query ends with this, as when the name server is away. */
  broken: string | undefined;
  /** Called when a query that is broken has had its time. */
  takes: () => void = () => undefined;

  async resolve4(name: string) {
    return await this.#find('A', name, this.a);
  }

  async resolve6(name: string) {
    return await this.#find('AAAA', name, this.aaaa);
  }

  async resolveSrv(name: string) {
    return await this.#find('SRV', name, this.srv);
  }

  async resolveNaptr(name: string) {
    return await this.#find('NAPTR', name, this.naptr);
  }

  async lookup(name: string): Promise<{ address: string; family: 4 }[]> {
    const address = this.hosts.get(name);
    if (address === undefined) throw failure('ENOTFOUND');
    return [{ address, family: 4 }];
  }

  async #find<T>(kind: string, name: string, records: Map<string, T>): Promise<T> {
    this.asked.push(`${kind} ${name}`);
    if (this.broken !== undefined) {
      await Promise.resolve();
      this.takes();
      throw failure(this.broken);
    }
    const found = records.get(name);
    if (found === undefined) throw failure('ENOTFOUND');
    return found;
  }
}

async function message(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error('it resolved');
}

describe('resolving a host (RFC 3263)', () => {
  let at: number;
  let zone: Zone;
  let drawn: number;
  let resolver: Resolver;

  beforeEach(() => {
    at = 1_000_000;
    drawn = 0;
    zone = new Zone();
    resolver = new Resolver({ now: () => at, dns: zone, random: () => drawn, log: pino({ level: 'silent' }) });
  });

  const texts = async (host: string, port: number, transport: 'UDP' | 'TCP' | 'TLS' | 'WSS' = 'UDP') =>
    (await resolver.resolve(host, port, transport)).map(({ address, port: to }) => `${address} ${to}`);

  it('takes a numeric address as it is, with the transport\u2019s port when none is given', async () => {
    expect(await resolver.resolve('192.0.2.1', 0, 'UDP')).to.deep.equal([
      { transport: 'UDP', address: '192.0.2.1', port: 5060 },
    ]);
    expect(await texts('192.0.2.1', 5070)).to.deep.equal(['192.0.2.1 5070']);
    expect(await texts('192.0.2.1', 0, 'TLS')).to.deep.equal(['192.0.2.1 5061']);
    expect(await texts('2001:db8::1', 0)).to.deep.equal(['2001:db8::1 5060']);
    expect(await texts('[2001:db8::1]', 0)).to.deep.equal(['2001:db8::1 5060']);
    expect(zone.asked).to.deep.equal([]);
  });

  it('asks for A and AAAA when a port is given, not for SRV', async () => {
    zone.a.set('ss1.example', [{ address: '192.0.2.1', ttl: 60 }]);
    zone.aaaa.set('ss1.example', [{ address: '2001:db8::1', ttl: 60 }]);
    expect(await texts('SS1.example', 5070)).to.deep.equal(['192.0.2.1 5070', '2001:db8::1 5070']);
    expect(zone.asked).to.deep.equal(['A ss1.example', 'AAAA ss1.example']);
  });

  it('asks for SRV of the transport, then for the addresses it names', async () => {
    zone.srv.set('_sip._tcp.example.com', [{ name: 'a.example.com', port: 5080, priority: 1, weight: 1 }]);
    zone.a.set('a.example.com', [{ address: '192.0.2.1', ttl: 60 }]);
    expect(await texts('example.com', 0, 'TCP')).to.deep.equal(['192.0.2.1 5080']);
  });

  it('asks for _sips._tcp for TLS, and for no SRV for WebSocket', async () => {
    zone.a.set('example.com', [{ address: '192.0.2.1', ttl: 60 }]);
    expect(await texts('example.com', 0, 'TLS')).to.deep.equal(['192.0.2.1 5061']);
    expect(await texts('example.com', 0, 'WSS')).to.deep.equal(['192.0.2.1 443']);
    expect(zone.asked).to.deep.equal(['SRV _sips._tcp.example.com', 'A example.com', 'AAAA example.com']);
  });

  it('goes on with A when there is no SRV', async () => {
    zone.a.set('example.com', [{ address: '192.0.2.1', ttl: 60 }]);
    expect(await texts('example.com', 0)).to.deep.equal(['192.0.2.1 5060']);
  });

  it('orders by priority, and draws by weight within one', async () => {
    zone.srv.set('_sip._udp.example.com', [
      { name: 'backup.example.com', port: 1, priority: 20, weight: 100 },
      { name: 'light.example.com', port: 2, priority: 10, weight: 1 },
      { name: 'heavy.example.com', port: 3, priority: 10, weight: 9 },
    ]);
    for (const name of ['backup', 'light', 'heavy'])
      zone.a.set(`${name}.example.com`, [{ address: '192.0.2.1', ttl: 60 }]);
    drawn = 0.05;
    expect(await texts('example.com', 0)).to.deep.equal(['192.0.2.1 2', '192.0.2.1 3', '192.0.2.1 1']);
    drawn = 0.5;
    expect(await texts('example.com', 0)).to.deep.equal(['192.0.2.1 3', '192.0.2.1 2', '192.0.2.1 1']);
  });

  it('draws in proportion to the weights', async () => {
    zone.srv.set('_sip._udp.example.com', [
      { name: '192.0.2.1', port: 1, priority: 1, weight: 1 },
      { name: '192.0.2.2', port: 2, priority: 1, weight: 3 },
    ]);
    let heavyFirst = 0;
    for (let draw = 0; draw < 1_000; draw++) {
      drawn = draw / 1_000;
      const [first] = await resolver.resolve('example.com', 0, 'UDP');
      if (first?.port === 2) heavyFirst++;
    }
    // RFC 2782 draws from 0 to the sum, both included: 2 in 5 for the light one
    expect(heavyFirst).to.equal(600);
  });

  it('leaves out SRV targets that have no address', async () => {
    zone.srv.set('_sip._udp.example.com', [
      { name: 'gone.example.com', port: 1, priority: 1, weight: 0 },
      { name: 'a.example.com', port: 2, priority: 2, weight: 0 },
    ]);
    zone.a.set('a.example.com', [{ address: '192.0.2.1', ttl: 60 }]);
    expect(await texts('example.com', 0)).to.deep.equal(['192.0.2.1 2']);
  });

  it('asks for the addresses of 32 SRV targets at most, the first by their priority', async () => {
    const records = Array.from({ length: 2_000 }, (_, i) => ({
      name: `t${i}.example`,
      port: 5060,
      priority: 2_000 - i,
      weight: 0,
    }));
    zone.srv.set('_sip._udp.many.example', records);
    zone.a.set('t1999.example', [{ address: '192.0.2.1', ttl: 60 }]);
    zone.a.set('t0.example', [{ address: '192.0.2.2', ttl: 60 }]);
    expect(await texts('many.example', 0)).to.deep.equal(['192.0.2.1 5060']);
    expect(zone.asked.filter((question) => question.startsWith('A '))).to.have.length(32);
  });

  it('takes the root as SRV target for "no such service"', async () => {
    zone.srv.set('_sip._udp.example.com', [{ name: '', port: 0, priority: 0, weight: 0 }]);
    zone.a.set('example.com', [{ address: '192.0.2.1', ttl: 60 }]);
    expect(await message(resolver.resolve('example.com', 0, 'UDP'))).to.equal(
      "can't resolve example.com for UDP: SRV says there is no such service",
    );
  });

  it('asks the system for names that DNS does not have', async () => {
    zone.hosts.set('ss1', '127.0.0.9');
    expect(await texts('ss1', 5060)).to.deep.equal(['127.0.0.9 5060']);
  });

  it('says which name could not be resolved and why', async () => {
    expect(await message(resolver.resolve('nowhere.example', 5060, 'UDP'))).to.equal(
      "can't resolve nowhere.example for UDP: query ENOTFOUND",
    );
  });

  describe('keeps answers', () => {
    beforeEach(() => {
      zone.a.set('ss1.example', [{ address: '192.0.2.1', ttl: 20 }]);
    });

    it('as long as their TTL says', async () => {
      zone.aaaa.set('ss1.example', []);
      await resolver.resolve('ss1.example', 5060, 'UDP');
      zone.a.set('ss1.example', [{ address: '192.0.2.2', ttl: 20 }]);
      at += 17_999;
      expect(await texts('ss1.example', 5060)).to.deep.equal(['192.0.2.1 5060']);
      at += 2_001;
      expect(await texts('ss1.example', 5060)).to.deep.equal(['192.0.2.2 5060']);
    });

    it('and asks anew for those in use before they run out, while they are still used', async () => {
      zone.aaaa.set('ss1.example', []);
      await resolver.resolve('ss1.example', 5060, 'UDP');
      zone.a.set('ss1.example', [{ address: '192.0.2.2', ttl: 20 }]);
      at += 18_000;
      expect(await texts('ss1.example', 5060)).to.deep.equal(['192.0.2.1 5060']);
      expect(zone.asked.filter((question) => question === 'A ss1.example')).to.have.length(2);
      expect(await texts('ss1.example', 5060)).to.deep.equal(['192.0.2.2 5060']);
    });

    it('that there is no such name for a few seconds', async () => {
      await message(resolver.resolve('late.example', 5060, 'UDP'));
      zone.a.set('late.example', [{ address: '192.0.2.3', ttl: 20 }]);
      at += 4_999;
      await message(resolver.resolve('late.example', 5060, 'UDP'));
      at += 1;
      expect(await texts('late.example', 5060)).to.deep.equal(['192.0.2.3 5060']);
    });

    it('that have run out, while DNS is away', async () => {
      await resolver.resolve('ss1.example', 5060, 'UDP');
      at += 3_600_000;
      zone.broken = 'ETIMEOUT';
      expect(await texts('ss1.example', 5060)).to.deep.equal(['192.0.2.1 5060']);
      zone.broken = undefined;
      zone.a.set('ss1.example', [{ address: '192.0.2.2', ttl: 20 }]);
      at += 5_000;
      // nobody waits for it: it is asked for meanwhile
      expect(await texts('ss1.example', 5060)).to.deep.equal(['192.0.2.1 5060']);
      await new Promise(setImmediate);
      expect(await texts('ss1.example', 5060)).to.deep.equal(['192.0.2.2 5060']);
    });

    it('that a host has but an address, too, while DNS is away, and makes nobody wait for it', async () => {
      await resolver.resolve('ss1.example', 0, 'UDP');
      at += 3_600_000;
      zone.broken = 'ETIMEOUT';
      await resolver.resolve('ss1.example', 0, 'UDP');
      at += 5_000;
      const found = resolver.targets(parseUri('sip:ss1.example;transport=udp'), 0);
      expect(found).to.deep.equal([{ transport: 'UDP', address: '192.0.2.1', port: 5060 }]);
    });

    it('for long enough to get through them all, where each name server is waited for in vain', async () => {
      zone.hosts.set('pbx.example', '192.0.2.9');
      zone.broken = 'ETIMEOUT';
      zone.takes = () => {
        at += 8_000;
      };
      expect(await texts('pbx.example', 0)).to.deep.equal(['192.0.2.9 5060']);
    });

    it('not when the name is gone for good', async () => {
      await resolver.resolve('ss1.example', 5060, 'UDP');
      at += 20_000;
      zone.a.delete('ss1.example');
      await message(resolver.resolve('ss1.example', 5060, 'UDP'));
    });
  });

  it('asks once for what many wait for', async () => {
    zone.a.set('ss1.example', [{ address: '192.0.2.1', ttl: 20 }]);
    await Promise.all(Array.from({ length: 50 }, async () => await resolver.resolve('ss1.example', 5060, 'UDP')));
    expect(zone.asked).to.deep.equal(['A ss1.example', 'AAAA ss1.example']);
  });
});

describe('resolving a URI (RFC 3263 4.1)', () => {
  let zone: Zone;
  let connected: readonly string[];
  let heard: readonly string[];
  let supported: readonly Transport[];
  let resolver: Resolver;

  beforeEach(() => {
    zone = new Zone();
    supported = ['UDP', 'TCP', 'TLS'];
    connected = [];
    heard = [];
    resolver = new Resolver({
      now: () => 1_000_000,
      dns: zone,
      random: () => 0,
      supports: (transport) => supported.includes(transport),
      isConnected: ({ transport, address, port }) => connected.includes(`${transport} ${address} ${port}`),
      hasHeard: ({ address, port }) => heard.includes(`${address} ${port}`),
      log: pino({ level: 'silent' }),
    });
    for (const [index, name] of ['a', 'b', 'c'].entries())
      zone.a.set(`${name}.example`, [{ address: `192.0.2.${index + 1}`, ttl: 60 }]);
  });

  const srv = (target: string, port = 5070): Srv[] => [{ name: target, port, priority: 0, weight: 0, ttl: 60 }];
  const naptr = (order: number, service: string, replacement: string, flags = 's'): Naptr => ({
    order,
    preference: 0,
    flags,
    service,
    regexp: '',
    replacement,
    ttl: 60,
  });
  const texts = async (uri: string, size = 500): Promise<string[]> =>
    (await resolver.targets(parseUri(uri), size)).map((to) => `${to.transport} ${to.address} ${to.port}`);

  it('takes UDP, or TLS for sips, where the host is numeric or a port is given, and asks for no more than it must', async () => {
    expect(await texts('sip:192.0.2.9')).to.deep.equal(['UDP 192.0.2.9 5060']);
    expect(await texts('sips:[2001:db8::9]')).to.deep.equal(['TLS 2001:db8::9 5061']);
    expect(await texts('sip:a.example:5080')).to.deep.equal(['UDP 192.0.2.1 5080']);
    expect(zone.asked).to.deep.equal(['A a.example', 'AAAA a.example']);
  });

  it('knows a numeric host at once, and a name as soon as it is remembered', async () => {
    expect(resolver.targets(parseUri('sip:192.0.2.9'), 500)).to.not.be.instanceOf(Promise);
    expect(resolver.targets(parseUri('sip:a.example:5080'), 500)).to.be.instanceOf(Promise);
    await texts('sip:a.example:5080');
    expect(resolver.targets(parseUri('sip:a.example:5080'), 500)).to.not.be.instanceOf(Promise);
  });

  it('takes the transport that the URI names, and TLS where a sips URI names TCP', async () => {
    zone.srv.set('_sip._tcp.a.example', srv('b.example'));
    expect(await texts('sip:a.example;transport=tcp')).to.deep.equal(['TCP 192.0.2.2 5070']);
    expect(await texts('sips:192.0.2.9;transport=tcp')).to.deep.equal(['TLS 192.0.2.9 5061']);
    expect(await message(texts('sips:192.0.2.9;transport=udp'))).to.match(/nothing is sent by transport=udp to sips/);
    expect(await message(texts('sip:192.0.2.9;transport=sctp'))).to.match(/transport=sctp/);
  });

  it('goes to maddr', async () => {
    expect(await texts('sip:a.example;maddr=192.0.2.77')).to.deep.equal(['UDP 192.0.2.77 5060']);
  });

  it('asks for the SRV records of eight NAPTR records at most, the first in their order', async () => {
    const records = Array.from({ length: 1_000 }, (_, i) => naptr(1_000 - i, 'SIP+D2U', `_sip._udp.t${i}.example`));
    zone.naptr.set('many.example', records);
    zone.srv.set('_sip._udp.t999.example', [{ name: 'first.example', port: 5060, priority: 0, weight: 0 }]);
    zone.a.set('first.example', [{ address: '192.0.2.1', ttl: 60 }]);
    expect(await texts('sip:many.example')).to.deep.equal(['UDP 192.0.2.1 5060']);
    expect(zone.asked.filter((question) => question.startsWith('SRV '))).to.have.length(8);
  });

  it('goes by NAPTR in its order, as far as the transports are there', async () => {
    zone.naptr.set('example.net', [
      naptr(30, 'SIP+D2U', '_sip._udp.example.net'),
      naptr(10, 'SIPS+D2T', '_sips._tcp.example.net'),
      naptr(20, 'sip+d2t', '_sip._tcp.example.net'),
      naptr(5, 'E2U+sip', 'c.example', 'u'),
      naptr(1, 'SIP+D2S', '_sip._sctp.example.net'),
    ]);
    zone.srv.set('_sips._tcp.example.net', srv('a.example', 5061));
    zone.srv.set('_sip._tcp.example.net', srv('b.example'));
    zone.srv.set('_sip._udp.example.net', srv('c.example'));
    expect(await texts('sip:example.net')).to.deep.equal([
      'TLS 192.0.2.1 5061',
      'TCP 192.0.2.2 5070',
      'UDP 192.0.2.3 5070',
    ]);
    expect(await texts('sips:example.net')).to.deep.equal(['TLS 192.0.2.1 5061']);
    supported = ['UDP'];
    expect(await texts('sip:example.net')).to.deep.equal(['UDP 192.0.2.3 5070']);
  });

  it('goes by the SRV records there are where NAPTR says nothing', async () => {
    zone.srv.set('_sip._tcp.example.net', srv('b.example'));
    expect(await texts('sip:example.net')).to.deep.equal(['TCP 192.0.2.2 5070']);
    zone.srv.set('_sips._tcp.example.org', srv('a.example', 5061));
    expect(await texts('sips:example.org')).to.deep.equal(['TLS 192.0.2.1 5061']);
  });

  it('goes to the address by UDP, or TLS for sips, where there are neither', async () => {
    expect(await texts('sip:a.example')).to.deep.equal(['UDP 192.0.2.1 5060']);
    expect(await texts('sips:a.example')).to.deep.equal(['TLS 192.0.2.1 5061']);
  });

  it('prefers a stream for a request over 1,300 bytes where the URI leaves the choice (RFC 3261 18.1.1)', async () => {
    expect(await texts('sip:a.example', 1_301)).to.deep.equal(['TCP 192.0.2.1 5060', 'UDP 192.0.2.1 5060']);
    expect(await texts('sip:a.example', 1_300)).to.deep.equal(['UDP 192.0.2.1 5060']);
    expect(await texts('sip:192.0.2.9:5080', 2_000)).to.deep.equal(['TCP 192.0.2.9 5080', 'UDP 192.0.2.9 5080']);
    expect(await texts('sip:192.0.2.9;transport=udp', 2_000)).to.deep.equal(['UDP 192.0.2.9 5060']);
    supported = ['UDP'];
    expect(await texts('sip:a.example', 2_000)).to.deep.equal(['UDP 192.0.2.1 5060']);
  });

  describe('for whom a dialog by TCP is with', () => {
    const reached = async (uri: string, reachedBy: Reached = 'ByTcp', size = 0) => {
      const targets = await resolver.targets(parseUri(uri), size, reachedBy);
      return targets.map(({ transport, address, port }) => `${transport} ${address} ${port}`);
    };

    it('takes the connection that leads there (RFC 3261 18)', async () => {
      connected = ['TCP 192.0.2.9 5080', 'TCP 192.0.2.1 5060'];
      expect(await reached('sip:bob@192.0.2.9:5080')).to.deep.equal(['TCP 192.0.2.9 5080']);
      expect(await reached('sip:bob@a.example')).to.deep.equal(['TCP 192.0.2.1 5060']);
    });

    it('goes by UDP where none does, as the URI says, and by TCP where that fails', async () => {
      connected = ['TCP 192.0.2.9 5081', 'UDP 192.0.2.9 5080'];
      expect(await reached('sip:bob@192.0.2.9:5080')).to.deep.equal(['UDP 192.0.2.9 5080', 'TCP 192.0.2.9 5080']);
    });

    it('takes it also where nobody says how it was reached, but not if it was heard by UDP', async () => {
      connected = ['TCP 192.0.2.9 5080'];
      expect(await reached('sip:bob@192.0.2.9:5080', 'Unknown')).to.deep.equal(['TCP 192.0.2.9 5080']);
      expect(await reached('sip:bob@192.0.2.9:5081', 'Unknown')).to.deep.equal(['UDP 192.0.2.9 5081']);
      heard = ['192.0.2.9 5080'];
      expect(await reached('sip:bob@192.0.2.9:5080', 'Unknown')).to.deep.equal(['UDP 192.0.2.9 5080']);
      expect(await reached('sip:bob@192.0.2.9:5080', 'ByTcp')).to.deep.equal(['TCP 192.0.2.9 5080']);
    });

    it('goes once by TCP and once by UDP if it is large, connected or not', async () => {
      const both = ['TCP 192.0.2.9 5080', 'UDP 192.0.2.9 5080'];
      expect(await reached('sip:bob@192.0.2.9:5080', 'Unknown', 2_000)).to.deep.equal(both);
      connected = ['TCP 192.0.2.9 5080'];
      expect(await reached('sip:bob@192.0.2.9:5080', 'Unknown', 2_000)).to.deep.equal(both);
      expect(await reached('sip:bob@192.0.2.9:5080', 'ByTcp', 2_000)).to.deep.equal(both);
    });

    it('takes the word of a URI that names a transport or a scheme', async () => {
      connected = ['TCP 192.0.2.9 5060', 'TCP 192.0.2.9 5061'];
      expect(await reached('sip:bob@192.0.2.9;transport=udp')).to.deep.equal(['UDP 192.0.2.9 5060']);
      expect(await reached('sips:bob@192.0.2.9')).to.deep.equal(['TLS 192.0.2.9 5061']);
    });

    it('goes by UDP alone where nobody listens by TCP', async () => {
      supported = ['UDP'];
      connected = ['TCP 192.0.2.9 5060'];
      expect(await reached('sip:bob@192.0.2.9')).to.deep.equal(['UDP 192.0.2.9 5060']);
    });
  });

  it('says which name could not be resolved', async () => {
    expect(await message(texts('sip:nowhere.example'))).to.match(/^can't resolve sip:nowhere.example: /);
  });
});
