import type { Logger as Log } from 'pino';
import { KeyTable, type Keyed } from './key-table.ts';
import { StoreError, type KeyChange, type Life, type Outcome, type Store } from './store.ts';

/** Who waits for a write. */
export interface Waiting {
  /** It is committed, or refused for good. */
  committed(): void;
  /** It waits no longer: the store may be away for hours. */
  readonly gaveUp?: boolean;
}

/** Who need not read what was written when the store's watch brings it back. */
export interface Writer {
  /** The store holds it. False if that says nothing any more. */
  heard(): boolean;
}

/** What a write tells of. */
interface Desk {
  landed(write: Write): void;
  lost(write: Write, error: unknown): void;
}

/** One key's; it is told itself how it went, since there may be thousands a second. */
class Write implements KeyChange, Outcome, Keyed {
  readonly key: string;
  /** Undefined: the key is removed. */
  value: string | undefined;
  life: Life | undefined;
  /** For a removal: only what the store holds so. */
  held: string | undefined;
  readonly desk: Desk;
  /** The table's own. */
  hash = 0;
  /** Neighbours among those that wait. */
  earlier: Write | undefined = undefined;
  later: Write | undefined = undefined;
  waits = false;
  writer: Writer | undefined;
  waiting: Waiting[] = [];
  flying = false;
  /** It is on its way, but a newer version is known. */
  stale = false;
  /** It changed while it was on its way, and is written again. */
  changed = false;
  /** How many retries there had been when it was sent. */
  retries = 0;

  constructor(
    desk: Desk,
    key: string,
    value: string | undefined,
    life: Life | undefined,
    held: string | undefined,
    writer: Writer | undefined,
  ) {
    this.desk = desk;
    this.key = key;
    this.value = value;
    this.life = life;
    this.held = held;
    this.writer = writer;
  }

  committed(): void {
    this.desk.landed(this);
  }

  failed(error: unknown): void {
    this.desk.lost(this, error);
  }

  /** What comes back while it is on its way again, or about to be, may be what it was before. */
  heard(): boolean {
    return !this.flying && !this.changed && this.writer?.heard() === true;
  }
}

/**
 * Those that wait, in order, linked through themselves: see KeyTable for what a Map would cost.
 */
class Queue {
  first: Write | undefined = undefined;
  #last: Write | undefined = undefined;
  size = 0;

  /** Nothing happens if it waits already. */
  add(write: Write): void {
    if (write.waits) return;
    write.waits = true;
    write.earlier = this.#last;
    if (this.#last === undefined) this.first = write;
    else this.#last.later = write;
    this.#last = write;
    this.size++;
  }

  /** Nothing happens if it does not wait. */
  delete(write: Write): void {
    if (!write.waits) return;
    const { earlier, later } = write;
    if (earlier === undefined) this.first = later;
    else earlier.later = later;
    if (later === undefined) this.#last = earlier;
    else later.earlier = earlier;
    write.waits = false;
    write.earlier = undefined;
    write.later = undefined;
    this.size--;
  }
}

/** How many keys are on their way to the store at once. */
const IN_FLIGHT = 2048;
/** A removal waits for a put to go with, for so many of its kind, or for retry(): each transaction costs all who watch. */
const COMPANY = 128;

/**
 * What is to be written to the own store, one write a key, the last one wins. While the store is away they wait here,
 * and are tried again whenever it is back or retry() is called.
 */
export class WriteBehind implements Desk {
  readonly #store: Store;
  readonly #log: Log;
  readonly #limit: number;
  /** Those on their way and those that wait. */
  readonly #writes = new KeyTable<Write>();
  readonly #queue = new Queue();
  #flying = 0;
  /** Not only removals wait, or enough of them. */
  #due = false;
  /** The last write failed: nothing more is tried until retry(). */
  #failed = false;
  /** How often retry() was called: what fails that was sent before says nothing of now. */
  #retries = 0;
  /** That writes fail was said, and is not again until one succeeds. */
  #complained = false;
  readonly #drained: (() => void)[] = [];
  /** There was no room for a write: who holds the records must look for what the store lacks. */
  overflowed = false;
  /** Writes that failed and are tried again; refused by the store for good; not queued for lack of room. */
  readonly counters = { writesRetried: 0, writesRefused: 0, writesOverflowed: 0 };

  constructor(options: { store: Store; limit: number; log: Log }) {
    this.#store = options.store;
    this.#limit = options.limit;
    this.#log = options.log;
  }

  get size(): number {
    return this.#writes.size;
  }

  /** Half of it is kept for what is new. */
  get hasRoom(): boolean {
    return this.#writes.size < this.#limit / 2;
  }

  has(key: string): boolean {
    return this.#writes.get(key) !== undefined;
  }

  /** `value` is what is being written to the key, and nothing newer waits or is known. */
  isWriting(key: string, value: string): boolean {
    // while a list is read nothing is on its way, and the key need not be hashed
    if (this.#writes.size === 0) return false;
    const write = this.#writes.get(key);
    return write !== undefined && write.value === value && !write.stale;
  }

  /** True if `waiting` will be told once the key's last write is committed, later than this call. */
  put(key: string, value: string, life: Life | undefined, waiting?: Waiting, writer?: Writer): boolean {
    return this.#add(key, value, life, undefined, waiting, writer);
  }

  /** Removes the key, a second later at most; with `held`, only if that is what the store holds. */
  remove(key: string, held?: string): void {
    this.#add(key, undefined, undefined, held, undefined, undefined);
  }

  /** A put that need not be made any more. One that is on its way can't be called back, and what it does must be looked at. */
  cancel(key: string): void {
    const write = this.#writes.get(key);
    if (write?.value === undefined) return;
    if (write.flying) {
      write.stale = true;
      return;
    }
    this.#writes.delete(write);
    this.#queue.delete(write);
    for (const waiting of write.waiting) waiting.committed();
  }

  /** The store may be back. */
  retry(): void {
    this.#failed = false;
    this.#retries++;
    this.#due = true;
    this.#send();
  }

  /** Resolves when all is written, when a write fails, or after `ms`. */
  async drained(ms: number): Promise<void> {
    if (this.#writes.size === 0 || this.#failed) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#drained.push(resolve);
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }

  #add(
    key: string,
    value: string | undefined,
    life: Life | undefined,
    held: string | undefined,
    waiting: Waiting | undefined,
    writer: Writer | undefined,
  ): boolean {
    let write = this.#writes.get(key);
    if (write === undefined) {
      if (this.#writes.size >= this.#limit) {
        this.overflowed = true;
        this.counters.writesOverflowed++;
        return false;
      }
      write = new Write(this, key, value, life, held, writer);
      this.#writes.set(write);
      this.#queue.add(write);
    } else {
      write.value = value;
      write.life = life;
      write.held = held;
      write.writer = writer;
      write.stale = false;
      write.changed = true;
    }
    if (waiting !== undefined) {
      if (write.waiting.length > 0) write.waiting = write.waiting.filter(({ gaveUp }) => gaveUp !== true);
      write.waiting.push(waiting);
    }
    if (value !== undefined || this.#queue.size >= COMPANY) this.#due = true;
    this.#send();
    return waiting !== undefined;
  }

  #send(): void {
    if (this.#failed || !this.#due) return;
    for (let write = this.#queue.first; write !== undefined; write = this.#queue.first) {
      if (this.#flying >= IN_FLIGHT) return;
      this.#queue.delete(write);
      this.#flying++;
      write.flying = true;
      write.changed = false;
      write.retries = this.#retries;
      this.#store.write(write, write);
    }
    this.#due = false;
  }

  landed(write: Write): void {
    this.#flying--;
    write.flying = false;
    if (this.#complained) {
      this.#complained = false;
      this.#log.info({ store: this.#store.geoLocation, waiting: this.#writes.size }, 'the store takes writes again');
    }
    if (write.changed) this.#wait(write);
    else this.#finish(write);
    this.#send();
  }

  lost(write: Write, error: unknown): void {
    const { key } = write;
    this.#flying--;
    write.flying = false;
    if (!write.changed && error instanceof StoreError && error.reason === 'Refused') {
      this.counters.writesRefused++;
      this.#log.error(
        { err: error, store: this.#store.geoLocation, key },
        'the store refuses this write for good; it is not tried again',
      );
      this.#finish(write);
      return;
    }
    if (!this.#complained) {
      this.#complained = true;
      this.#log.warn(
        { err: error, store: this.#store.geoLocation, key, waiting: this.#writes.size },
        'could not write to the store; trying again',
      );
    }
    this.counters.writesRetried++;
    this.#wait(write);
    if (write.retries === this.#retries) {
      this.#failed = true;
      this.#drain();
    } else {
      this.#send();
    }
  }

  /** It was on its way, and must go again. */
  #wait(write: Write): void {
    this.#queue.add(write);
    this.#due = true;
  }

  #finish(write: Write): void {
    this.#writes.delete(write);
    for (const waiting of write.waiting) waiting.committed();
    if (this.#writes.size === 0) this.#drain();
  }

  #drain(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
