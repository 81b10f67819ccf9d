import { expect } from 'chai';
import fc from 'fast-check';
import { param } from '../../../proxy/sip/name-addr.ts';

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

  it('never throws', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (params, name) => void param(params, name)));
    expect(param(';a="open;tag=1', 'tag')).to.equal(undefined);
  });
});
