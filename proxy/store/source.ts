import type { Logger as Log } from 'pino';
import { NONE, OWN } from './binding-rows.ts';
import type { BindingTable } from './bindings.ts';
import type { CallLog } from './call-log.ts';
import type { CallTable } from './calls.ts';
import type { HybridClock } from './clock.ts';
import { decodeBinding, decodeHealth, decodeProxy, decodeTokenKey } from './codec.ts';
import type { KeyRing } from './key-ring.ts';
import { parseKey, type Key } from './keys.ts';
import type { Presence } from './presence.ts';
import { HEARTBEAT, type Binding, type HealthRecord, type ProxyRecord } from './records.ts';
import type { Store, StoreFollower } from './store.ts';
import type { Upkeep } from './upkeep.ts';

/** A watch that brought none of its data centre's heartbeats for so long is opened anew, ms. */
const DEAF = 3 * HEARTBEAT;

/** One heartbeat is missing. */
const LATE = 2 * HEARTBEAT;

/** What a proxy knows by all stores together. */
export interface Known {
  readonly bindings: BindingTable;
  readonly calls: CallTable;
  readonly callLog: CallLog;
  readonly keys: KeyRing;
  readonly proxies: Presence<ProxyRecord>;
  readonly health: Presence<HealthRecord>;
  readonly clock: HybridClock;
  readonly upkeep: Upkeep;
  /** Records that can't be read. */
  readonly counters: { storeGarbage: number };
}

/** One data centre's store as the replica follows it: what it tells goes into what is known. */
export class Source implements StoreFollower {
  readonly store: Store;
  isAvailable = false;
  reason = 'NotYetReached';
  /** It was loaded once. */
  isLoaded = false;
  /** When the newest heartbeat of its data centre's proxies that has come was made, on their clocks, never later than on ours; 0: none has. */
  heartbeat = 0;
  /** When the last one came, on our clock, and since when the next is due: after an outage there is much to catch up. */
  #heardAt = 0;
  #dueSince = 0;
  onAvailable: (() => void) | undefined;
  onLoaded: (() => void) | undefined;
  readonly #origin: number;
  readonly #known: Known;
  readonly #now: () => number;
  readonly #log: Log;
  #restored = false;

  /** `origin`: the index of the store; OWN is our own data centre's. */
  constructor(store: Store, origin: number, known: Known, options: { readonly now: () => number; readonly log: Log }) {
    this.store = store;
    this.#origin = origin;
    this.#known = known;
    this.#now = options.now;
    this.#log = options.log;
  }

  available(available: boolean, reason: string): void {
    if (available) this.#dueSince = this.#now();
    this.isAvailable = available;
    this.reason = reason;
    if (available) this.onAvailable?.();
  }

  listing(restored: boolean, count = 0): void {
    const { bindings, calls, keys, proxies, health } = this.#known;
    this.#restored = restored;
    calls.listing(this.#origin);
    proxies.listing(this.#origin);
    health.listing(this.#origin);
    bindings.reserve(count);
    bindings.rows.forgetHeld(this.#origin);
    if (this.#origin === OWN) keys.listing();
  }

  loaded(): void {
    const { calls, proxies, health, upkeep } = this.#known;
    const now = this.#now();
    this.isLoaded = true;
    proxies.loaded(this.#origin, this.#restored, now);
    health.loaded(this.#origin, this.#restored, now);
    calls.loaded(this.#origin, this.#restored, now);
    if (this.#origin === OWN) upkeep.loaded(now);
    else if (this.#restored) upkeep.restoredElsewhere(this.#origin, now);
    this.onLoaded?.();
  }

  /** It was loaded, and its news come: a cut link is noticed by missing heartbeats first. */
  get isInTouch(): boolean {
    return this.isAvailable && this.isLoaded && (this.#heardAt === 0 || this.#now() - this.#heardAt < LATE);
  }

  /** Whether the watch brings what it must; call it every second or so. `expected`: a proxy of its data centre lives. */
  check(expected: boolean): void {
    if (!expected || !this.isAvailable) return;
    const silence = this.#now() - Math.max(this.#heardAt, this.#dueSince);
    if (silence < DEAF) return;
    this.#dueSince = this.#now();
    this.store.reopen?.(`none of the heartbeats of ${this.store.geoLocation} came for ${Math.round(silence / 1000)} s`);
  }

  put(key: string, value: string): void {
    const parsed = parseKey(key);
    if (parsed !== undefined && this.#take(parsed, key, value)) return;
    this.#known.counters.storeGarbage++;
    this.#log.debug({ store: this.store.geoLocation, key }, 'a record that this release can not read');
  }

  remove(key: string): void {
    const { bindings, calls, keys, proxies, health, upkeep } = this.#known;
    const parsed = parseKey(key);
    switch (parsed?.kind) {
      case 'binding': {
        // means nothing: removal is a tombstone, and the expiry is in the value
        const row = bindings.find(parsed.aor, parsed.id);
        if (row === NONE || bindings.rows.origin(row) !== this.#origin) return;
        if (this.#origin === OWN) upkeep.goneHere(key, row, this.#now());
        else bindings.rows.setHeld(row, false);
        return;
      }
      case 'call':
      case 'calls':
        calls.drop(this.#origin, key);
        return;
      case 'key':
        if (this.#origin === OWN) keys.removed(key);
        return;
      case 'proxy':
        proxies.remove(parsed.name, this.#origin);
        return;
      case 'health':
        health.remove(parsed.name, this.#origin);
        return;
      default:
    }
  }

  /** False if the value can't be read. */
  #take(parsed: Key, key: string, value: string): boolean {
    const { callLog, keys, proxies, health } = this.#known;
    switch (parsed.kind) {
      case 'binding': {
        if (this.#origin === OWN && this.#known.upkeep.heardOwn(key, value, parsed)) return true;
        const seen = decodeBinding(parsed, value);
        if (seen !== undefined) this.#takeBinding(key, value, seen);
        return seen !== undefined;
      }
      case 'call':
      case 'calls':
        return callLog.seen(parsed, key, value, this.#origin);
      case 'key': {
        const tokenKey = decodeTokenKey(parsed, value);
        if (tokenKey !== undefined) keys.put(tokenKey, this.#origin === OWN);
        return tokenKey !== undefined;
      }
      case 'proxy': {
        const record = decodeProxy(parsed, value);
        if (record !== undefined) proxies.put(parsed.name, record, value, this.#origin);
        return record !== undefined;
      }
      case 'health': {
        const record = decodeHealth(parsed, value);
        if (record === undefined) return false;
        this.#heardAt = this.#now();
        // one that is ahead of our clock says no more than that it came
        this.heartbeat = Math.max(this.heartbeat, Math.min(record.at, this.#heardAt));
        health.put(parsed.name, record, value, this.#origin);
        return true;
      }
      case 'owner':
        return true;
    }
  }

  #takeBinding(key: string, value: string, seen: Binding): void {
    const { bindings, clock, upkeep } = this.#known;
    const now = this.#now();
    clock.observe(seen.stamp.commit, now);
    const taken = bindings.take(seen, this.#origin, now);
    if (taken === undefined) return;
    if (this.#origin === OWN) upkeep.seenHere(key, value, seen, taken, now);
    else upkeep.seenElsewhere(key, seen, taken, this.#origin, now);
  }
}
