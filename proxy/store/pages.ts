/** Keys a page. */
export const PAGE = 1000;
/** etcd looks at every key of a range to count it: a page is asked for in a range of no more than so many pages. */
const RANGE = 16;
/** A page with less than this share of its keys is a sign that the ranges are too narrow. */
const NARROW = 1 / 2;

/** What one page was like: its keys, how many keys its range had, and whether that had more than the page holds. */
interface Page {
  readonly kvs: readonly { readonly key: Buffer }[];
  readonly more: boolean;
  readonly count: string;
}

/**
 * Goes through a range of keys by pages, each in a narrow range of its own: etcd counts all that a range holds for
 * every page of it, which for a million keys would cost more than reading them. How narrow follows from the keys seen:
 * a range is all keys that begin as the last one did.
 */
export class Pages {
  readonly #end: Buffer;
  #from: Buffer;
  /** How many bytes of `from` the keys of the next range begin with; 0: it goes to the end. */
  #depth = 0;
  #done = false;

  /** From `key`, which is included, to `end`, which is not. */
  constructor(key: Buffer, end: Buffer) {
    this.#from = key;
    this.#end = end;
  }

  /** The range to ask for next; undefined when all is read. */
  next(): { key: Buffer; range_end: Buffer } | undefined {
    return this.#done ? undefined : { key: this.#from, range_end: this.#upper() };
  }

  /** What was asked for last is here. */
  read({ kvs, more, count }: Page): void {
    const [first, last] = [kvs[0], kvs.at(-1)];
    if (more && first !== undefined && last !== undefined) {
      this.#from = Buffer.concat([last.key, Buffer.of(0)]);
      if (Number(count) > RANGE * PAGE) this.#depth = Math.max(this.#depth, common(first.key, last.key)) + 1;
      return;
    }
    this.#from = this.#upper();
    if (this.#from.compare(this.#end) >= 0) this.#done = true;
    // the next keys differ from the last one's at this place or before
    this.#depth = Math.min(this.#depth, this.#from.length);
    if (kvs.length < PAGE * NARROW) this.#depth--;
  }

  #upper(): Buffer {
    if (this.#depth <= 0) return this.#end;
    const upper = Buffer.from(this.#from.subarray(0, this.#depth));
    const last = upper.length - 1;
    // keys are UTF-8, in which no byte is 0xff
    upper.writeUInt8(upper.readUInt8(last) + 1, last);
    return upper.compare(this.#end) < 0 ? upper : this.#end;
  }
}

/** How many bytes two keys begin with alike. */
function common(a: Buffer, b: Buffer): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
