import { expect } from 'chai';
import { highest, isHeld } from './ceiling.ts';

async function search(first: number, limit: number): Promise<{ found: number; tried: number[] }> {
  const tried: number[] = [];
  const found = await highest(first, (rate) => {
    tried.push(rate);
    return Promise.resolve(rate <= limit);
  });
  return { found, tried };
}

describe("the benchmark's search for the highest rate", () => {
  it('finds it to five percent, wherever it begins', async () => {
    for (const limit of [120, 900, 1000, 2317, 7000]) {
      const { found, tried } = await search(1000, limit);
      expect(found, `${limit}`).to.be.within(0.94 * limit, limit);
      expect(tried).to.have.length.below(13);
    }
  });

  it('goes up by halves, and then between what held and what did not', async () => {
    const { tried } = await search(1000, 2000);
    expect(tried).to.deep.equal([1000, 1500, 2250, 1875, 2063, 1969]);
  });

  it('ends where nothing holds, and where all does', async () => {
    expect((await search(1000, 0)).found).to.equal(0);
    expect((await search(1000, Infinity)).found).to.be.within(10_000, 20_000);
  });

  it('takes a rate for held below one failure in a thousand and one retransmission in a hundred', () => {
    const good = { rate: 1000, perSecond: 999, begun: 4000, failed: 3, retransmitted: 39 };
    expect(isHeld(good)).to.equal(true);
    expect(isHeld({ ...good, failed: 4 })).to.equal(false);
    expect(isHeld({ ...good, retransmitted: 40 })).to.equal(false);
    expect(isHeld({ ...good, perSecond: 970 })).to.equal(false);
  });
});
