import { randomBytes } from 'node:crypto';
import type { Logger as Log } from 'pino';
import { fnv1a } from '../hash.ts';
import { encodeTokenKey } from './codec.ts';
import { tokenKeyKey } from './keys.ts';
import type { TokenKey } from './records.ts';
import type { Store } from './store.ts';
import type { WriteBehind } from './write-behind.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A key is known everywhere before it signs. */
const SPREAD = MINUTE;
/** A new one is made daily. */
const ROTATION = DAY;
/** How often a verification is noted. */
const NOTED_EVERY = HOUR;
/** Two keys a day of each data centre, for some days, and one more of each proxy that started on an empty store. */
const LIMIT = 1024;

interface Entry {
  key: TokenKey;
  /** Our own data centre's store holds it. */
  held: boolean;
  /** It is being written there. */
  writing: boolean;
}

/**
 * The keys that sign Record-Route tokens. Each data centre makes its own; every proxy verifies with all of them and
 * keeps a copy of each in its own store, so that a lost store loses none.
 */
export class KeyRing {
  readonly #geoLocation: string;
  readonly #store: Store;
  readonly #writes: WriteBehind;
  readonly #log: Log;
  readonly #lifetime: number;
  readonly #entries = new Map<string, Entry>();
  readonly #byId = new Map<number, Entry>();
  /** Newest first. */
  #own: TokenKey[] = [];
  #others: TokenKey[] = [];
  #making = false;

  /** `lifetime`: how long after its last verification a key is kept, ms. */
  constructor(options: { store: Store; writes: WriteBehind; log: Log; lifetime?: number }) {
    this.#geoLocation = options.store.geoLocation;
    this.#store = options.store;
    this.#writes = options.writes;
    this.#log = options.log;
    this.#lifetime = options.lifetime ?? DAY;
  }

  /** The key to sign with; undefined while there is none at all. */
  signing(now: number): TokenKey | undefined {
    return this.#spread(this.#own, now) ?? this.#spread(this.#others, now) ?? this.#oldest;
  }

  byId(id: number): TokenKey | undefined {
    return this.#byId.get(id)?.key;
  }

  ids(): number[] {
    return [...this.#byId.keys()].sort((a, b) => a - b);
  }

  /** A token was verified with `key`. */
  verified(key: TokenKey, now: number): void {
    const entry = this.#byId.get(key.id);
    if (entry === undefined || now - entry.key.verified < NOTED_EVERY) return;
    entry.key = { ...entry.key, verified: now };
    this.#index();
    this.#writes.put(tokenKeyKey(entry.key), encodeTokenKey(entry.key), undefined);
  }

  /** A store holds `key`. `own`: it is our data centre's. */
  put(key: TokenKey, own: boolean): void {
    const name = tokenKeyKey(key);
    const known = this.#entries.get(name);
    if (known === undefined) {
      if (this.#entries.size >= LIMIT) return;
      this.#entries.set(name, { key, held: own, writing: false });
    } else {
      known.key = mergeKeys(known.key, key);
      if (own) known.held = true;
    }
    this.#index();
  }

  /** Our own data centre's store lost a key, or all until it names them. */
  removed(name: string): void {
    const entry = this.#entries.get(name);
    if (entry !== undefined) entry.held = false;
  }

  listing(): void {
    for (const entry of this.#entries.values()) entry.held = false;
  }

  /** Makes a key if one is due, puts back what our store lacks, and drops what ended. Call it while the store is in reach. */
  async tend(now: number): Promise<void> {
    for (const [name, entry] of this.#entries) if (this.#ended(entry.key, now)) this.#drop(name, entry);
    const writing: Promise<void>[] = [];
    for (const [name, entry] of this.#entries)
      if (!entry.held && !entry.writing) writing.push(this.#putBack(name, entry));
    const [newest] = this.#own;
    if (newest === undefined || newest.created + ROTATION <= now) writing.push(this.#make(newest, now));
    await Promise.all(writing);
  }

  async #make(newest: TokenKey | undefined, now: number): Promise<void> {
    if (this.#making) return;
    this.#making = true;
    // All proxies here come to the same id, so that one of them makes the key and the others find it made. Not so on an
    // empty store: what was lost may have had that id, and tokens that its key signed are still about.
    let id =
      newest === undefined ? randomBytes(2).readUInt16BE() : fnv1a(`${this.#geoLocation} ${newest.created}`) & 0xffff;
    while (this.#byId.has(id)) id = (id + 1) & 0xffff;
    const secret = randomBytes(32).toString('base64url');
    const key = { id, geoLocation: this.#geoLocation, secret, created: now, verified: now };
    try {
      if (await this.#store.create(tokenKeyKey(key), encodeTokenKey(key))) {
        this.put(key, true);
        this.#log.info({ store: this.#geoLocation, key: id }, 'made a token key');
      }
    } catch (error) {
      this.#log.warn({ err: error, store: this.#geoLocation, key: id }, 'could not make a token key; trying again');
    } finally {
      this.#making = false;
    }
  }

  async #putBack(name: string, entry: Entry): Promise<void> {
    entry.writing = true;
    try {
      await this.#store.create(name, encodeTokenKey(entry.key));
      entry.held = true;
    } catch (error) {
      this.#log.warn(
        { err: error, store: this.#geoLocation, key: name },
        'could not copy a token key to the store; trying again',
      );
    } finally {
      entry.writing = false;
    }
  }

  /** The newest of `keys` that is known everywhere. */
  #spread(keys: readonly TokenKey[], now: number): TokenKey | undefined {
    for (const key of keys) if (key.created + SPREAD <= now && this.byId(key.id) === key) return key;
    return undefined;
  }

  /** The one that most proxies know, if none is known everywhere: the first key of an empty ring signs at once. */
  get #oldest(): TokenKey | undefined {
    const [own, other] = [this.#own.at(-1), this.#others.at(-1)];
    return own === undefined || (other !== undefined && other.created < own.created) ? other : own;
  }

  #ended(key: TokenKey, now: number): boolean {
    // what it signed on its last day may be verified for the first time a lifetime later
    const last = Math.max(key.created + ROTATION, key.verified);
    return last + this.#lifetime <= now && key !== this.#own[0];
  }

  #drop(name: string, entry: Entry): void {
    this.#entries.delete(name);
    this.#index();
    if (entry.held) this.#writes.remove(name);
  }

  #index(): void {
    this.#byId.clear();
    const keys: TokenKey[] = [];
    for (const entry of this.#entries.values()) {
      keys.push(entry.key);
      const rival = this.#byId.get(entry.key.id)?.key;
      // two data centres may have chosen one id while cut off from each other: the older key keeps it
      if (rival === undefined || isOlder(entry.key, rival)) this.#byId.set(entry.key.id, entry);
    }
    keys.sort((a, b) => b.created - a.created || b.id - a.id);
    this.#own = keys.filter((key) => key.geoLocation === this.#geoLocation);
    this.#others = keys.filter((key) => key.geoLocation !== this.#geoLocation);
  }
}

function isOlder(a: TokenKey, b: TokenKey): boolean {
  return a.created !== b.created ? a.created < b.created : a.geoLocation < b.geoLocation;
}

/** Two stores' copies of one key; a store that was emptied may have made another under its name, which is newer. */
function mergeKeys(a: TokenKey, b: TokenKey): TokenKey {
  const same = a.secret === b.secret && a.created === b.created;
  if (same) {
    const [later, earlier] = a.verified >= b.verified ? [a, b] : [b, a];
    // a release that does not know what a newer one added may have written the later one
    return later.more === undefined && earlier.more !== undefined ? { ...later, more: earlier.more } : later;
  }
  return a.created !== b.created ? (a.created > b.created ? a : b) : a.secret > b.secret ? a : b;
}
