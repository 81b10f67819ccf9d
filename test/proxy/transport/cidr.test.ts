import { expect } from 'chai';
import { Cidrs } from '../../../proxy/transport/cidr.ts';

describe('ranges of addresses', () => {
  it('hold the addresses of an IPv4 range and no others', () => {
    const ranges = new Cidrs(['192.0.2.16/28']);
    expect(ranges.has('192.0.2.16')).to.equal(true);
    expect(ranges.has('192.0.2.31')).to.equal(true);
    expect(ranges.has('192.0.2.15')).to.equal(false);
    expect(ranges.has('192.0.2.32')).to.equal(false);
  });

  it('hold those of an IPv6 range however they are written', () => {
    const ranges = new Cidrs(['2001:db8:1::/48']);
    expect(ranges.has('2001:DB8:1:0:0:0:0:9')).to.equal(true);
    expect(ranges.has('2001:db8:2::9')).to.equal(false);
  });

  it('take an address alone as a range of one', () => {
    const ranges = new Cidrs(['192.0.2.1', '2001:db8::1']);
    expect(ranges.has('192.0.2.1')).to.equal(true);
    expect(ranges.has('192.0.2.2')).to.equal(false);
    expect(ranges.has('2001:db8::1')).to.equal(true);
  });

  it('hold a whole family at prefix 0, and not the other one', () => {
    const ranges = new Cidrs(['0.0.0.0/0']);
    expect(ranges.has('203.0.113.9')).to.equal(true);
    expect(ranges.has('2001:db8::1')).to.equal(false);
  });

  it('hold nothing when there are none', () => {
    expect(new Cidrs([]).has('192.0.2.1')).to.equal(false);
  });

  it('leave out entries that name a certificate', () => {
    const ranges = Cidrs.of([{ cidr: '192.0.2.0/24' }, {}]);
    expect(ranges.has('192.0.2.1')).to.equal(true);
  });

  for (const [text, why] of [
    ['192.0.2.0/33', 'the prefix length of an IPv4 range is 0 to 32'],
    ['2001:db8::/129', 'the prefix length of an IPv6 range is 0 to 128'],
    ['192.0.2.0/', 'the prefix length of an IPv4 range is 0 to 32'],
    ['192.0.2.0/8x', 'the prefix length of an IPv4 range is 0 to 32'],
    ['192.0.2/24', 'is not an address or a range'],
    ['sbc.example.com', 'is not an address or a range'],
    ['', 'is not an address or a range'],
  ] as const) {
    it(`refuse "${text}" and say why`, () => {
      expect(() => new Cidrs([text])).to.throw(why);
    });
  }
});
