import { expect } from 'chai';
import { faultKinds } from './faults.ts';
import { mutations } from './mutations.ts';
import { World, type WorldOptions } from './world.ts';

/** Real seconds for seeds. */
const SECONDS = Number(process.env['SIMULATE_SECONDS'] ?? 30);
const FIRST_SEED = 1;

/** How each kind of fault shows in a trace, where it did something. */
const noted: Readonly<Record<string, RegExp>> = {
  loss: /^fault: loss /,
  duplication: /^fault: duplication /,
  reordering: /^fault: reordering /,
  delay: /^fault: delay /,
  partition: /^fault: partition /,
  oneWay: /^fault: one-way partition /,
  proxyKilled: /^fault: (killed|power off) /,
  proxyRestarted: /^restart in order$/,
  proxiesRolled: /^rolling restart$/,
  proxyPaused: /^fault: paused /,
  clockSet: /^fault: clock set by /,
  memberKilled: /^fault: member killed /,
  memberPaused: /^fault: member paused /,
  dualPrimary: /^dual primary of /,
  storeStopped: /^fault: store stopped /,
  storeSlow: /^fault: store slow /,
  storeLost: /^fault: store lost /,
  storeCut: /^fault: cut from a store /,
  storeSetBack: /^set back$/,
  storeHung: /^fault: store hung /,
  phonePaused: /^fault: phone paused /,
  phoneRebooted: /^rebooted$/,
  configurationChanged: /^oosCheck.interval becomes /,
  sbcPaused: /^fault: SBC paused /,
  sbcPowerOff: /^fault: SBC without power /,
};

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

  it('suffers every kind of fault there is', async function () {
    this.timeout(120_000);
    const missing = new Map(Object.entries(noted));
    expect([...missing.keys()].toSorted()).to.deep.equal(faultKinds.toSorted());
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 60 && missing.size > 0; seed++) {
      const world = new World(optionsFor(seed, { traced: true }));
      await world.run();
      const notes = world.trace.lines.filter(({ to }) => to === undefined).map(({ label }) => label);
      for (const [kind, sign] of missing) if (notes.some((note) => sign.test(note))) missing.delete(kind);
    }
    expect([...missing.keys()]).to.deep.equal([]);
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
