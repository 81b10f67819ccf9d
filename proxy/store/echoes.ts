/** A write that was committed, and comes back by the watch. */
export interface Echo {
  readonly key: string;
  /** The watch says that the store holds it as it was written. False: what it says must be read. */
  heard(): boolean;
}

/** How many transactions are kept until they come back: about a second's, where the watch lags behind the answers. */
const KEPT = 32;

/** A transaction that was committed. */
interface Committed {
  readonly revision: number;
  /** Of each the key is put, in this order. */
  readonly writes: readonly Echo[];
}

/**
 * What this process writes comes back by its own watch, a tenth of a millisecond after the answer. By the revision that
 * etcd gave to the transaction it is known again: its events have that revision, and come in the order of its writes.
 */
export class Echoes {
  /** As they were committed. */
  #kept: readonly Committed[] = [];
  /** The revision whose events come now, and what there is left of the writes that it is of. */
  #revision = 0;
  #writes: readonly Echo[] = NONE;
  #next = 0;

  /** How many transactions are kept. */
  get size(): number {
    return this.#kept.length;
  }

  /** What may have come back already. */
  committed(revision: number, writes: readonly Echo[]): void {
    if (revision <= this.#revision) return;
    this.#kept = [...this.#kept.slice(1 - KEPT), { revision, writes }];
  }

  /** An event of the watch: true if it is one of these, and whoever wrote it has taken note. */
  hear(revision: number, key: string): boolean {
    if (revision !== this.#revision) {
      this.#revision = revision;
      this.#writes = this.#kept.find((one) => one.revision === revision)?.writes ?? NONE;
      this.#next = 0;
      this.#kept = this.#kept.filter((one) => one.revision > revision);
    }
    const write = this.#writes[this.#next];
    if (write?.key !== key) return false;
    // nothing of it is held any longer than it need be: it would be copied by the garbage collector
    if (++this.#next === this.#writes.length) this.#writes = NONE;
    return write.heard();
  }

  /** The watch begins anew, maybe that of another store, whose revisions mean nothing of what was written. */
  clear(): void {
    this.#kept = [];
    this.#revision = 0;
    this.#writes = NONE;
  }
}

const NONE: readonly Echo[] = [];
