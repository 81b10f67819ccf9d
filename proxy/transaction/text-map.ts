import { fnv1aBits } from '../hash.ts';

/** What a TextMap holds. Its own links run through its values, so that an entry allocates nothing. */
export interface Keyed<Value> {
  readonly key: string;
  /** The map's own: the hash of the key, and the next value whose key has the same one. */
  hash: number;
  chained: Value | undefined;
}

/**
 * Values by texts that are each new, such as branches: V8's Map first looks each such key up among all texts that the
 * process has ever used as a name, and keeps it there, which costs several times what the map itself does. Here the
 * keys are hashed, with a seed of the map's own, and the Map sees small numbers only. A key is hashed once for all that
 * is done with it.
 */
export class TextMap<Value extends Keyed<Value>> {
  readonly #byHash = new Map<number, Value>();
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
    let value = this.#byHash.get(hash);
    while (value !== undefined && value.key !== key) value = value.chained;
    return value;
  }

  /** In the place of what had the key. `hash`: the key's hashOf(). */
  set(value: Value, hash: number = this.hashOf(value.key)): void {
    value.hash = hash;
    const first = this.#byHash.get(hash);
    if (first !== undefined) {
      const same = this.find(value.key, hash);
      if (same !== undefined) {
        this.delete(same);
        this.set(value, hash);
        return;
      }
    }
    value.chained = first;
    this.#byHash.set(hash, value);
    this.#size++;
  }

  /** Nothing happens to another value that has taken the place of this one. */
  delete(value: Value): void {
    const { hash } = value;
    let before: Value | undefined;
    let found = this.#byHash.get(hash);
    while (found !== undefined && found !== value) {
      before = found;
      found = found.chained;
    }
    if (found === undefined) return;
    const after = value.chained;
    if (before !== undefined) before.chained = after;
    else if (after === undefined) this.#byHash.delete(hash);
    else this.#byHash.set(hash, after);
    value.chained = undefined;
    this.#size--;
  }

  /** All of them, in no order. */
  *values(): Generator<Value> {
    for (const first of this.#byHash.values()) {
      for (let value: Value | undefined = first; value !== undefined; value = value.chained) yield value;
    }
  }

  hashOf(key: string): number {
    return textHash(key, this.#seed);
  }
}

/** Small enough to be held as a bare number. */
export function textHash(text: string, seed: number): number {
  const hash = fnv1aBits(text, seed);
  return (hash ^ (hash >>> 15)) & 0x3fffffff;
}
