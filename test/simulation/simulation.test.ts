import { expect } from 'chai';
import { mutations } from './mutations.ts';
import { World, type WorldOptions } from './world.ts';

/** Real seconds for seeds. */
const SECONDS = Number(process.env['SIMULATE_SECONDS'] ?? 30);
const FIRST_SEED = 1;

function optionsFor(seed: number, changes: Partial<WorldOptions> = {}): WorldOptions {
  return { seed, traced: false, mutation: undefined, only: undefined, clockStep: 2000, ...changes };
}

describe('a simulated cluster', () => {
  it(`breaks no promise under faults, in as many seeds as fit in ${SECONDS} s`, async function () {
    this.timeout(SECONDS * 1000 + 120_000);
    const end = performance.now() + SECONDS * 1000;
    for (let seed = FIRST_SEED; performance.now() < end; seed++) {
      const world = new World(optionsFor(seed));
      await world.run();
      const found = world.violations.map(({ rule, what, at }) => `${rule} at ${at} ms: ${what}`);
      expect(found, `make simulate SEED=${seed} COUNT=1`).to.deep.equal([]);
    }
  });

  it('loses no call where nothing is wrong', async function () {
    this.timeout(120_000);
    const world = new World(optionsFor(8));
    await world.run();
    expect(world.faults.faults).to.deep.equal([]);
    expect(world.ledger.tally).to.include({ failed: 0 });
    expect(world.ledger.tally.answered).to.be.greaterThan(20);
  });

  it('goes the same way again from the same seed, to the last byte', async function () {
    this.timeout(120_000);
    const hashes: string[] = [];
    for (const seed of [3, 3, 4]) {
      const world = new World(optionsFor(seed, { traced: true }));
      await world.run();
      hashes.push(world.trace.hash);
    }
    expect(hashes[1]).to.equal(hashes[0]);
    expect(hashes[2]).to.not.equal(hashes[0]);
  });

  describe('finds a planted bug:', () => {
    for (const mutation of mutations) {
      it(mutation.name, async function () {
        this.timeout(600_000);
        for (let seed = FIRST_SEED; seed < FIRST_SEED + 1000; seed++) {
          const world = new World(optionsFor(seed, { mutation }));
          await world.run();
          const [first] = world.violations;
          if (first === undefined) continue;
          expect(mutation.found).to.include(first.rule);
          return;
        }
        expect.fail('not found in 1,000 seeds');
      });
    }
  });
});
