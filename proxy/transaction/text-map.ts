/** What a TextMap holds. Its own links run through its values, so that an entry allocates nothing. */
export interface Keyed<Value> {
  readonly key: string;
  /** The map's own: the next value whose key has the same hash. */
  chained: Value | undefined;
}

/**
 * Values by texts that are each new, such as branches: V8's Map first looks each such key up among all texts that the
 * process has ever used as a name, and keeps it there, which costs several times what the map itself does. Here the
 * keys are hashed, with a seed of this process' own, and the Map sees small numbers only.
 */
export class TextMap<Value extends Keyed<Value>> {
  readonly #byHash = new Map<number, Value>();
  readonly #seed = (Math.random() * 0x1_0000_0000) >>> 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    let value = this.#byHash.get(this.#hash(key));
    while (value !== undefined && value.key !== key) value = value.chained;
    return value;
  }

  /** In the place of what had the key. */
  set(value: Value): void {
    this.delete(value.key);
    const hash = this.#hash(value.key);
    value.chained = this.#byHash.get(hash);
    this.#byHash.set(hash, value);
    this.#size++;
  }

  delete(key: string): void {
    const hash = this.#hash(key);
    let before: Value | undefined;
    let value = this.#byHash.get(hash);
    while (value !== undefined && value.key !== key) {
      before = value;
      value = value.chained;
    }
    if (value === undefined) return;
    const after = value.chained;
    if (before !== undefined) before.chained = after;
    else if (after === undefined) this.#byHash.delete(hash);
    else this.#byHash.set(hash, after);
    value.chained = undefined;
    this.#size--;
  }

  /** Small enough to be held as a bare number. */
  #hash(key: string): number {
    let hash = this.#seed;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 15)) & 0x3fffffff;
  }
}
