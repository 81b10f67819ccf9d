import { fnv1aBits } from '../hash.ts';

interface Entry<Value> {
  readonly address: string;
  readonly port: number;
  value: Value;
  /** The next one whose address and port have the same hash. */
  next: Entry<Value> | undefined;
}

/**
 * A Map by remote address and port, without a string built for each look-up. By a hash of the two: sockets make a new
 * string of the address for each datagram, which as the key of a Map costs more than all the rest of the look-up.
 */
export class PeerMap<Value> {
  readonly #byHash = new Map<number, Entry<Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(address: string, port: number): Value | undefined {
    return this.#find(address, port)?.value;
  }

  set(address: string, port: number, value: Value): void {
    const known = this.#find(address, port);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    const hash = hashOf(address, port);
    this.#byHash.set(hash, { address, port, value, next: this.#byHash.get(hash) });
    this.#size++;
  }

  delete(address: string, port: number): void {
    const hash = hashOf(address, port);
    let before: Entry<Value> | undefined;
    let entry = this.#byHash.get(hash);
    while (entry !== undefined && (entry.port !== port || entry.address !== address)) {
      before = entry;
      entry = entry.next;
    }
    if (entry === undefined) return;
    if (before !== undefined) before.next = entry.next;
    else if (entry.next === undefined) this.#byHash.delete(hash);
    else this.#byHash.set(hash, entry.next);
    this.#size--;
  }

  #find(address: string, port: number): Entry<Value> | undefined {
    let entry = this.#byHash.get(hashOf(address, port));
    while (entry !== undefined && (entry.port !== port || entry.address !== address)) entry = entry.next;
    return entry;
  }
}

/** Small enough to be held as a bare number. */
function hashOf(address: string, port: number): number {
  const hash = Math.imul(fnv1aBits(address) ^ port, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) & 0x3fffffff;
}
