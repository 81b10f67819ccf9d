import { EtcdLeaseInvalidError, type Etcd3, type ILeaseKeepAliveResponse } from 'etcd3';
import type { Logger as Log } from 'pino';
import { CALL_DEADLINE, storeError } from './etcd-client.ts';
import { StoreError } from './store.ts';

/** Expiries that share leases, ms. */
const BUCKET = 30_000;
/** How long past the last expiry in it a lease ends, ms: for clocks that are behind. */
const GRACE = 60_000;
/**
 * When a lease ends its keys are removed at once, some 20 ms for a thousand, and those of a data centre's proxies may
 * end together: all writers wait for that. A grant is a commit of its own, and costs a proxy as much CPU as a transaction
 * of a few writes: with a hundred keys a lease every third call to etcd was one.
 */
const MAX_KEYS = 250;
/** Full leases of one bucket end a second apart over so many seconds, and then two a second and so on. */
const SPREAD = 1800;

interface Lease {
  readonly id: string;
  keys: number;
}

/** Leases shared by keys that expire at about one time: they only clean up, so later is fine and sooner is not. */
export class ExpiryLeases {
  readonly #client: Etcd3;
  readonly #now: () => number;
  /** The open one of each bucket. */
  readonly #open = new Map<number, Lease>();
  /** How many were opened for a bucket. */
  readonly #opened = new Map<number, number>();
  readonly #opening = new Map<number, Promise<void>>();

  constructor(options: { client: Etcd3; now(): number }) {
    this.#client = options.client;
    this.#now = () => options.now();
  }

  /** The lease for one more key that expires at `expires`; undefined if one must be opened first. */
  take(expires: number): string | undefined {
    const lease = this.#open.get(bucketOf(expires));
    if (lease === undefined || lease.keys >= MAX_KEYS) return undefined;
    lease.keys++;
    return lease.id;
  }

  /** Opens a lease that take() may then use. Rejects as etcd3 does. */
  open(expires: number): Promise<void> {
    const bucket = bucketOf(expires);
    let opening = this.#opening.get(bucket);
    if (opening === undefined) {
      opening = this.#grant(bucket).finally(() => this.#opening.delete(bucket));
      this.#opening.set(bucket, opening);
    }
    return opening;
  }

  /** etcd does not know the lease: it ended, or etcd was set back or replaced. True if it should not have ended yet. */
  forget(id: string): boolean {
    for (const [bucket, lease] of this.#open) {
      if (lease.id !== id) continue;
      this.#open.delete(bucket);
      return endOf(bucket) > this.#now();
    }
    return false;
  }

  async #grant(bucket: number): Promise<void> {
    const now = this.#now();
    this.#prune(now);
    const opened = this.#opened.get(bucket) ?? 0;
    const seconds = Math.max(1, Math.ceil((endOf(bucket) - now) / 1000)) + (opened % SPREAD);
    const { ID } = await this.#client.leaseClient.leaseGrant({ TTL: seconds, ID: 0 });
    this.#open.set(bucket, { id: ID, keys: 0 });
    this.#opened.set(bucket, opened + 1);
  }

  #prune(now: number): void {
    for (const bucket of this.#opened.keys()) {
      if (endOf(bucket) > now) continue;
      this.#opened.delete(bucket);
      this.#open.delete(bucket);
    }
  }
}

function bucketOf(expires: number): number {
  return Math.ceil(expires / BUCKET);
}

function endOf(bucket: number): number {
  return bucket * BUCKET + GRACE;
}

export interface PresenceTimes {
  /** How long after its last sign of life a process is taken for dead, s. */
  readonly ttl: number;
  /** Between signs of life, ms. */
  readonly beat: number;
}

/** Where etcd is out of reach the lease ends by itself: a process does not stay for that, ms. */
const REVOKE_DEADLINE = 500;

const PRESENCE: PresenceTimes = { ttl: 10, beat: 2500 };

/** The lease that lasts as long as this process lives; opened when it is first needed. */
export class PresenceLease {
  readonly #client: Etcd3;
  readonly #log: Log;
  readonly #times: PresenceTimes;
  readonly #lost: () => void;
  #id: string | undefined;
  #opening: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #missed = 0;
  #closed = false;

  /** `lost`: all keys under it are gone; write them again. */
  constructor(options: { client: Etcd3; log: Log; lost(): void; times?: PresenceTimes | undefined }) {
    this.#client = options.client;
    this.#log = options.log;
    this.#times = options.times ?? PRESENCE;
    this.#lost = () => options.lost();
  }

  get id(): string | undefined {
    return this.#id;
  }

  /** Opens it, if it is not. Rejects as etcd3 does. */
  open(): Promise<void> {
    if (this.#id !== undefined) return Promise.resolve();
    this.#opening ??= this.#grant().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /** etcd does not know the lease. */
  forget(id: string): void {
    if (id !== this.#id || this.#closed) return;
    this.#id = undefined;
    clearTimeout(this.#timer);
    this.#log.warn({ lease: id }, 'the presence lease was lost; writing presence again under a new one');
    this.#lost();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const id = this.#id;
    this.#id = undefined;
    if (id === undefined) return;
    try {
      await this.#client.leaseClient.leaseRevoke({ ID: id }, { deadline: Date.now() + REVOKE_DEADLINE });
    } catch (error) {
      if (error instanceof EtcdLeaseInvalidError) return;
      throw storeError(error, 'revoke the presence lease');
    }
  }

  async #grant(): Promise<void> {
    const { ID } = await this.#client.leaseClient.leaseGrant({ TTL: this.#times.ttl, ID: 0 });
    if (this.#closed) {
      await this.#client.leaseClient.leaseRevoke({ ID });
      throw new StoreError('Closed', 'closed while the presence lease was opened');
    }
    this.#id = ID;
    this.#beatLater(ID);
  }

  #beatLater(id: string): void {
    this.#timer = setTimeout(() => {
      this.#beat(id).then(
        (alive) => {
          if (this.#missed > 0) this.#log.info({ lease: id }, 'the presence lease is kept alive again');
          this.#missed = 0;
          if (id !== this.#id) return;
          if (alive) this.#beatLater(id);
          else this.forget(id);
        },
        (error: unknown) => {
          if (this.#missed++ === 0)
            this.#log.warn({ err: error, lease: id }, 'could not keep the presence lease alive; trying again');
          if (id === this.#id) this.#beatLater(id);
        },
      );
    }, this.#times.beat);
  }

  /** False if the lease is gone. One stream a beat: one that hangs costs that beat alone. */
  async #beat(id: string): Promise<boolean> {
    const stream = await this.#client.leaseClient.leaseKeepAlive({ deadline: Date.now() + CALL_DEADLINE });
    try {
      const { TTL } = await new Promise<ILeaseKeepAliveResponse>((resolve, reject) => {
        stream.on('data', resolve);
        stream.on('error', reject);
        stream.on('end', () => reject(new StoreError('Unreachable', 'etcd ended the keep-alive')));
        stream.write({ ID: id });
      });
      return Number(TTL) > 0;
    } finally {
      // ended first: etcd3 takes the error of a stream still writable for a broken host, and drops the watch's channel
      stream.end();
      stream.cancel();
    }
  }
}
