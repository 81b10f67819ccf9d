import { expect } from 'chai';
import fc from 'fast-check';
import { parseNameAddr } from '../../../proxy/sip/name-addr.ts';
import { SipError } from '../../../proxy/sip/sip-error.ts';

describe('an address', () => {
  it('has a display name, a URI and parameters', () => {
    expect(parseNameAddr('"Alice \\"A\\" Doe" <sip:alice@example.com;lr>;tag=1;x')).to.deep.equal({
      display: 'Alice "A" Doe',
      uri: 'sip:alice@example.com;lr',
      params: ';tag=1;x',
      wildcard: false,
    });
    expect(parseNameAddr('Alice Doe <sip:alice@example.com>')).to.include({ display: 'Alice Doe', params: '' });
    expect(parseNameAddr('caller<sip:caller@example.com>;tag=323')).to.include({
      display: 'caller',
      params: ';tag=323',
    });
  });

  it('without angle brackets has the parameters that follow, not its URI (RFC 3261 20.10)', () => {
    expect(parseNameAddr('sip:alice@example.com ;  tag = 1')).to.include({
      uri: 'sip:alice@example.com',
      params: ';  tag = 1',
    });
  });

  it('may be the wildcard', () => {
    expect(parseNameAddr(' * ')).to.deep.equal({ display: '', uri: '', params: '', wildcard: true });
  });

  it('is not misled by angle brackets in a quoted display name', () => {
    expect(parseNameAddr('"<sip:mallory@example.com>;tag=9" <sip:a@b>;tag=1')).to.include({
      uri: 'sip:a@b',
      params: ';tag=1',
    });
  });

  it('may be folded', () => {
    expect(parseNameAddr('"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue')).to.include(
      {
        uri: 'sip:jdrosen@example.com',
        params: '; newparam = newvalue',
      },
    );
  });

  it('may have another scheme', () => {
    expect(parseNameAddr('<tel:+15551234;ext=1>;q=1').uri).to.equal('tel:+15551234;ext=1');
    expect(parseNameAddr('Sips2+x-y.z:a').uri).to.equal('Sips2+x-y.z:a');
  });

  it('may have a comma in an unquoted display name, but not where two addresses could be meant', () => {
    expect(parseNameAddr('Bell, Alexander <sip:a.g.bell@example.com>;tag=43').display).to.equal('Bell, Alexander');
    expect(() => parseNameAddr('sip:a@b, <sip:c@d>')).to.throw(SipError);
  });

  it('without angle brackets has none in its URI either', () => {
    for (const value of ['sip:a@b>', 'sip:a>@b;tag=1', 'sip:a@b>;tag=1'])
      expect(() => parseNameAddr(value)).to.throw(SipError);
  });

  for (const [value, expected] of [
    ['  sip:a@h  ', ['', 'sip:a@h', '']],
    ['sip:a@h ;tag=1', ['', 'sip:a@h', ';tag=1']],
    ['sip:a@h;tag=1 ', ['', 'sip:a@h', ';tag=1']],
    [' <sip:a@h> ', ['', 'sip:a@h', '']],
    ['<sip:a@h>  ; tag=1', ['', 'sip:a@h', '; tag=1']],
    ['<sip:a,b?c;d@h>', ['', 'sip:a,b?c;d@h', '']],
    ['Al <sip:a@h>', ['Al', 'sip:a@h', '']],
    ['Al <sip:a@h>;x="<"', ['Al', 'sip:a@h', ';x="<"']],
    ['Al Bo,  Ce\t<x:y>;z', ['Al Bo,  Ce', 'x:y', ';z']],
    ['=?utf-8?q?J=C3=B6rg?= <sip:a@h>', ['=?utf-8?q?J=C3=B6rg?=', 'sip:a@h', '']],
    ['"" <sip:a@h>', ['', 'sip:a@h', '']],
    ['"a\\"<b>" <sip:a@h>;x="<;,>"', ['a"<b>', 'sip:a@h', ';x="<;,>"']],
  ] as const) {
    it(`reads ${JSON.stringify(value)}`, () => {
      const { display, uri, params, wildcard } = parseNameAddr(value);
      expect([display, uri, params]).to.deep.equal(expected);
      expect(wildcard).to.equal(false);
    });
  }

  for (const value of [
    '"a" sip:a@h',
    '"a" b <sip:a@h>',
    'a',
    '"a"',
    '"a',
    '"a" ',
    'a" <sip:a@h>',
    '<sip:a@h',
    '<a@h>',
    '<:a@h>',
    '<>',
    '<sip>',
    '<sip:a b@h>',
    '<sip:a@h\t>',
    '< sip:a@h>',
    '<sip:a@h> x',
    '<sip:a@h>,',
    'sip:a@h, sip:b@h',
    'sip:a?b',
    'a? sip:b',
    'sip:a? <sip:b>',
    'sip:a "b"',
    'sip:a b',
    'sip',
    ':a',
    '',
    ' ',
    ';tag=1',
    '1:a',
    '* *',
    '**',
    '*a:b',
  ]) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      expect(() => parseNameAddr(value)).to.throw(SipError, '400 Bad Address');
    });
  }

  it('is refused with 400 if it is malformed', () => {
    const bad = [
      '',
      '<>',
      '< >',
      '<sip:a@b',
      ':a@b',
      '<:a@b>',
      '<a@b>',
      '1sip:a@b',
      '<s p:a@b>',
      '<@sip:a@b>',
      '"open <sip:a@b>',
      '"Mr. J. User <sip:j.user@example.com>',
      'sip:a@b?Route=%3Csip:sip.example.com%3E',
      '<sip:a@b> junk',
      '<sip:a@b>, <sip:c@d>',
      'nothing',
      'sip:a@b c',
      ';tag=1',
      '"Alice" sip:a@b',
    ];
    for (const value of bad) expect(() => parseNameAddr(value), value).to.throw(SipError, '400 Bad Address');
  });

  it('throws nothing else, whatever the text', () => {
    const piece = fc.constantFrom('"', '<', '>', ';', ',', 'sip:a@b', '\\', ' ', '=', '*', '?', '\r\n ', 'tag');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (value) => {
          try {
            parseNameAddr(value);
          } catch (error) {
            expect(error).to.be.instanceOf(SipError);
          }
        },
      ),
    );
  });
});
