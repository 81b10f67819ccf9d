import { expect } from 'chai';
import fc from 'fast-check';
import { fnv1aBits } from '../../../proxy/hash.ts';
import { readUri, uriPlace } from '../../../proxy/sip/uri.ts';
import { contactHash } from '../../../proxy/store/contact-hash.ts';

describe("a contact's hash", () => {
  const contact = fc
    .tuple(
      fc.constantFrom('sip:', 'SIP:', 'sips:', 'tel:'),
      fc.constantFrom('', 'alice@', '%61lice@', 'alice:secret@', 'a;b?c@', '1001@'),
      fc.constantFrom(
        '10.0.0.1',
        'Example.com',
        'example.com',
        'example.com.',
        '[2001:db8::9]',
        '[2001:DB8:0::9]',
        '.',
        '',
      ),
      fc.constantFrom('', ':5060', ':05060', ':0', ':', ':x', ':5060x'),
      fc.constantFrom('', ';ob', '?a=b', ';transport=tcp?a=b', '@b'),
    )
    .map((parts) => parts.join(''));

  it('is that of its place, however it is written', () => {
    fc.assert(
      fc.property(contact, (text) => {
        if (readUri(text) !== undefined) expect(contactHash(text)).to.equal(fnv1aBits(uriPlace(text)));
      }),
      { numRuns: 2000 },
    );
  });

  it('is had by what is no contact, too', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), contact), (text) => {
        expect(contactHash(text)).to.equal(contactHash(text));
      }),
    );
  });

  it('takes no longer than it is long', () => {
    const start = performance.now();
    contactHash(`sip:a@${'a.'.repeat(30_000)}!`);
    contactHash(`sip:${'a'.repeat(60_000)}!`);
    expect(performance.now() - start).to.be.lessThan(100);
  });
});
