import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import { ownText } from '../../../proxy/sip/own-text.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Heap held by 200 short texts, each cut from one of 100 kB and then changed by `keep`, in bytes. */
function heldBy(keep: (text: string) => string): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const kept: string[] = [];
  for (let i = 0; i < 200; i++) kept.push(keep(Buffer.alloc(100_000, `${i} `).toString('latin1').slice(-50)));
  collectGarbage();
  const held = process.memoryUsage().heapUsed - before;
  expect(kept).to.have.length(200);
  return held;
}

describe('a text of its own', () => {
  it('says the same, byte for byte', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        expect(ownText(text)).to.equal(text);
      }),
    );
  });

  it('lets go of the message it was cut from, which a slice does not', () => {
    const slices = heldBy((text) => text);
    expect(heldBy(ownText)).to.be.lessThan(slices / 4);
  });
});
