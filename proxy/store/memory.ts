import {
  StoreError,
  writeByPromise,
  type KeyChange,
  type Life,
  type Outcome,
  type Store,
  type StoreFollower,
} from './store.ts';

/** How long past its expiry a key is kept, and how often that is looked at, ms. */
const CLEAN_UP = 60_000;
const CLEAN_UP_EVERY = 10_000;

interface Held {
  readonly value: string;
  /** When it is cleaned up, or the store whose end is its end. */
  readonly until: number;
  readonly holder: MemoryStore | undefined;
}

/** One data centre's keys, and who follows them. */
class Keys {
  readonly held = new Map<string, Held>();
  readonly stores = new Set<MemoryStore>();
  available = true;
  cleanedUp = 0;
}

/** The stores of all data centres of one shard, in this process: for tests, and for `memory: true`. */
export class MemoryCluster {
  readonly #keys = new Map<string, Keys>();
  readonly #now: () => number;
  readonly #isVolatile: boolean;

  /** `isVolatile`: for one client, which is told of nothing that has an expiry. */
  constructor(options: { now(): number; isVolatile?: boolean }) {
    this.#now = () => options.now();
    this.#isVolatile = options.isVolatile ?? false;
  }

  /** A client of the data centre's store: its own followers, link and presence. */
  store(geoLocation: string): MemoryStore {
    return new MemoryStore(geoLocation, this.#keysOf(geoLocation), this.#now, this.#isVolatile);
  }

  /** Takes the data centre's store away from all its clients, or gives it back. */
  setAvailable(geoLocation: string, available: boolean): void {
    const keys = this.#keysOf(geoLocation);
    if (keys.available === available) return;
    keys.available = available;
    for (const store of keys.stores) store.reconnect(false);
  }

  /** The data centre's store loses all it holds, as when it is replaced by an empty one. */
  lose(geoLocation: string): void {
    const keys = this.#keysOf(geoLocation);
    keys.held.clear();
    for (const store of keys.stores) store.reconnect(true);
  }

  /** What the data centre's store holds. */
  entries(geoLocation: string): Map<string, string> {
    return new Map([...this.#keysOf(geoLocation).held].map(([key, { value }]) => [key, value]));
  }

  #keysOf(geoLocation: string): Keys {
    let keys = this.#keys.get(geoLocation);
    if (keys === undefined) this.#keys.set(geoLocation, (keys = new Keys()));
    return keys;
  }
}

export class MemoryStore implements Store {
  readonly geoLocation: string;
  readonly isVolatile: boolean;
  readonly #keys: Keys;
  readonly #now: () => number;
  #follower: StoreFollower | undefined;
  /** What happened while the link was cut. */
  #missed: [key: string, value: string | undefined][] | undefined;
  #cut = false;
  #listed = false;
  /** The store lost all it held since this client was in touch with it. */
  #lost = false;
  #available: boolean | undefined;
  #closed = false;
  /** Keys to write again when the store comes back without them, as under a lost lease. */
  readonly #presence = new Map<string, string>();

  constructor(geoLocation: string, keys: Keys, now: () => number, isVolatile: boolean) {
    this.geoLocation = geoLocation;
    this.isVolatile = isVolatile;
    this.#keys = keys;
    this.#now = now;
    keys.stores.add(this);
  }

  /** Cuts this client's link, or mends it: then what was missed arrives. */
  setCut(cut: boolean): void {
    this.#cut = cut;
    if (cut) this.#missed ??= [];
    this.reconnect(false);
  }

  follow(follower: StoreFollower): void {
    this.#follower = follower;
    queueMicrotask(() => this.reconnect(false));
  }

  async put(key: string, value: string, life?: Life): Promise<void> {
    if (life === 'presence') this.#presence.set(key, value);
    await this.#reach(`put ${key}`);
    this.#write(key, value, life);
  }

  async remove(key: string, held?: string): Promise<void> {
    this.#presence.delete(key);
    await this.#reach(`remove ${key}`);
    const { held: keys } = this.#keys;
    if (held !== undefined && keys.get(key)?.value !== held) return;
    if (keys.delete(key)) this.#tell(key, undefined);
  }

  write(change: KeyChange, outcome: Outcome): void {
    writeByPromise(this, change, outcome);
  }

  async create(key: string, value: string, life?: Life): Promise<boolean> {
    await this.#reach(`create ${key}`);
    if (this.#keys.held.has(key)) return false;
    if (life === 'presence') this.#presence.set(key, value);
    this.#write(key, value, life);
    return true;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#keys.stores.delete(this);
    for (const [key, { holder }] of this.#keys.held) {
      if (holder !== this) continue;
      this.#keys.held.delete(key);
      this.#tell(key, undefined);
    }
    return Promise.resolve();
  }

  /** The link or the store changed. `lost`: it came back empty. Called by the cluster. */
  reconnect(lost: boolean): void {
    this.#lost ||= lost;
    const available = this.#keys.available && !this.#cut;
    if (!available) this.#missed ??= [];
    if (this.#closed) return;
    if (available !== this.#available) {
      this.#available = available;
      this.#follower?.available(available, available ? '' : 'Unreachable');
    }
    if (!available) return;
    const restored = this.#lost;
    this.#lost = false;
    if (restored) for (const [key, value] of this.#presence) this.#write(key, value, 'presence');
    if (this.#follower === undefined) return;
    if (restored || !this.#listed) this.#list(this.#follower, restored);
    const missed = this.#missed ?? [];
    this.#missed = undefined;
    for (const [key, value] of missed) this.deliver(key, value);
  }

  /** Called by the cluster's other clients. */
  deliver(key: string, value: string | undefined): void {
    if (this.#missed !== undefined) this.#missed.push([key, value]);
    else if (!this.#listed || this.#closed) return;
    else if (value === undefined) this.#follower?.remove(key);
    else this.#follower?.put(key, value);
  }

  #list(follower: StoreFollower, lost: boolean): void {
    this.#listed = true;
    this.#missed = undefined;
    follower.listing(lost);
    for (const [key, { value }] of this.#keys.held) follower.put(key, value);
    follower.loaded();
  }

  /** As over a network: what is asked is done later, if at all. */
  async #reach(what: string): Promise<void> {
    await Promise.resolve();
    if (this.#closed) throw new StoreError('Closed', `${what} in ${this.geoLocation}: the store is closed`);
    if (!this.#keys.available || this.#cut) {
      throw new StoreError('Unreachable', `${what} in ${this.geoLocation}: the store is out of reach`);
    }
  }

  #write(key: string, value: string, life: Life | undefined): void {
    if (this.isVolatile && typeof life === 'object') return;
    const until = typeof life === 'object' ? life.expires + CLEAN_UP : Infinity;
    this.#keys.held.set(key, { value, until, holder: life === 'presence' ? this : undefined });
    this.#tell(key, value);
    this.#cleanUp();
  }

  #tell(key: string, value: string | undefined): void {
    // the follower is told after the writer, and later than this call
    for (const store of this.#keys.stores) queueMicrotask(() => store.deliver(key, value));
  }

  #cleanUp(): void {
    const now = this.#now();
    if (now < this.#keys.cleanedUp + CLEAN_UP_EVERY) return;
    this.#keys.cleanedUp = now;
    for (const [key, { until }] of this.#keys.held) {
      if (until > now) continue;
      this.#keys.held.delete(key);
      this.#tell(key, undefined);
    }
  }
}
