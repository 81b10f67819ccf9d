import { expect } from 'chai';
import fc from 'fast-check';
import { numberOf, textOf } from '../../../proxy/transport/ipv4.ts';

describe('IPv4 addresses as numbers', () => {
  it('are read from dotted quads', () => {
    expect(numberOf('0.0.0.0')).to.equal(0);
    expect(numberOf('127.0.0.1')).to.equal(0x7f000001);
    expect(numberOf('255.255.255.255')).to.equal(0xffffffff);
  });

  it('are written as they were read', () => {
    fc.assert(fc.property(fc.ipV4(), (address) => textOf(numberOf(address)) === address));
  });
});
