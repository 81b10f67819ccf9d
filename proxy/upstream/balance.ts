import { fnv1aBits } from '../hash.ts';

/** What rendezvous hashing chooses from. */
export interface Candidate {
  /** From seedOf(name). */
  readonly seed: number;
  /** What counts when a new call is placed at `now`, ms; 0: it gets none. */
  weightAt(now: number): number;
  /** Undefined: closed, never chosen. */
  readonly active: object | undefined;
}

/** A candidate's own number, 32 bits; made once. */
export function seedOf(name: string): number {
  return mix(fnv1aBits(name));
}

/** The key's number for score(), 32 bits; made once a choice. */
function hashOf(key: string): number {
  return mix(fnv1aBits(key));
}

/**
 * Weighted rendezvous: the candidate with the greatest -weight / ln(u), u in (0, 1) from key and candidate, takes the
 * key. Each gets its share by weight, and one that goes or comes moves only its own keys.
 */
function score(key: number, seed: number, weight: number): number {
  return -weight / Math.log(uniform(key, seed));
}

/** Evenly distributed over (0, 1), both ends left out. */
function uniform(key: number, seed: number): number {
  return (mix(key ^ seed) + 0.5) / 4294967296;
}

/** MurmurHash3's finaliser: every bit of the input changes every bit of the result with even odds. */
function mix(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The open candidate, other than `excluded`, that takes the key; `now` is when, for their weights, or undefined: each
 * counts the same. No allocation.
 */
export function choose<C extends Candidate>(
  candidates: readonly C[],
  key: string,
  now: number | undefined,
  excluded: C | undefined,
): C | undefined {
  const number = hashOf(key);
  let best: C | undefined;
  let bestScore = 0;
  for (const candidate of candidates) {
    if (candidate.active === undefined || candidate === excluded) continue;
    const weight = now === undefined ? 1 : candidate.weightAt(now);
    if (weight <= 0) continue;
    const itsScore = score(number, candidate.seed, weight);
    if (itsScore > bestScore) {
      best = candidate;
      bestScore = itsScore;
    }
  }
  return best;
}
