import { promises as dns } from 'node:dns';
import { expect } from 'chai';
import { DnsServerStandIn } from './dns-server-stand-in.ts';
import { Names } from './names.ts';

describe('DNS server stand-in', () => {
  let server: DnsServerStandIn;
  let resolver: dns.Resolver;

  beforeEach(async () => {
    server = await DnsServerStandIn.start();
    resolver = new dns.Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([server.address]);
  });
  afterEach(() => server.close());

  it('answers A and SRV as it was told', async () => {
    server.a('one.example.com', ['127.0.0.1', '127.0.0.2']);
    server.srv('_sip._udp.example.com', [{ target: 'one.example.com', port: 5062, priority: 7, weight: 3 }]);
    expect(await resolver.resolve4('one.example.com')).to.have.members(['127.0.0.1', '127.0.0.2']);
    const [service] = await resolver.resolveSrv('_sip._udp.example.com');
    expect(service).to.include({ name: 'one.example.com', port: 5062, priority: 7, weight: 3 });
  });

  it('says that there is no such name, and that a name has no such record', async () => {
    server.a('one.example.com', ['127.0.0.1']);
    const missing = await resolver.resolve4('two.example.com').catch((error: NodeJS.ErrnoException) => error.code);
    const empty = await resolver.resolveSrv('one.example.com').catch((error: NodeJS.ErrnoException) => error.code);
    expect([missing, empty]).to.deep.equal(['ENOTFOUND', 'ENODATA']);
  });

  describe('names of peers (RFC 3263)', () => {
    it('tries SRV targets by priority, what refused last, what answered first', async () => {
      server.sip('proxies.example.com', [
        { address: '127.0.0.1', port: 5060, priority: 1 },
        { address: '127.0.0.2', port: 5070, priority: 2 },
      ]);
      const names = new Names(server.address);
      const order = async (): Promise<string[]> =>
        (await names.targets('sip:proxies.example.com;lr')).map(({ address, port }) => `${address}:${port}`);
      expect(await order()).to.deep.equal(['127.0.0.1:5060', '127.0.0.2:5070']);
      names.suspect({ transport: 'UDP', address: '127.0.0.1', port: 5060 });
      expect(await order()).to.deep.equal(['127.0.0.2:5070', '127.0.0.1:5060']);
      names.answered('sip:proxies.example.com', { transport: 'UDP', address: '127.0.0.1', port: 5060 });
      expect(await order()).to.deep.equal(['127.0.0.1:5060', '127.0.0.2:5070']);
    });

    it('takes A records when the URI has a port, and a numeric host as it is', async () => {
      server.a('a.example.com', ['127.0.0.1', '127.0.0.2']);
      const names = new Names(server.address);
      expect(await names.targets('sip:a.example.com:5080;transport=tcp')).to.have.deep.members([
        { transport: 'TCP', address: '127.0.0.1', port: 5080 },
        { transport: 'TCP', address: '127.0.0.2', port: 5080 },
      ]);
      expect(await names.targets('sip:x@127.0.0.9')).to.deep.equal([
        { transport: 'UDP', address: '127.0.0.9', port: 5060 },
      ]);
      expect(await names.targets('sip:nowhere.example.com')).to.deep.equal([]);
    });
  });
});
