import { expect } from 'chai';
import fc from 'fast-check';
import { SipError } from '../../../proxy/sip/sip-error.ts';
import {
  asRequestUri,
  formatUri,
  hasMaddr,
  parseUri,
  readUri,
  unescapeUser,
  uriEquals,
  uriKey,
  uriParam,
  uriPlace,
  withoutMaddr,
} from '../../../proxy/sip/uri.ts';
import { runs } from './arbitrary.ts';

function equal(a: string, b: string): boolean {
  const one = uriEquals(parseUri(a), parseUri(b));
  expect(uriEquals(parseUri(b), parseUri(a)), `${a} and ${b} the other way round`).to.equal(one);
  if (one) expect([uriKey(a), uriPlace(a)]).to.deep.equal([uriKey(b), uriPlace(b)]);
  return one;
}

/** URIs that differ in little, so that two of them are often equal. */
const uri = fc
  .record({
    scheme: fc.constantFrom('sip', 'SIP', 'sips', 'tel'),
    user: fc.constantFrom('', 'alice@', '%61lice@', 'Alice@', 'a%2Fb@', 'a%2fb@', 'a/b@', 'alice:pw@'),
    host: fc.constantFrom('example.com', 'EXAMPLE.com', '[::1]', '192.0.2.1'),
    port: fc.constantFrom('', ':5060', ':5061'),
    params: fc.uniqueArray(
      fc.constantFrom(
        'transport=tcp',
        'Transport=TCP',
        'transport=udp',
        'lr',
        'security=on',
        'security=off',
        'user=phone',
        'm%61ddr=x',
      ),
      // no parameter may stand twice
      { maxLength: 3, selector: (param) => param.toLowerCase().split('=')[0] },
    ),
    headers: fc.constantFrom('', '?a=b&c=d', '?c=d&a=b', '?a=b'),
  })
  .map(({ scheme, user, host, port, params, headers }) =>
    [`${scheme}:${user}${host}${port}`, ...params].join(';').concat(headers),
  );

describe('a URI', () => {
  it('has scheme, user, password, host, port, parameters and headers', () => {
    expect(parseUri('SIP:alice:secret@Example.COM:5070;transport=tcp;lr?subject=x')).to.deep.equal({
      scheme: 'sip',
      user: 'alice',
      password: 'secret',
      host: 'example.com',
      port: 5070,
      params: ';transport=tcp;lr',
      headers: '?subject=x',
    });
    expect(parseUri('sips:example.com')).to.include({
      scheme: 'sips',
      user: '',
      host: 'example.com',
      port: 0,
      params: '',
    });
  });

  it('may have semicolons, question marks and slashes in its user (RFC 4475 3.1.1.9)', () => {
    expect(parseUri('sip:user;par=u%40example.net@example.com')).to.include({
      user: 'user;par=u%40example.net',
      host: 'example.com',
      params: '',
    });
    expect(parseUri('sip:1?2/3@h;x').user).to.equal('1?2/3');
  });

  it('may have an IPv6 reference for a host', () => {
    expect(parseUri('sip:a@[2001:DB8::1]:5060;x')).to.include({ host: '2001:db8::1', port: 5060, params: ';x' });
    expect(() => parseUri('sip:a@2001:db8::1')).to.throw(SipError);
  });

  it('of another scheme keeps all that follows in its user', () => {
    expect(parseUri('tel:+1-201-555-0123;phone-context=x')).to.include({
      scheme: 'tel',
      user: '+1-201-555-0123;phone-context=x',
      host: '',
    });
    expect(parseUri('soap.beep://192.0.2.103:3002')).to.include({ scheme: 'soap.beep', user: '//192.0.2.103:3002' });
  });

  it('has a port from 1 to 65535', () => {
    for (const port of [1, 65_535]) expect(parseUri(`sip:h:${port}`).port).to.equal(port);
    for (const port of ['0', '65536', '', 'x', '-1']) expect(readUri(`sip:h:${port}`), port).to.equal(undefined);
  });

  it('has any visible character but quotes and angle brackets', () => {
    for (let code = 0; code < 256; code++) {
      const char = String.fromCharCode(code);
      const expected = code <= 32 || code === 127 || '"<>'.includes(char) ? undefined : `a${char}b`;
      const escaped = char === '%' ? '%25' : char;
      expect(readUri(`urn:a${escaped}b`)?.user, `${code}`).to.equal(expected?.replace(char, () => escaped));
    }
  });

  it('has two hexadecimal digits after each %', () => {
    const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    expect(all.filter((char) => readUri(`urn:%4${char}`)).join('')).to.equal('0123456789ABCDEFabcdef');
    expect(all.filter((char) => readUri(`urn:%${char}4x`)).join('')).to.equal('0123456789ABCDEFabcdef');
  });

  it('has its scheme in lower case, whatever its length', () => {
    for (const scheme of ['sip', 'sips', 'sap', 'sipx', 'im', 'mailto']) {
      expect(readUri(`${scheme.toUpperCase()}:a@h`)?.scheme).to.equal(scheme);
    }
  });

  it('may have headers without parameters, and question marks among them', () => {
    expect(parseUri('sip:h?a=b?c')).to.include({ params: '', headers: '?a=b?c' });
    expect(parseUri('sip:a:b@h:5;x?y')).to.include({ user: 'a', password: 'b', port: 5, params: ';x', headers: '?y' });
  });

  it('is refused with 400 if it is malformed', () => {
    const bad = [
      '',
      'sip:',
      'tel:',
      'alice@example.com',
      ':a@h',
      'sip::secret@h',
      '<sip:user@example.com>',
      'sip:user@example.com; lr',
      'sip:@example.com',
      'sip:user@',
      'sip:a@b@c',
      'sip:a@b:',
      'sip:a@b:70000',
      'sip:a@b:5060x',
      'sip:a@b/c',
      'sip:a@[::1',
      'sip:a"b@c',
      'sip:a@b;x=\r\ny',
      'sip:100%@b',
      'sip:a%4@b',
      'sip:a:%zz@b',
      'sip:a@b;x=%4g',
      'sip:a@b?x=%',
      'tel:+1%2',
      'sip:a@[]',
      'sip:a@[:]',
      'sip:a@[1:2:3:4:5:6:7:8:9]',
      'sip:a@[2001:db8::12345]',
      'sip:a@[1::2::3]',
      'sip:a@[192.0.2.1]',
      'sip:a@[::192.0.2.256]',
    ];
    for (const text of bad) expect(() => parseUri(text), text).to.throw(SipError, '400 Bad URI');
  });

  it('has no parameter twice that says where it leads (RFC 3261 19.1.1)', () => {
    for (const params of [
      ';transport=udp;transport=tcp',
      ';maddr=192.0.2.1;x=y;MADDR=192.0.2.2',
      ';user=phone;user=ip',
      ';ttl=1;ttl=2',
      ';transport=udp;tr%61nsport=tcp',
      ';method=INVITE;method',
    ])
      expect(readUri(`sip:a@b${params}`), params).to.equal(undefined);
    for (const params of [';x=1;x=2', ';transport=udp;transports=tcp', ';lr;lr', ';x=a;y=transport'])
      expect(readUri(`sip:a@b${params}`), params).to.include({ params });
  });

  it('gives its parameters by name in any case, unescaped', () => {
    const parsed = parseUri('sip:a@b;Transport=TCP;%6C%72;n=v%61l;x%2Dy=1');
    expect(uriParam(parsed, 'x-y')).to.equal('1');
    expect(uriParam(parsed, 'transport')).to.equal('TCP');
    expect(uriParam(parsed, 'LR')).to.equal('');
    expect(uriParam(parsed, 'n')).to.equal('val');
    expect(uriParam(parsed, 'maddr')).to.equal(undefined);
  });

  it('is written as it was read', () => {
    for (const text of ['sip:a:b@c:1;d=e?f=g', 'sip:[::1]:5060', 'tel:+1234', 'sip:example.com;lr', 'sips:%61@b']) {
      expect(formatUri(parseUri(text))).to.equal(text);
    }
    fc.assert(
      fc.property(uri, (text) => {
        expect(parseUri(formatUri(parseUri(text)))).to.deep.equal(parseUri(text));
      }),
    );
  });

  for (const [text, expected] of [
    ['sip:a?b@h;method=x?c=d', 'sip:a?b@h'],
    ['sip:a?b@h;methods=x', 'sip:a?b@h;methods=x'],
    ['sip:a@h;METHOD;lr', 'sip:a@h;lr'],
    ['sip:a@h;lr;method', 'sip:a@h;lr'],
    ['sip:a@h;m%65thod=x;lr', 'sip:a@h;lr'],
    ['sip:a@h;lr;meth%6Fd=x', 'sip:a@h;lr'],
    ['sip:a@h;%6dethod', 'sip:a@h'],
    ['sip:a;method=b@h', 'sip:a;method=b@h'],
    ['tel:+1;method=x?y', 'tel:+1;method=x?y'],
    ['no uri?', 'no uri?'],
  ] as const)
    it(`${text} stands in a Request-URI as ${expected} (RFC 3261 19.1.1)`, () => {
      expect(asRequestUri(text)).to.equal(expected);
    });

  it('says that it leads elsewhere by a maddr', () => {
    for (const text of ['sip:h;maddr=192.0.2.1', 'sip:h;lr;MADDR=x', 'sip:h;m%61ddr=x', 'sip:h;maddr'])
      expect(hasMaddr(parseUri(text)), text).to.equal(true);
    for (const text of ['sip:h', 'sip:h;lr', 'sip:maddr@h;x=maddr?maddr=x', 'sip:h;maddrs=x'])
      expect(hasMaddr(parseUri(text)), text).to.equal(false);
  });

  for (const [text, expected] of [
    ['sip:a:b@h:5070;maddr=192.0.2.1;lr', 'sip:a:b@h;lr'],
    ['sip:h;Transport=tcp;x=y;m%61ddr=192.0.2.1', 'sip:h;x=y'],
    ['sip:h;maddr=h2?Subject=x', 'sip:h?Subject=x'],
  ] as const)
    it(`${text} without its maddr is ${expected} (RFC 3261 16.4)`, () => {
      expect(formatUri(withoutMaddr(parseUri(text)))).to.equal(expected);
    });

  it('has its user unescaped byte by byte, and what is no escape left alone', () => {
    expect(unescapeUser('%75se%72')).to.equal('user');
    expect(unescapeUser('null-%00-null')).to.equal('null-\0-null');
    expect(unescapeUser('%C3%A9')).to.equal('\xc3\xa9');
    expect(unescapeUser('100%')).to.equal('100%');
    expect(unescapeUser('%zz%4')).to.equal('%zz%4');
  });

  it('throws nothing but SipError, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `sip:${text}`),
        ),
        (text) => {
          uriKey(text);
          try {
            parseUri(text);
          } catch (error) {
            expect(error).to.be.instanceOf(SipError);
          }
        },
      ),
    );
  });
});

describe('equality of URIs (RFC 3261 19.1.4)', () => {
  it('holds for the examples of the RFC', () => {
    expect(equal('sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp')).to.equal(true);
    expect(equal('sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5')).to.equal(true);
    expect(equal('sip:carol@chicago.com;newparam=5', 'sip:carol@chicago.com;security=on')).to.equal(true);
    expect(
      equal(
        'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
        'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
      ),
    ).to.equal(true);
    expect(
      equal(
        'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
        'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
      ),
    ).to.equal(true);
  });

  it('does not hold for its counter-examples', () => {
    const pairs = [
      ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP'],
      ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060'],
      ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp'],
      ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp'],
      ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting'],
      ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4'],
      ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off'],
      ['sip:a@b', 'sips:a@b'],
      ['sip:a@b;user=phone', 'sip:a@b'],
      ['sip:a@b;maddr=1.2.3.4', 'sip:a@b'],
    ] as const;
    for (const [a, b] of pairs) expect(equal(a, b), `${a} ${b}`).to.equal(false);
  });

  it('keeps an escaped reserved character apart from the character', () => {
    expect(equal('sip:a%2Fb@c', 'sip:a%2fb@c')).to.equal(true);
    expect(equal('sip:a%2Fb@c', 'sip:a/b@c')).to.equal(false);
    expect(equal('sip:a%2541@c', 'sip:a%41@c')).to.equal(false);
  });

  it('ignores visual separators of telephone numbers', () => {
    expect(equal('tel:+1-201-555-0123', 'tel:+12015550123')).to.equal(true);
  });

  for (const [what, a, b, expected] of [
    ['headers in another order', 'sip:h?a=1&b=2', 'sip:h?b=2&a=1', true],
    ['a header that one lacks', 'sip:h?a=1&b=2', 'sip:h?a=1', false],
    ['another value of a header', 'sip:h?a=1', 'sip:h?a=2', false],
    ["a header's name in another case", 'sip:h?Subject=x', 'sip:h?subject=x', true],
    ["a header's value in another case", 'sip:h?a=X', 'sip:h?a=x', false],
    ['another password', 'sip:a:b@h', 'sip:a:c@h', false],
    ['a password that one lacks', 'sip:a:b@h', 'sip:a@h', false],
    ['an escaped password', 'sip:a:%62@h', 'sip:a:b@h', true],
    ['a user of another case', 'sip:A@h', 'sip:a@h', false],
    ['a user, which one lacks', 'sip:a@h', 'sip:h', false],
    ['sip and sips', 'sip:a@h', 'sips:a@h', false],
    ['a parameter of no meaning that one lacks', 'sip:h;x=1', 'sip:h', true],
    ['another value of it', 'sip:h;x=1', 'sip:h;x=2', false],
    ['its name in another case', 'sip:h;X=1', 'sip:h;x=1', true],
    ['its value in another case', 'sip:h;x=a', 'sip:h;x=A', true],
    ['an escaped name', 'sip:h;%78=1', 'sip:h;x=1', true],
    ['parameters in another order', 'sip:h;a;b=1', 'sip:h;b=1;a', true],
    ['the second of two that may not be there', 'sip:h;x=1;x=2', 'sip:h;x=1', true],
    ['user=phone, which one lacks', 'sip:h;user=phone', 'sip:h', false],
    ['ttl, which one lacks', 'sip:h', 'sip:h;ttl=1', false],
    ['method, which one lacks', 'sip:h;method=INVITE', 'sip:h', false],
    ['maddr, which one lacks', 'sip:h', 'sip:h;maddr=h2', false],
    ['transport, which one lacks', 'sip:h;transport=udp', 'sip:h', false],
    ['a number in another case', 'tel:+1-(2)3.4;ext=a', 'tel:+1234;EXT=A', true],
    ['parameters of a number in another order', 'tel:12;a=b;phone-context=+1-2', 'tel:12;phone-context=+12;a=b', true],
    ['dots in the domain of a number', 'tel:12;phone-context=a.b', 'tel:12;phone-context=ab', false],
    ['a hyphen in an unknown parameter of a number', 'tel:12;x=a-b', 'tel:12;x=ab', false],
    ['separators in an extension', 'tel:+12;ext=1-2', 'tel:+12;ext=12', true],
    ['a local number', 'tel:12', 'tel:+12', false],
    ['another text of an IPv6 address (RFC 5954 4.2)', 'sip:a@[2001:DB8:0:0::9]', 'sip:a@[2001:db8::9]', true],
    ['a dot at the end of a name', 'sip:a@example.com.:5060', 'sip:a@example.com:5060', true],
    ['another IPv6 address', 'sip:a@[2001:db8::9:0]', 'sip:a@[2001:db8::9]', false],
    ['another URI in another case', 'urn:a', 'urn:A', false],
  ] as const) {
    it(`${expected ? 'does not mind' : 'minds'} ${what}`, () => {
      expect(equal(a, b)).to.equal(expected);
    });
  }

  it('has keys that tell transport and maddr apart, and places that do not', () => {
    const texts = [
      'sip:a@h',
      'sip:a@h;transport=tcp',
      'sip:a@h;maddr=x',
      'sip:a@h;transport=tcp;maddr=x',
      'sip:a@h:5060',
      'sip:b@h',
    ];
    expect(new Set(texts.map(uriKey)).size).to.equal(6);
    expect(new Set(texts.map(uriPlace)).size).to.equal(3);
    for (const none of ['no uri', '', 'sip:']) expect([uriKey(none), uriPlace(none)]).to.deep.equal([none, none]);
  });

  it('is reflexive and symmetric, and equal URIs have one key', () => {
    fc.assert(
      fc.property(uri, uri, (a, b) => {
        expect(equal(a, a)).to.equal(true);
        equal(a, b);
      }),
      runs(10),
    );
  });
});
