import { expect } from 'chai';
import {
  decimal,
  equalsIgnoreCase,
  hostText,
  isDigit,
  isTokenChar,
  isWhitespace,
  skipComment,
  skipHost,
  skipLws,
  skipQuoted,
  skipScheme,
  skipToken,
  trimEnd,
  unfold,
  unquote,
} from '../../../proxy/sip/grammar.ts';

/** The bytes, as characters, that are in such a class. */
function charsOf(isIn: (code: number) => boolean): string {
  return Array.from({ length: 256 }, (_, code) => code)
    .filter(isIn)
    .map((code) => String.fromCharCode(code))
    .join('');
}

/** What `skip` takes of a text from its start on; undefined: it finds no such thing there. */
function taken(text: string, skip: (text: string, pos: number, end: number) => number): string | undefined {
  const after = skip(text, 0, text.length);
  return after < 0 ? undefined : text.slice(0, after);
}

const DIGITS = '0123456789';
const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';

describe('the grammar that header fields share (RFC 3261 25.1)', () => {
  it("has letters, digits and -.!%*_+`'~ in tokens", () => {
    expect(charsOf(isTokenChar)).to.equal(`!%'*+-.${DIGITS}${UPPER}_\`${LOWER}~`);
    expect(taken('a.b-c d', skipToken)).to.equal('a.b-c');
    expect(taken('=a', skipToken)).to.equal('');
  });

  it('has ten digits, and four characters that are white space', () => {
    expect(charsOf(isDigit)).to.equal(DIGITS);
    expect(charsOf(isWhitespace)).to.equal('\t\n\r ');
    expect(taken(' \r\n\t x', skipLws)).to.equal(' \r\n\t ');
    expect(trimEnd(' a \r\n ', 0, 6)).to.equal(2);
    expect(trimEnd('   ', 1, 3)).to.equal(1);
  });

  it('begins a scheme with a letter, and has digits, +, - and . in it too', () => {
    expect(charsOf((code) => skipScheme(String.fromCharCode(code), 0, 1) === 1)).to.equal(`${UPPER}${LOWER}`);
    expect(charsOf((code) => skipScheme(`a${String.fromCharCode(code)}`, 0, 2) === 2)).to.equal(
      `+-.${DIGITS}${UPPER}${LOWER}`,
    );
  });

  for (const [text, quoted] of [
    ['"a" b', '"a"'],
    ['"" b', '""'],
    ['"a\\"b"c"', '"a\\"b"'],
    ['"a\\\\"b"', '"a\\\\"'],
    ['"open', undefined],
    ['"open\\"', undefined],
    ['"', undefined],
  ] as const)
    it(`finds ${quoted ?? 'no end of a quoted string'} in ${text}`, () => {
      expect(taken(text, skipQuoted)).to.equal(quoted);
    });

  for (const [text, comment] of [
    ['(a) b', '(a)'],
    ['(a (b) c) d)', '(a (b) c)'],
    ['(a\\) b) c', '(a\\) b)'],
    ['(a\\( b) c', '(a\\( b)'],
    ['(a (b)', undefined],
    ['(', undefined],
  ] as const)
    it(`finds ${comment ?? 'no end of a comment'} in ${text}`, () => {
      expect(taken(text, skipComment)).to.equal(comment);
    });

  for (const [text, host, read] of [
    ['Proxy-1.Example.com:5060', 'Proxy-1.Example.com', 'proxy-1.example.com'],
    ['my_host;x', 'my_host', 'my_host'],
    ['example.com.:5060', 'example.com.', 'example.com'],
    ['192.0.2.1 x', '192.0.2.1', '192.0.2.1'],
    ['[2001:DB8:0::1]:5060', '[2001:DB8:0::1]', '2001:db8::1'],
    ['[::ffff:192.0.2.1]', '[::ffff:192.0.2.1]', '::ffff:192.0.2.1'],
    ['.', '.', '.'],
    ['a', 'a', 'a'],
  ] as const)
    it(`reads the host ${read} in ${text}`, () => {
      expect(taken(text, skipHost)).to.equal(host);
      expect(hostText(text, 0, host.length)).to.equal(read);
    });

  for (const text of ['', ' a', ':5060', '[', '[]', '[::1', '[::1;', '[::1 ]', '[192.0.2.1]', '[example.com]'])
    it(`reads no host in '${text}'`, () => {
      expect(taken(text, skipHost)).to.equal(undefined);
    });

  it('has decimal numbers of any length, and nothing else for one', () => {
    expect(decimal('x4711y', 1, 5)).to.equal(4711);
    expect(decimal('007', 0, 3)).to.equal(7);
    expect(decimal('9'.repeat(400), 0, 400)).to.equal(Infinity);
    for (const none of ['', '1x', 'x1', '-1', '+1', '1.0', '1 ', '0x1', '/', ':'])
      expect(decimal(none, 0, none.length), none).to.equal(-1);
  });

  it('takes the two cases of letters for the same, and of nothing else', () => {
    const same = (text: string, lower: string): boolean => equalsIgnoreCase(text, 0, text.length, lower);
    expect(same('aAzZ-1', 'aazz-1')).to.equal(true);
    expect(same('branch', 'branches') || same('branches', 'branch') || same('a', 'b')).to.equal(false);
    // each 32 below the other, as capitals are, and no letters
    for (const [high, low] of [
      ['@', '`'],
      ['[', '{'],
    ] as const)
      expect(same(high, low), low).to.equal(false);
  });

  it('reads a fold as one space (RFC 3261 7.3.1)', () => {
    for (const [text, value] of [
      ['  a b ', 'a b'],
      ['a  b', 'a  b'],
      ['a\r\n b', 'a b'],
      [' a \r\n\t  b\r\n c  \r\n', 'a b c'],
      ['\r\n a', 'a'],
      [' \r\n ', ''],
    ] as const)
      expect(unfold(text, 0, text.length), JSON.stringify(text)).to.equal(value);
  });

  it('takes quotes and escapes off a quoted string, and nothing off another text', () => {
    for (const [text, plain] of [
      ['"a b"', 'a b'],
      ['""', ''],
      ['"a\\"b\\\\c\\d"', 'a"b\\cd'],
      ['"a\\"', 'a'],
      ['a\\b', 'a\\b'],
      ['"', '"'],
      ['"a', '"a'],
      ['a"', 'a"'],
      ['', ''],
    ] as const)
      expect(unquote(text), text).to.equal(plain);
  });
});
