/** How long a record that a restored store lacks is kept: by then a live proxy has written it again. ms. */
const REWRITE_TIME = 15_000;

interface Present<T> {
  record: T;
  /** What it was read from: a record that did not change is no change. */
  text: string;
  origin: number;
  listed: boolean;
  /** 0, or when it is dropped for lack of news. */
  dropAt: number;
}

/** Records of live processes by name: each is here as long as the store of its data centre holds its key. */
export class Presence<T> {
  /** The records alone, as the rest of the proxy sees them. */
  readonly records = new Map<string, T>();
  readonly #present = new Map<string, Present<T>>();
  readonly #limit: number;
  /** Its own record is here from the start, and stays when its lease is lost. */
  readonly #own: string;
  readonly #changed: (record: T | undefined) => void;

  constructor(options: { own: string; limit: number; changed(record: T | undefined): void }) {
    this.#own = options.own;
    this.#limit = options.limit;
    this.#changed = (record) => options.changed(record);
  }

  /** The text that the record was read from. */
  text(name: string): string | undefined {
    return this.#present.get(name)?.text;
  }

  put(name: string, record: T, text: string, origin: number): void {
    const known = this.#present.get(name);
    if (known === undefined && this.#present.size >= this.#limit) return;
    this.#present.set(name, { record, text, origin, listed: true, dropAt: 0 });
    if (known?.text === text) return;
    this.records.set(name, record);
    this.#changed(record);
  }

  remove(name: string, origin: number): void {
    if (name === this.#own || this.#present.get(name)?.origin !== origin) return;
    this.#present.delete(name);
    this.records.delete(name);
    this.#changed(undefined);
  }

  listing(origin: number): void {
    for (const present of this.#present.values()) if (present.origin === origin) present.listed = false;
  }

  loaded(origin: number, restored: boolean, now: number): void {
    for (const [name, present] of this.#present) {
      if (present.origin !== origin || present.listed) continue;
      if (restored) present.dropAt = now + REWRITE_TIME;
      else this.remove(name, origin);
    }
  }

  expire(now: number): void {
    for (const [name, { dropAt, origin }] of this.#present)
      if (dropAt !== 0 && dropAt <= now) this.remove(name, origin);
  }
}
