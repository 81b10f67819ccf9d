export interface Backoff {
  /** ms after the first failure; doubled with every further one. */
  readonly first: number;
  readonly most: number;
}

const backoff: Backoff = { first: 500, most: 300_000 };

interface Item {
  /** ms since the epoch; undefined: nothing to do. */
  due: number | undefined;
  working: boolean;
  failures: number;
}

/**
 * Keys that want work, each once however often it is added, never two workers on one. Time is given: whoever drives it
 * asks `next()` when to come again. A key that is added while it is worked on comes again afterwards.
 */
export class WorkQueue {
  readonly #items = new Map<string, Item>();
  readonly #random: () => number;
  readonly #backoff: Backoff;

  /** @param random 0 to 1, for the jitter of retries */
  constructor(random: () => number, times: Backoff = backoff) {
    this.#random = random;
    this.#backoff = times;
  }

  /** Keys that wait, whether due or not. */
  get depth(): number {
    let depth = 0;
    for (const { due } of this.#items.values()) if (due !== undefined) depth += 1;
    return depth;
  }

  /** @param at when it is due, ms; the earlier time wins. A key whose work failed is not due before its retry. */
  add(key: string, at: number): void {
    const item = this.#items.get(key);
    if (item === undefined) this.#items.set(key, { due: at, working: false, failures: 0 });
    else if (item.due === undefined) item.due = at;
    // Events that a failing key causes itself must not undo its backoff.
    else if (item.failures === 0 || item.working) item.due = Math.min(item.due, at);
  }

  /** It is due now whatever failed before: what it is about has changed. */
  renew(key: string, now: number): void {
    const item = this.#items.get(key);
    if (item === undefined) return this.add(key, now);
    item.failures = 0;
    item.due = now;
  }

  /** The key that is due longest, which is worked on until `done` or `failed`. */
  take(now: number): string | undefined {
    let first: [string, Item] | undefined;
    for (const entry of this.#items) {
      const [, { due, working }] = entry;
      if (due !== undefined && !working && due <= now && (first === undefined || due < (first[1].due ?? 0)))
        first = entry;
    }
    if (first === undefined) return undefined;
    const [key, item] = first;
    item.due = undefined;
    item.working = true;
    return key;
  }

  done(key: string): void {
    const item = this.#items.get(key);
    if (item === undefined) return;
    item.working = false;
    item.failures = 0;
    if (item.due === undefined) this.#items.delete(key);
  }

  /**
   * The work failed: it comes again, each time after a longer pause.
   * @param atLeast ms that whoever refused it asked for
   * @returns ms until then
   */
  failed(key: string, now: number, atLeast = 0): number {
    const item = this.#items.get(key) ?? { due: undefined, working: false, failures: 0 };
    this.#items.set(key, item);
    const pause = Math.min(this.#backoff.first * 2 ** item.failures, this.#backoff.most);
    // Half to whole: keys that failed together come apart.
    const wait = Math.max(atLeast, Math.round(pause * (0.5 + this.#random() / 2)));
    item.failures += 1;
    item.working = false;
    item.due = now + wait;
    return wait;
  }

  /** When the next key is due, ms since the epoch; undefined: nothing waits. */
  next(): number | undefined {
    let next: number | undefined;
    for (const { due, working } of this.#items.values()) {
      if (due !== undefined && !working && (next === undefined || due < next)) next = due;
    }
    return next;
  }
}
