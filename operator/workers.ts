import type { Logger as Log } from 'pino';
import { ApiError } from './kubernetes/api-error.ts';
import { WorkQueue } from './queue.ts';
import type { Clock } from './watch.ts';

/** `error`: what went wrong, by its kind: a reason of the API, or `Internal`. */
export type Worked = (result: 'done' | 'failed', seconds: number, error?: string) => void;

export interface WorkersOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How many at a time. */
  readonly count: number;
  /** Rejects if it has to be done again. */
  readonly work: (key: string) => Promise<void>;
  /** Told of every piece of work: for metrics. */
  readonly worked?: Worked;
}

/** Does what the queue says, when it is due, a few at a time. */
export class Workers {
  readonly #options: WorkersOptions;
  readonly #queue: WorkQueue;
  #working = 0;
  #running = false;
  #cancel: (() => void) | undefined;

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(() => options.clock.random());
  }

  get depth(): number {
    return this.#queue.depth;
  }

  /** @param after ms */
  add(key: string, after: number): void {
    this.#queue.add(key, this.#options.clock.now() + after);
    this.#turn();
  }

  /** The user has changed it: what failed before says nothing any more. */
  renew(key: string): void {
    this.#queue.renew(key, this.#options.clock.now());
    this.#turn();
  }

  /** Begins; until then keys only gather. */
  start(): void {
    this.#running = true;
    this.#turn();
  }

  stop(): void {
    this.#running = false;
    this.#cancel?.();
  }

  /** Begins what is due, and comes again when the next is. */
  #turn(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (!this.#running) return;
    const { clock, count } = this.#options;
    while (this.#working < count) {
      const key = this.#queue.take(clock.now());
      if (key === undefined) break;
      this.#working += 1;
      // It never rejects.
      void this.#work(key);
    }
    const next = this.#working < count ? this.#queue.next() : undefined;
    if (next !== undefined) this.#cancel = clock.after(Math.max(0, next - clock.now()), () => this.#turn());
  }

  async #work(key: string): Promise<void> {
    const { clock, log, work, worked } = this.#options;
    const began = clock.now();
    try {
      await work(key);
      this.#queue.done(key);
      worked?.('done', (clock.now() - began) / 1000);
    } catch (error) {
      const wait = this.#queue.failed(key, clock.now(), error instanceof ApiError ? error.retryAfter : 0);
      worked?.('failed', (clock.now() - began) / 1000, error instanceof ApiError ? error.reason : 'Internal');
      if (this.#running)
        log.warn({ err: error, sipcluster: key }, `could not be reconciled; again in ${Math.round(wait / 1000)} s`);
    } finally {
      this.#working -= 1;
      this.#turn();
    }
  }
}
