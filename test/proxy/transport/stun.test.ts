import { expect } from 'chai';
import fc from 'fast-check';
import { stunAnswer } from '../../../proxy/transport/stun.ts';

const cookie = '2112a442';
const transaction = 'b7e7a701bc34d686fa87dfae';
const request = (attributes = ''): Buffer => {
  const length = (attributes.length / 2).toString(16).padStart(4, '0');
  return Buffer.from(`0001${length}${cookie}${transaction}${attributes}`, 'hex');
};

describe('STUN', () => {
  it('tells an IPv4 client its address and port, masked (RFC 5769 2.2)', () => {
    expect(stunAnswer(request(), '192.0.2.1', 32853)?.toString('hex')).to.equal(
      `0101000c${cookie}${transaction}002000080001a147e112a643`,
    );
  });

  it('tells an IPv6 client its address and port, masked (RFC 5769 2.3)', () => {
    expect(stunAnswer(request(), '2001:db8:1234:5678:11:2233:4455:6677', 32853)?.toString('hex')).to.equal(
      `01010018${cookie}${transaction}002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9`,
    );
  });

  it('tells a client of RFC 3489, which sends no cookie, its address unmasked', () => {
    const old = Buffer.from(`0001000000000001${transaction}`, 'hex');
    expect(stunAnswer(old, '192.0.2.1', 5060)?.toString('hex')).to.equal(
      `0101000c00000001${transaction}00010008000113c4c0000201`,
    );
  });

  it('passes over attributes that need not be understood, and those that ask for nothing', () => {
    const software = '8022000473697021';
    expect(stunAnswer(request(software), '192.0.2.1', 5060)?.readUInt16BE(0)).to.equal(0x0101);
  });

  it('names attributes that it would have to understand, with 420', () => {
    const answer = stunAnswer(request('7ffe0000000300040000 0000'.replaceAll(' ', '')), '192.0.2.1', 5060);
    expect(answer?.readUInt16BE(0)).to.equal(0x0111);
    expect(answer?.subarray(20).toString('latin1')).to.contain('Unknown Attribute');
    expect(answer?.toString('hex').endsWith('000a00047ffe0003')).to.equal(true);
  });

  it('answers nothing but binding requests', () => {
    const indication = request();
    indication.writeUInt16BE(0x0011, 0);
    expect(stunAnswer(indication, '192.0.2.1', 5060)).to.equal(undefined);
    expect(stunAnswer(request().subarray(0, 19), '192.0.2.1', 5060)).to.equal(undefined);
    expect(stunAnswer(request('8022ffff'), '192.0.2.1', 5060)).to.equal(undefined);
  });

  it('takes whatever comes, and sends back hardly more than it got', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, binding) => {
        const datagram = Buffer.from(bytes);
        if (binding && datagram.length >= 20) {
          datagram.writeUInt16BE(1, 0);
          datagram.writeUInt16BE(datagram.length - 20, 2);
        }
        const answer = stunAnswer(datagram, '2001:db8::1', 5060);
        if (answer === undefined) return;
        expect(answer.length).to.be.at.most(datagram.length + 40);
        expect(answer.readUInt16BE(2)).to.equal(answer.length - 20);
      }),
    );
  });
});
