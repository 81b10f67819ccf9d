import { fnv1aBits } from '../hash.ts';

/** What a KeyTable holds. */
export interface Keyed {
  readonly key: string;
  /** The table's own: the hash of the key. */
  hash: number;
}

/** Places in a table that is empty: a power of two, as it stays. */
const PLACES = 64;
const EMPTY = -1;

/**
 * Values by keys that are each new: few at a time, which come and go by the thousand a second. V8's Map makes a new table
 * each time that half of it was used up so, and the one before points to it: once one of them is among what is old, all
 * that is in the tables after it stays alive, dead or not, until the whole memory is collected. It also looks each key
 * up among all texts that the process has ever used as a name, and keeps it there. Here the hashes stand side by side,
 * with a seed of the table's own. The places are kept when values go.
 */
export class KeyTable<Value extends Keyed> {
  /** By place; EMPTY where there is none. Each stands at the first free place from the one that its hash names on. */
  #hashes = new Int32Array(PLACES).fill(EMPTY);
  #values: (Value | undefined)[] = emptyPlaces(PLACES);
  #mask = PLACES - 1;
  readonly #seed = (Math.random() * 0x1_0000_0000) | 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return this.find(key, this.hashOf(key));
  }

  /** As get(), where the key's hashOf() is known. */
  find(key: string, hash: number): Value | undefined {
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      const found = this.#hashes[place];
      if (found === EMPTY) return undefined;
      if (found !== hash) continue;
      const value = this.#values[place];
      if (value?.key === key) return value;
    }
  }

  /** In the place of what had the key. `hash`: the key's hashOf(). */
  set(value: Value, hash: number = this.hashOf(value.key)): void {
    value.hash = hash;
    let place = hash & this.#mask;
    for (; this.#hashes[place] !== EMPTY; place = (place + 1) & this.#mask) {
      if (this.#hashes[place] !== hash || this.#values[place]?.key !== value.key) continue;
      this.#values[place] = value;
      return;
    }
    this.#hashes[place] = hash;
    this.#values[place] = value;
    this.#size++;
    // half of the places stay empty: those that are taken stand in short rows
    if (2 * this.#size > this.#mask) this.#grow();
  }

  /** Nothing happens to another value that has taken the place of this one. */
  delete(value: Value): void {
    const { hash } = value;
    let place = hash & this.#mask;
    for (; this.#hashes[place] !== hash || this.#values[place] !== value; place = (place + 1) & this.#mask)
      if (this.#hashes[place] === EMPTY) return;
    this.#size--;
    this.#close(place);
  }

  hashOf(key: string): number {
    return hashOf(key, this.#seed);
  }

  /** The place becomes empty, and those after it move up as far as the place that their hash names. */
  #close(place: number): void {
    const [hashes, values, mask] = [this.#hashes, this.#values, this.#mask];
    let gap = place;
    for (let next = (gap + 1) & mask; ; next = (next + 1) & mask) {
      const hash = hashes[next] ?? EMPTY;
      if (hash === EMPTY) break;
      if (((next - hash) & mask) < ((next - gap) & mask)) continue;
      hashes[gap] = hash;
      values[gap] = values[next];
      gap = next;
    }
    hashes[gap] = EMPTY;
    values[gap] = undefined;
  }

  #grow(): void {
    const [hashes, values] = [this.#hashes, this.#values];
    const places = 2 * hashes.length;
    this.#hashes = new Int32Array(places).fill(EMPTY);
    this.#values = emptyPlaces(places);
    this.#mask = places - 1;
    hashes.forEach((hash, i) => {
      if (hash === EMPTY) return;
      let place = hash & this.#mask;
      while (this.#hashes[place] !== EMPTY) place = (place + 1) & this.#mask;
      this.#hashes[place] = hash;
      this.#values[place] = values[i];
    });
  }
}

function emptyPlaces(count: number): undefined[] {
  return Array.from<undefined>({ length: count }).fill(undefined);
}

/** Small enough to be held as a bare number. */
function hashOf(text: string, seed: number): number {
  const hash = fnv1aBits(text, seed);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}
