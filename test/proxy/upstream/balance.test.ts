import { expect } from 'chai';
import * as fc from 'fast-check';
import { choose, seedOf, type Candidate } from '../../../proxy/upstream/balance.ts';

interface Named extends Candidate {
  readonly name: string;
  readonly weight: number;
}

const OPEN = {};

function candidate(name: string, weight = 1, open = true): Named {
  return { name, seed: seedOf(name), weight, weightAt: () => weight, active: open ? OPEN : undefined };
}

/** How many of `keys` Call-IDs each candidate takes. */
function shares(candidates: readonly Named[], keys: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i < keys; i++) {
    const chosen = choose(candidates, `call-${i}@10.0.0.1`, 0, undefined);
    if (chosen !== undefined) counts.set(chosen.name, (counts.get(chosen.name) ?? 0) + 1);
  }
  return counts;
}

const candidates = fc
  .uniqueArray(
    fc.record({ name: fc.string({ minLength: 1, maxLength: 20 }), weight: fc.integer({ min: 1, max: 10 }) }),
    {
      selector: ({ name }) => name,
      minLength: 2,
      maxLength: 8,
    },
  )
  .map((list) => list.map(({ name, weight }) => candidate(name, weight)));

describe('weighted rendezvous', () => {
  it('gives each pair its share by weight', () => {
    fc.assert(
      fc.property(candidates, (list) => {
        const keys = 20_000;
        const total = list.reduce((sum, { weight }) => sum + weight, 0);
        const counts = shares(list, keys);
        for (const { name, weight } of list) {
          const expected = (keys * weight) / total;
          expect(counts.get(name) ?? 0).to.be.closeTo(expected, 6 * Math.sqrt(expected));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('moves only the keys of a pair that goes', () => {
    fc.assert(
      fc.property(candidates, fc.array(fc.string()), (list, keys) => {
        const [gone, ...rest] = list;
        for (const key of keys) {
          const before = choose(list, key, 0, undefined);
          if (before !== gone) expect(choose(rest, key, 0, undefined)).to.equal(before);
        }
      }),
    );
  });

  it('chooses the same whatever the order', () => {
    fc.assert(
      fc.property(candidates, fc.string(), (list, key) => {
        expect(choose(list.toReversed(), key, 0, undefined)).to.equal(choose(list, key, 0, undefined));
      }),
    );
  });

  it('moves the keys of a lost pair to all the others, by their weight', () => {
    const [a, b, c, d] = [candidate('ss1'), candidate('ss2'), candidate('ss3'), candidate('ss4', 2)];
    const moved = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      if (choose([a, b, c, d], `k${i}`, 0, undefined) !== a) continue;
      const next = choose([b, c, d], `k${i}`, 0, undefined)?.name ?? '';
      moved.set(next, (moved.get(next) ?? 0) + 1);
    }
    const total = 20_000 / 5;
    expect(moved.get('ss2')).to.be.closeTo(total / 4, 200);
    expect(moved.get('ss3')).to.be.closeTo(total / 4, 200);
    expect(moved.get('ss4')).to.be.closeTo(total / 2, 200);
  });

  it('never chooses a pair of weight 0 for a call, but does so where weights do not count', () => {
    const idle = candidate('ss1', 0);
    expect(choose([idle], 'key', 0, undefined)).to.equal(undefined);
    expect(choose([idle], 'key', undefined, undefined)).to.equal(idle);
  });

  it('passes over pairs without an active member and the one excluded', () => {
    const [a, b, c] = [candidate('ss1'), candidate('ss2', 100, false), candidate('ss3')];
    for (let i = 0; i < 100; i++) expect(choose([a, b, c], `key-${i}`, 0, a)).to.equal(c);
  });
});
