import type { Logger as Log } from 'pino';
import type { Clock } from './watch.ts';

/** What of a Lease (coordination.k8s.io) matters here. */
export interface LeaseRecord {
  /** Empty: nobody. */
  readonly holder: string;
  readonly seconds: number;
  readonly transitions: number;
  /** Changes with every write; undefined: the Lease does not exist. */
  readonly version: string | undefined;
}

export interface LeaseEdge {
  /** An empty record if there is no Lease. */
  read(signal: AbortSignal): Promise<LeaseRecord>;
  /** Resolves to false if another wrote since `record.version`. */
  write(record: LeaseRecord, signal: AbortSignal): Promise<boolean>;
}

export interface LeaderOptions {
  readonly edge: LeaseEdge;
  /** Unique: the pod's name and uid. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly times?: LeaderTimes;
}

/** ms */
export interface LeaderTimes {
  /** How long a holder that says nothing is believed. */
  readonly lease: number;
  /** How long this one believes itself: less, so that it has stopped before another starts. */
  readonly renew: number;
  readonly retry: number;
}

const usual: LeaderTimes = { lease: 15_000, renew: 10_000, retry: 2000 };

/**
 * Leader election by a Lease. Clocks are never compared: a holder is gone when this process has not seen its Lease change
 * for the whole of its duration.
 */
export class Leader {
  readonly #options: LeaderOptions;
  readonly #times: LeaderTimes;
  #seen: { version: string | undefined; at: number } | undefined;
  /** When the write that last renewed it was begun. */
  #renewed: number | undefined;

  constructor(options: LeaderOptions) {
    this.#options = options;
    this.#times = options.times ?? usual;
  }

  /** Whether this process may write: false from the moment on that it can't be sure, whatever else is under way. */
  get leading(): boolean {
    return this.#renewed !== undefined && this.#options.clock.now() - this.#renewed < this.#times.renew;
  }

  /** Resolves once this one leads, or when aborted. */
  async acquire(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.leading) {
      if (await this.#attempt(signal)) return;
      await this.#pause(signal);
    }
  }

  /** Renews until the lease is lost or it is aborted; then resolves, and this one leads no more. */
  async hold(signal: AbortSignal): Promise<void> {
    while (this.leading) {
      await this.#pause(signal);
      if (signal.aborted) break;
      await this.#attempt(signal);
    }
    if (!signal.aborted)
      this.#options.log.error({ identity: this.#options.identity }, 'the lease is lost: nothing is written any more');
    this.#renewed = undefined;
  }

  /** Lets another lead at once. */
  async release(signal: AbortSignal): Promise<void> {
    const { edge, identity, log } = this.#options;
    this.#renewed = undefined;
    try {
      const record = await edge.read(signal);
      if (record.holder === identity) await edge.write({ ...record, holder: '', seconds: 1 }, signal);
    } catch (error) {
      log.warn({ err: error }, 'could not release the lease: another leads once it has run out');
    }
  }

  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { clock, edge, identity, log } = this.#options;
    const began = clock.now();
    // A call that hangs must not keep the lease from being lost.
    const deadline = new AbortController();
    const cancel = clock.after(this.#times.renew, () =>
      deadline.abort(new Error(`no answer within ${this.#times.renew} ms`)),
    );
    try {
      const limited = AbortSignal.any([signal, deadline.signal]);
      const record = await edge.read(limited);
      const mine = record.holder === identity;
      if (!mine && !this.#isFree(record)) {
        this.#renewed = undefined;
        return false;
      }
      const transitions = record.transitions + (mine || record.version === undefined ? 0 : 1);
      const next = { holder: identity, seconds: this.#times.lease / 1000, transitions, version: record.version };
      if (!(await edge.write(next, limited))) return false;
      if (this.#renewed === undefined) log.info({ identity }, 'this operator leads');
      this.#renewed = began;
      return true;
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, "can't reach the lease; trying again");
      return false;
    } finally {
      cancel();
    }
  }

  #isFree(record: LeaseRecord): boolean {
    const now = this.#options.clock.now();
    if (record.version === undefined || record.holder === '') return true;
    if (this.#seen?.version !== record.version) this.#seen = { version: record.version, at: now };
    return now - this.#seen.at >= Math.max(record.seconds * 1000, this.#times.lease);
  }

  #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return clock.sleep(this.#times.retry * (0.8 + clock.random() * 0.4), signal);
  }
}
