import type { Etcd3 } from 'etcd3';
import type { Logger as Log } from 'pino';
import { Echoes } from './echoes.ts';
import { etcdClient, storeError, type EtcdClientOptions } from './etcd-client.ts';
import { Group } from './group.ts';
import { ExpiryLeases, PresenceLease, type PresenceTimes } from './lease.ts';
import { promiseOf, type KeyChange, type Life, type Outcome, type Store, type StoreFollower } from './store.ts';
import { Watch, type WatchTimes } from './watch.ts';

export interface EtcdStoreOptions extends EtcdClientOptions {
  readonly geoLocation: string;
  /** The shard's key range, ending in `/`. */
  readonly prefix: string;
  readonly log: Log;
  readonly now: () => number;
  /** For tests: how soon silence and death are noticed, and how long a write is tried, ms. */
  readonly times?: { readonly watch?: WatchTimes; readonly presence?: PresenceTimes; readonly write?: number };
}

/** One data centre's etcd: one watch, grouped writes, shared leases. */
export class EtcdStore implements Store {
  readonly geoLocation: string;
  readonly #options: EtcdStoreOptions;
  readonly #client: Etcd3;
  readonly #log: Log;
  readonly #presence: PresenceLease;
  readonly #group: Group;
  readonly #echoes = new Echoes();
  /** What is under the presence lease, to be written again when that is lost. */
  readonly #present = new Map<string, string>();
  #watch: Watch | undefined;
  #follower: StoreFollower | undefined;
  /** What the watch and the writes have to say of the store, and what the follower was told last. */
  #watching: { available: boolean; reason: string } = { available: false, reason: 'NotYetReached' };
  #writing = '';
  #told = '';

  constructor(options: EtcdStoreOptions) {
    this.geoLocation = options.geoLocation;
    this.#options = options;
    this.#log = options.log.child({ store: options.geoLocation, endpoints: options.endpoints.join(' ') });
    this.#client = etcdClient(options);
    const { prefix, now } = options;
    this.#presence = new PresenceLease({
      client: this.#client,
      log: this.#log,
      times: options.times?.presence,
      lost: () => this.#writePresence(),
    });
    this.#group = new Group({
      client: this.#client,
      prefix,
      expiry: new ExpiryLeases({ client: this.#client, now }),
      presence: this.#presence,
      echoes: this.#echoes,
      log: this.#log,
      trouble: (reason) => {
        this.#writing = reason;
        this.#tell();
      },
      leaseLost: () => this.#watch?.relist(true),
      deadline: options.times?.write,
    });
  }

  follow(follower: StoreFollower): void {
    this.#follower = follower;
    const times = this.#options.times?.watch;
    this.#watch = new Watch({
      client: this.#client,
      prefix: this.#options.prefix,
      echoes: this.#echoes,
      log: this.#log,
      ...(times === undefined ? {} : { times }),
      follower: {
        listing: (restored, count) => follower.listing(restored, count),
        put: (key, value) => follower.put(key, value),
        remove: (key) => follower.remove(key),
        loaded: () => follower.loaded(),
        available: (available, reason) => {
          this.#watching = { available, reason };
          this.#tell();
        },
      },
    });
    this.#watch.start();
  }

  reopen(why: string): void {
    this.#watch?.reopen(why);
  }

  put(key: string, value: string, life?: Life): Promise<void> {
    return promiseOf(this, { key, value, life, held: undefined });
  }

  remove(key: string, held?: string): Promise<void> {
    return promiseOf(this, { key, value: undefined, life: undefined, held });
  }

  write({ key, value, life, held }: KeyChange, outcome: Outcome): void {
    if (value === undefined) this.#present.delete(key);
    else if (life === 'presence') this.#present.set(key, value);
    this.#group.take(value === undefined ? 'remove' : 'put', key, value ?? '', life, held, outcome);
  }

  async create(key: string, value: string, life?: Life): Promise<boolean> {
    const created = await new Promise<boolean>((resolve, reject) => {
      this.#group.take('create', key, value, life, undefined, { committed: resolve, failed: reject });
    });
    if (created && life === 'presence') this.#present.set(key, value);
    return created;
  }

  async close(): Promise<void> {
    try {
      await Promise.all([this.#watch?.close(), this.#group.close().then(() => this.#presence.close())]);
    } catch (error) {
      throw storeError(error, `close the store of ${this.geoLocation}`);
    } finally {
      this.#client.close();
    }
  }

  #writePresence(): void {
    for (const [key, value] of this.#present) {
      this.put(key, value, 'presence').catch((error: unknown) => {
        this.#log.warn({ err: error, key }, 'could not write presence again under its new lease');
      });
    }
  }

  /** A store that can be read but not written to, full or not for this user, is not available either. */
  #tell(): void {
    const lasting = this.#writing === 'NoSpace' || this.#writing === 'Unauthenticated';
    const { available, reason } = this.#watching;
    const told = available && lasting ? this.#writing : reason;
    const state = `${available && !lasting} ${told}`;
    if (state === this.#told) return;
    this.#told = state;
    this.#follower?.available(available && !lasting, told);
  }
}
