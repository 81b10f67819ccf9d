import { expect } from 'chai';
import { growthOf } from './growth.ts';

describe('growth while a proxy is loaded', () => {
  it('is from the first tenth to the last one, whatever single samples are', () => {
    const flat = Array.from({ length: 100 }, () => 100);
    expect(growthOf(flat)).to.equal(0);
    expect(growthOf(flat.with(0, 900).with(50, 900).with(99, 1))).to.equal(0);
    expect(growthOf(Array.from({ length: 100 }, (_, i) => 100 + i))).to.be.closeTo(0.86, 0.01);
  });

  it('is told from few samples, too', () => {
    expect(growthOf([100, 105])).to.be.closeTo(0.05, 1e-9);
    expect(growthOf([100])).to.equal(0);
  });
});
