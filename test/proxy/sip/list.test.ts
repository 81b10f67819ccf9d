import { expect } from 'chai';
import { afterFirstValue, splitList } from '../../../proxy/sip/list.ts';

function split(text: string): string[] {
  const values: string[] = [];
  splitList(text, 0, text.length, values);
  return values;
}

describe('a list', () => {
  it('is split at its commas', () => {
    expect(split(' INVITE,ACK , BYE')).to.deep.equal(['INVITE', 'ACK', 'BYE']);
  });

  it('is not split inside quoted strings, angle brackets and comments', () => {
    expect(split('"Doe, \\"J\\"" <sip:a,b@c>;q=1, <sip:d;x=,>;y="1,2"')).to.deep.equal([
      '"Doe, \\"J\\"" <sip:a,b@c>;q=1',
      '<sip:d;x=,>;y="1,2"',
    ]);
    expect(split('SIP/2.0/UDP a (one, (two), three), SIP/2.0/UDP b')).to.have.length(2);
  });

  it('takes a parenthesis inside a URI for what it is', () => {
    expect(split('sip:a(b@c, sip:d@e')).to.deep.equal(['sip:a(b@c', 'sip:d@e']);
  });

  it('takes a parenthesis for a comment where one may begin, only', () => {
    expect(split('(a,b)c,d')).to.deep.equal(['(a,b)c', 'd']);
    expect(split('x (a,b),d')).to.deep.equal(['x (a,b)', 'd']);
    expect(split('x\t(a,b),d')).to.deep.equal(['x\t(a,b)', 'd']);
    expect(split('x(a,b),d')).to.deep.equal(['x(a', 'b)', 'd']);
    expect(split('x,(a,b),d')).to.deep.equal(['x', '(a,b)', 'd']);
  });

  it('has no empty values', () => {
    expect(split(' , a,, b ,')).to.deep.equal(['a', 'b']);
    expect(split('')).to.deep.equal([]);
  });

  it('unfolds its values', () => {
    expect(split('a;\r\n b,\r\n\tc')).to.deep.equal(['a; b', 'c']);
  });

  it('gives all the rest to what is left open', () => {
    expect(split('a, "b, c')).to.deep.equal(['a', '"b, c']);
    expect(split('a, <b, c')).to.deep.equal(['a', '<b, c']);
    expect(split('a, (b, c')).to.deep.equal(['a', '(b, c']);
  });

  it('knows where it goes on after its first value', () => {
    expect(afterFirstValue('a, b, c', 0, 7)).to.equal(3);
    expect(afterFirstValue(', a ,, b', 0, 8)).to.equal(7);
    expect(afterFirstValue('a,\r\n b', 0, 6)).to.equal(5);
    expect(afterFirstValue('"a, b" , b', 0, 10)).to.equal(9);
    for (const one of ['a ,', 'a', ' , ,a, ,', '', ',']) expect(afterFirstValue(one, 0, one.length), one).to.equal(-1);
  });
});
