import { expect } from 'chai';
import fc from 'fast-check';
import { param } from '../../../proxy/sip/name-addr.ts';
import { isAnyTwice, tagAt } from '../../../proxy/sip/param.ts';
import { runs } from './arbitrary.ts';

describe('param', () => {
  it('finds a value by its name in any case', () => {
    expect(param(';Tag=abc;q=0.5', 'tag')).to.equal('abc');
    expect(param(';tag=abc;Q=0.5', 'Q')).to.equal('0.5');
  });

  it('tells a flag from none', () => {
    expect(param(';lr;a=b', 'lr')).to.equal('');
    expect(param(';lrx;a=lr', 'lr')).to.equal(undefined);
    expect(param('', 'lr')).to.equal(undefined);
  });

  it('strips quotes and escapes and is not misled by what is inside', () => {
    const params = ';+sip.instance="<urn:uuid:1;reg-id=9>";note="a\\"b;c";reg-id=1';
    expect(param(params, '+sip.instance')).to.equal('<urn:uuid:1;reg-id=9>');
    expect(param(params, 'note')).to.equal('a"b;c');
    expect(param(params, 'reg-id')).to.equal('1');
  });

  it('allows white space around semicolons and equal signs', () => {
    expect(param(' ; tag   =  98asjd8 ;x', 'tag')).to.equal('98asjd8');
  });

  it('takes the first of two', () => {
    expect(param(';tag=1;tag=2', 'tag')).to.equal('1');
  });

  for (const [list, expected] of [
    [';x=1', '1'],
    [' ;x=1', '1'],
    [';a;x=1', '1'],
    [';a=2;x=1', '1'],
    [';a="x=2;x=3";x=1', '1'],
    ['junk;x=1', '1'],
    [';a=1 junk;x=1', '1'],
    [';;x=1', '1'],
    ['; x\t=\r\n 1 ;y', '1'],
    [';x="a;b,c"', 'a;b,c'],
    [';x=', ''],
    [';x', ''],
    [';x;x=1', ''],
    [';x y=1', ''],
    [';x=1,y=2', '1'],
    [';xx=1', undefined],
    [';y=x', undefined],
    ['x=1', undefined],
    ['yx=1', undefined],
    [';a=1 yx=1', undefined],
    ['', undefined],
    [';', undefined],
    [';a="open;x=1', undefined],
  ] as const) {
    it(`finds ${expected === undefined ? 'none' : `'${expected}'`} in ${JSON.stringify(list)}`, () => {
      expect(param(list, 'X')).to.equal(expected);
    });
  }

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (params, name) => void param(params, name)));
    expect(param(';a="open;tag=1', 'tag')).to.equal(undefined);
  });
});

describe('the tag of a From or To', () => {
  for (const [params, tag] of [
    ['', ''],
    ['\r\n ', ''],
    [';tag=1', '1'],
    ['\r\n ; TAG\t=\r\n 1 ; x = "a;tag=2" ;', '1'],
    [';;x;tag="a\\"b"', 'a"b'],
    [';tag', undefined],
    [';tag=', undefined],
    [';tag=""', undefined],
    [';tagged=2;xtag=3', ''],
    [';tag=1;tag=2', undefined],
    [';tag=1;x;TAG="1"', '1'],
    [';tag;tag=2', undefined],
    [';x="open;tag=1', undefined],
    [';tag=1 junk', undefined],
    [';x="a"b;tag=1', undefined],
    [';tag=1, <sip:mallory@h>;tag=2', undefined],
    [';=1;tag=1', undefined],
    [';x,y;tag=1', undefined],
    ['junk;tag=1', undefined],
    [',', undefined],
  ] as const)
    it(`${tag === undefined ? 'is not guessed' : `is '${tag}'`} in ${JSON.stringify(params)}`, () => {
      expect(tagAt(`<sip:a@h>${params};tag=beyond`, 9, 9 + params.length)).to.equal(tag);
    });

  it('is what param() finds, where there is no doubt', () => {
    const part = fc.constantFrom(';', 'tag', '=', '1', '"', 'x', ' ', ',', '\\');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const params = parts.join('');
        const tag = tagAt(params, 0, params.length);
        if (tag !== undefined) expect(tag).to.equal(param(params, 'tag') ?? '');
      }),
      runs(20),
    );
  });
});

describe('a parameter that stands twice (RFC 3261 7.3.1)', () => {
  for (const [params, twice] of [
    ['', false],
    [';', false],
    [';q=1;expires=2', false],
    [';q=1;q=2', true],
    [';Q=1;x;q', true],
    [' ; q\t= 1\r\n ; Q ', true],
    [';expires=1;q=1;expires=2', true],
    [';q;q', true],
    [';;q=1;;q', true],
    [';qq=1;q=1', false],
    [';q=1;x=q', false],
    [';q=1;x=";q=2"', false],
    [';q=1;x=";q=2";q', true],
    [';q=1;x="open;q=2', false],
    [';x=1;x=2;q=1', false],
  ] as const)
    it(`${twice ? 'is found' : 'is none'} in ${JSON.stringify(params)}`, () => {
      expect(isAnyTwice(params, ['expires', 'q'])).to.equal(twice);
    });
});
