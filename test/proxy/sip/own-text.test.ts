import { expect } from 'chai';
import fc from 'fast-check';
import { ownText } from '../../../proxy/sip/own-text.ts';

describe('a text of its own', () => {
  it('says the same, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        expect(ownText(text)).to.equal(text);
      }),
    );
  });

  it('lets go of the message it was cut from', () => {
    const kept: string[] = [];
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 200; i++) kept.push(ownText(`${i}`.padStart(100_000, 'x').slice(-50)));
    expect(kept).to.have.length(200);
    expect(process.memoryUsage().heapUsed - before).to.be.lessThan(15_000_000);
  });
});
