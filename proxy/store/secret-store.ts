import type { Logger as Log } from 'pino';
import {
  promiseOf,
  StoreError,
  type KeyChange,
  type Life,
  type Outcome,
  type Store,
  type StoreFollower,
} from './store.ts';

/** How often the credentials are read again, ms. The kubelet brings a changed Secret within a minute or two. */
const READ_EVERY = 10_000;

export interface SecretStoreOptions<Credentials> {
  readonly geoLocation: string;
  /** The credentials as they are now. Throws, saying what is missing, where they can't be read. */
  readonly read: () => Credentials;
  readonly open: (credentials: Credentials) => Store;
  readonly log: Log;
  /** For tests: how often they are read, ms. */
  readonly every?: number;
}

/**
 * A store whose credentials may come later, and change: without them it is out of reach as any store may be, with new
 * ones it is opened anew behind its follower's back.
 */
export class SecretStore<Credentials> implements Store {
  readonly geoLocation: string;
  readonly #options: SecretStoreOptions<Credentials>;
  readonly #timer: NodeJS.Timeout;
  #credentials = '';
  #store: Store | undefined;
  #follower: StoreFollower | undefined;
  /** Why they can't be read; '' if they could. */
  #missing = '';
  /** What is under the presence lease: a store that is opened anew has one of its own. */
  readonly #present = new Map<string, string>();
  #closed = false;

  constructor(options: SecretStoreOptions<Credentials>) {
    this.geoLocation = options.geoLocation;
    this.#options = options;
    this.#read();
    this.#timer = setInterval(() => this.#read(), options.every ?? READ_EVERY);
    this.#timer.unref();
  }

  follow(follower: StoreFollower): void {
    this.#follower = follower;
    if (this.#store === undefined) follower.available(false, 'SecretMissing');
    else this.#followOn(this.#store);
  }

  reopen(why: string): void {
    this.#store?.reopen?.(why);
  }

  put(key: string, value: string, life?: Life): Promise<void> {
    return promiseOf(this, { key, value, life, held: undefined });
  }

  remove(key: string, held?: string): Promise<void> {
    return promiseOf(this, { key, value: undefined, life: undefined, held });
  }

  write(change: KeyChange, outcome: Outcome): void {
    const { key, value, life } = change;
    if (value === undefined) this.#present.delete(key);
    else if (life === 'presence') this.#present.set(key, value);
    try {
      this.#opened(`${value === undefined ? 'remove' : 'put'} ${key}`).write(change, outcome);
    } catch (error) {
      queueMicrotask(() => outcome.failed(error));
    }
  }

  async create(key: string, value: string, life?: Life): Promise<boolean> {
    const created = await this.#opened(`create ${key}`).create(key, value, life);
    if (created && life === 'presence') this.#present.set(key, value);
    return created;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#store?.close();
  }

  #opened(what: string): Store {
    if (this.#closed) throw new StoreError('Closed', `${what} in ${this.geoLocation}: the store is closed`);
    if (this.#store !== undefined) return this.#store;
    throw new StoreError('SecretMissing', `${what} in ${this.geoLocation}: ${this.#missing}`);
  }

  #read(): void {
    const { read, open, log, geoLocation } = this.#options;
    let credentials: Credentials;
    try {
      credentials = read();
    } catch (error) {
      // those known are good until others come
      if (this.#missing === '')
        log.error({ err: error, store: geoLocation }, 'could not read the credentials of a store; trying again');
      this.#missing = error instanceof Error ? error.message : String(error);
      return;
    }
    this.#missing = '';
    const text = JSON.stringify(credentials);
    if (text === this.#credentials) return;
    const before = this.#store;
    try {
      this.#store = open(credentials);
    } catch (error) {
      log.error(
        { err: error, store: geoLocation },
        'could not open a store with the credentials there are; trying again',
      );
      return;
    }
    if (this.#credentials !== '')
      log.info({ store: geoLocation }, 'the credentials of a store changed: opened it anew');
    this.#credentials = text;
    this.#followOn(this.#store);
    if (before !== undefined) void this.#replace(before, this.#store); // never rejects
  }

  /** What `store` tells, as long as it is the one in use. */
  #followOn(store: Store): void {
    const follower = this.#follower;
    if (follower === undefined) return;
    const inUse = (): boolean => this.#store === store;
    store.follow({
      listing: (restored, count) => inUse() && follower.listing(restored, count),
      put: (key, value) => inUse() && follower.put(key, value),
      remove: (key) => inUse() && follower.remove(key),
      loaded: () => inUse() && follower.loaded(),
      available: (available, reason) => inUse() && follower.available(available, reason),
    });
  }

  /** Presence moves to the new store's lease before the old one's ends. */
  async #replace(before: Store, store: Store): Promise<void> {
    const moved = [...this.#present].map(([key, value]) => store.put(key, value, 'presence'));
    const results = await Promise.allSettled([...moved]);
    const closed = await Promise.allSettled([before.close()]);
    for (const result of [...results, ...closed]) {
      if (result.status === 'fulfilled') continue;
      this.#options.log.warn(
        { err: result.reason as unknown, store: this.geoLocation },
        'could not go over to new credentials in order',
      );
    }
  }
}
