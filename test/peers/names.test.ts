import { expect } from 'chai';
import { DnsServerStandIn } from './dns-server-stand-in.ts';
import { Names } from './names.ts';

describe('names', () => {
  const name = 'proxies.example.com';
  let dns: DnsServerStandIn;
  let names: Names;
  let closed: boolean;

  beforeEach(async () => {
    dns = await DnsServerStandIn.start();
    closed = false;
    names = new Names(dns.address, { believed: 0 });
  });
  afterEach(async () => {
    if (!closed) await dns.close();
  });

  const addresses = async () => (await names.targets(`sip:${name}`)).map(({ address }) => address);

  it('lead where the last answer said while the DNS server gives none', async () => {
    dns.sip(name, [{ address: '192.0.2.1', port: 5060, priority: 1 }]);
    expect(await addresses()).to.deep.equal(['192.0.2.1']);
    await dns.close();
    closed = true;
    expect(await addresses()).to.deep.equal(['192.0.2.1']);
    expect(await names.targets('sip:never-asked.example.com')).to.deep.equal([]);
  });

  it('lead nowhere once the DNS server says that they do not exist', async () => {
    dns.sip(name, [{ address: '192.0.2.1', port: 5060, priority: 1 }]);
    expect(await addresses()).to.deep.equal(['192.0.2.1']);
    dns.sip(name, []);
    expect(await addresses()).to.deep.equal([]);
  });
});
