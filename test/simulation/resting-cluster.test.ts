import { expect } from 'chai';
import { resting } from './resting-cluster.ts';

const PHONES = 20;

describe('a simulated cluster that grows', () => {
  for (const [dataCentres, proxies] of [
    [1, 2],
    [3, 4],
  ] as const) {
    const all = dataCentres * proxies;
    it(`writes each REGISTER once, and has it everywhere, with ${all} proxies`, async function () {
      this.timeout(60_000);
      const { violations, granted, writes, known } = await resting({ dataCentres, proxies, phones: PHONES }, 45_000);
      expect(violations).to.equal(0);
      expect(granted).to.be.above(PHONES);
      expect(writes['binding']).to.equal(granted);
      expect(known).to.deep.equal(Array.from({ length: all }, () => PHONES));
    });
  }
});
