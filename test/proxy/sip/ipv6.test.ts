import { isIPv6 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { ipv6Text, isReference } from '../../../proxy/sip/ipv6.ts';

describe('the text of an IPv6 address (RFC 5952)', () => {
  for (const [written, text] of [
    ['2001:db8::10', '2001:db8::10'],
    ['2001:0db8:0000::0010', '2001:db8::10'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['fe80:0:0:0:0:0:0:0', 'fe80::'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['2001:db8:0:0:0:ffff:c000:201', '2001:db8::ffff:c000:201'],
    ['0:0:1:0:0:ffff:c000:201', '::1:0:0:ffff:c000:201'],
    ['2001:db8::192.1.2.255', '2001:db8::c001:2ff'],
  ] as const)
    it(`of ${written} is ${text}`, () => {
      expect(ipv6Text(written)).to.equal(text);
    });

  for (const none of [
    '2001:db8:::192.0.2.1',
    '::1::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8:9',
    '::12345',
    '::1.2.3',
    '::1.2.3.256',
    '::a1.2.3.4',
    '::1a.2.3.4',
    '::1.2.3.4:5',
    '1.2.3.4::',
    ':',
  ])
    it(`stays where ${none} is none`, () => {
      expect(ipv6Text(none)).to.equal(none);
    });

  for (const [text, allowed] of [
    ['::', true],
    ['2001:DB8::10:5070', true],
    ['::FFFF:192.0.2.1', true],
    // RFC 5118 4.10: who follows the grammar of RFC 3261 writes a colon too many
    ['2001:db8:::192.0.2.1', true],
    ['2001:db8:::1', false],
    ['1::::192.0.2.1', false],
    ['192.0.2.1', false],
    ['12345::', false],
    ['1:2:3', false],
    ['', false],
  ] as const)
    it(`${allowed ? 'may' : 'must not'} be ${text} in a reference`, () => {
      expect(isReference(text)).to.equal(allowed);
    });

  it('is one for all that the address can be written as, and what the platform writes', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 1, 0xdb8, 0xffff), { minLength: 8, maxLength: 8 }), (groups) => {
        const hex = groups.map((group) => group.toString(16));
        const text = ipv6Text(hex.map((group) => group.padStart(4, '0')).join(':'));
        expect(isIPv6(text)).to.equal(true);
        expect(ipv6Text(hex.join(':'))).to.equal(text);
        expect(ipv6Text(text)).to.equal(text);
        if (!text.includes('.')) expect(new URL(`http://[${hex.join(':')}]`).hostname).to.equal(`[${text}]`);
      }),
    );
  });
});
