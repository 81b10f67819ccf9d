import type { Logger as Log } from 'pino';
import { BindingTable } from './bindings.ts';
import { CallTable } from './calls.ts';
import { HybridClock, nextStamp } from './clock.ts';
import {
  decodeBinding,
  decodeCall,
  decodeHealth,
  decodeProxy,
  decodeTokenKey,
  encodeHealth,
  encodeProxy,
} from './codec.ts';
import { KeyRing } from './key-ring.ts';
import { healthKey, parseKey, proxyKey, type Key } from './keys.ts';
import { compareVersions, isLive, normal } from './merge.ts';
import { Presence } from './presence.ts';
import type { Binding, CallRecord, HealthRecord, ProxyRecord, Stamp } from './records.ts';
import type { Store } from './store.ts';
import { OWN, Upkeep } from './upkeep.ts';
import { WriteBehind } from './write-behind.ts';

export interface ReplicaOptions {
  /** This proxy's name. */
  readonly proxy: string;
  readonly own: Store;
  readonly others: readonly Store[];
  readonly now: () => number;
  readonly log: Log;
  readonly limits?: { readonly bindings: number; readonly calls: number };
}

const LIMITS = { bindings: 2_000_000, calls: 500_000 };
const PROXIES = 10_000;
/** Writes that wait for the store. What finds no room is found lacking when it is back. */
const WRITES = 100_000;
/** How long the mark of a call that ended elsewhere is kept: until that data centre's proxies have seen it, ms. */
const ENDED = 120_000;

interface Source {
  readonly store: Store;
  available: boolean;
  reason: string;
  /** It was loaded once. */
  loaded: boolean;
  restored: boolean;
}

/** What a store is like, as /status shows it. */
interface StoreState {
  readonly geoLocation: string;
  readonly available: boolean;
  readonly loaded: boolean;
  readonly reason: string;
}

/**
 * All data centres' stores merged in this process: what is read comes from here, what is written is merged here at
 * once and goes to our own data centre's store behind it.
 */
export class Replica {
  readonly keys: KeyRing;
  readonly #counters = { storeGarbage: 0, storeOutdated: 0 };
  readonly #now: () => number;
  readonly #log: Log;
  readonly #sources: readonly Source[];
  readonly #writes: WriteBehind;
  readonly #upkeep: Upkeep;
  readonly #clock = new HybridClock();
  readonly #bindings: BindingTable;
  readonly #calls: CallTable;
  readonly #proxies: Presence<ProxyRecord>;
  readonly #health: Presence<HealthRecord>;
  readonly #published = new Map<string, string>();
  readonly #onReady: (() => void)[] = [];
  readonly #onProxies: (() => void)[] = [];
  readonly #onHealth: ((record: HealthRecord) => void)[] = [];
  #ready = false;

  constructor(options: ReplicaOptions) {
    const { proxy, own, others, log } = options;
    this.#now = options.now;
    this.#log = log;
    this.#sources = [own, ...others].map((store) => ({
      store,
      available: false,
      reason: 'NotYetReached',
      loaded: false,
      restored: false,
    }));
    this.#writes = new WriteBehind({ store: own, limit: WRITES, log });
    this.keys = new KeyRing({ store: own, writes: this.#writes, log });
    const limits = options.limits ?? LIMITS;
    this.#bindings = new BindingTable(limits.bindings);
    this.#calls = new CallTable(limits.calls);
    this.#upkeep = new Upkeep({ proxy, writes: this.#writes, bindings: this.#bindings, calls: this.#calls });
    this.#proxies = new Presence({ own: proxy, limit: PROXIES, changed: () => this.#proxiesChanged() });
    this.#health = new Presence({
      own: proxy,
      limit: PROXIES,
      changed: (record) => {
        if (record !== undefined) for (const callback of this.#onHealth) callback(record);
      },
    });
  }

  /** Begins to follow all stores. */
  start(): void {
    this.#sources.forEach((source, origin) => {
      source.store.follow({
        listing: (restored) => this.#listing(source, origin, restored),
        put: (key, value) => this.#put(key, value, origin),
        remove: (key) => this.#removed(key, origin),
        loaded: () => this.#loaded(source, origin),
        available: (available, reason) => {
          source.available = available;
          source.reason = reason;
          if (available && origin === OWN) this.#writes.retry();
        },
      });
    });
  }

  async close(): Promise<void> {
    if (this.#sources[OWN]?.available === true) {
      this.#writes.retry();
      await this.#writes.drained();
    }
    const closed = await Promise.allSettled(this.#sources.map(({ store }) => store.close()));
    closed.forEach((result, i) => {
      if (result.status === 'fulfilled') return;
      const store = this.#sources[i]?.store.geoLocation;
      this.#log.warn({ err: result.reason as unknown, store }, 'could not close the store in order');
    });
  }

  /** Our own data centre's store was loaded once, and there is a key to sign with or none could be made. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Every store was loaded once: what is not here is nowhere. */
  get complete(): boolean {
    return this.#sources.every(({ loaded }) => loaded);
  }

  onReady(callback: () => void): void {
    if (this.#ready) callback();
    else this.#onReady.push(callback);
  }

  /** Our own data centre's first. */
  get stores(): readonly StoreState[] {
    return this.#sources.map(({ store, available, loaded, reason }) => ({
      geoLocation: store.geoLocation,
      available,
      loaded,
      reason,
    }));
  }

  /** Live ones, greatest stamp first. */
  bindings(aor: string, now: number): readonly Binding[] {
    return this.#bindings.ofAor(aor, now);
  }

  /** Live ones whose contact equals `uri`, greatest stamp first. */
  bindingsByContact(uri: string, now: number): readonly Binding[] {
    return this.#bindings.ofContact(uri, now);
  }

  /** Live, expired or a tombstone. */
  binding(aor: string, id: string): Binding | undefined {
    return this.#bindings.get(aor, id)?.binding;
  }

  /** Live ones, each with the data centre whose store holds it. */
  *allBindings(now: number): IterableIterator<Binding & { geoLocation: string }> {
    for (const { binding, origin } of this.#bindings.entries()) {
      const geoLocation = this.#sources[origin]?.store.geoLocation ?? '';
      if (isLive(binding, now)) yield { ...binding, geoLocation };
    }
  }

  /** The stamp of a change that a REGISTER makes which arrived at `arrived`. */
  stamp(aor: string, id: string, callId: string, cseq: number, arrived: number): Stamp {
    return nextStamp(this.#bindings.get(aor, id)?.binding.stamp, callId, cseq, arrived, this.#clock, this.#now());
  }

  /** Merged here at once. Resolves when the store has it, or when a greater version makes it void; never rejects. */
  save(binding: Binding): Promise<void> {
    const saved = normal(binding);
    const entry = this.#bindings.take(saved, OWN, this.#now());
    if (entry === undefined) return Promise.resolve();
    if (compareVersions(saved, entry.binding) === 0) return this.#upkeep.write(entry);
    this.#counters.storeOutdated++;
    return Promise.resolve();
  }

  call(callId: string): CallRecord | undefined {
    return this.#calls.get(callId);
  }

  saveCall(record: CallRecord): void {
    if (this.#calls.take(record, OWN, false)) this.#upkeep.writeCall(record);
  }

  endCall(callId: string): void {
    const record = this.#calls.get(callId);
    if (record === undefined) return;
    if (this.#calls.originOf(callId) === OWN) {
      this.#calls.drop(callId);
      this.#upkeep.removeCall(callId);
    } else {
      // only the proxies of that data centre write to its store: they see the mark in ours
      this.saveCall({ ...record, ended: true, expires: this.#now() + ENDED });
    }
  }

  /** Live proxies by name, this one too. */
  get proxies(): ReadonlyMap<string, ProxyRecord> {
    return this.#proxies.records;
  }

  get health(): ReadonlyMap<string, HealthRecord> {
    return this.#health.records;
  }

  onProxies(callback: () => void): void {
    this.#onProxies.push(callback);
  }

  onHealth(callback: (record: HealthRecord) => void): void {
    this.#onHealth.push(callback);
  }

  publishProxy(record: ProxyRecord): void {
    const text = encodeProxy(record);
    this.#proxies.put(record.name, record, text, OWN);
    this.#publish(proxyKey(record.name), text);
  }

  publishHealth(record: HealthRecord): void {
    const text = encodeHealth(record);
    this.#health.put(record.proxy, record, text, OWN);
    this.#publish(healthKey(record.proxy), text);
  }

  counts(now: number): { bindings: number; calls: number } {
    this.#bindings.expire(now);
    return { bindings: this.#bindings.live, calls: this.#calls.size };
  }

  /** For metrics. */
  get counters(): Readonly<Record<string, number>> {
    return {
      ...this.#counters,
      ...this.#writes.counters,
      ...this.#upkeep.counters,
      stampsClamped: this.#clock.clamped,
      bindingsRefused: this.#bindings.refused,
      tombstonesEvicted: this.#bindings.evicted,
      callsEvicted: this.#calls.evicted,
      writesWaiting: this.#writes.size,
    };
  }

  /** Drops what ended and goes on with what waits. Call it every second or so. */
  expire(now: number): void {
    this.#bindings.expire(now);
    this.#calls.expire(now);
    this.#proxies.expire(now);
    this.#health.expire(now);
    this.#writes.retry();
    const own = this.#sources[OWN];
    if (own?.available !== true || !own.loaded) return;
    this.#upkeep.tend(now);
    void this.keys.tend(now); // never rejects
  }

  #publish(key: string, text: string): void {
    if (this.#published.get(key) === text) return;
    this.#published.set(key, text);
    void this.#writes.put(key, text, 'presence'); // never rejects
  }

  #proxiesChanged(): void {
    const geoLocation = this.#sources[OWN]?.store.geoLocation;
    const colleagues: string[] = [];
    for (const record of this.#proxies.records.values()) if (record.geoLocation === geoLocation) colleagues.push(record.name);
    this.#upkeep.colleagues(colleagues);
    for (const callback of this.#onProxies) callback();
  }

  #listing(source: Source, origin: number, restored: boolean): void {
    source.restored = restored;
    this.#calls.listing(origin);
    this.#proxies.listing(origin);
    this.#health.listing(origin);
    if (origin !== OWN) return;
    this.keys.listing();
    for (const entry of this.#bindings.entries()) if (entry.origin === OWN) entry.held = false;
  }

  #loaded(source: Source, origin: number): void {
    const now = this.#now();
    source.loaded = true;
    this.#proxies.loaded(origin, source.restored, now);
    this.#health.loaded(origin, source.restored, now);
    if (origin !== OWN) {
      if (!source.restored) for (const { callId } of this.#calls.lacking(origin)) this.#calls.drop(callId);
      return;
    }
    this.#upkeep.loaded(source.restored, now);
    void this.keys.tend(now).then(() => this.#becomeReady()); // never rejects
  }

  #becomeReady(): void {
    if (this.#ready) return;
    this.#ready = true;
    for (const callback of this.#onReady.splice(0)) callback();
  }

  #put(key: string, value: string, origin: number): void {
    const parsed = parseKey(key);
    const understood = parsed !== undefined && this.#take(parsed, key, value, origin);
    if (understood) return;
    this.#counters.storeGarbage++;
    this.#log.debug({ store: this.#sources[origin]?.store.geoLocation, key }, 'a record that this release can not read');
  }

  #take(parsed: Key, key: string, value: string, origin: number): boolean {
    switch (parsed.kind) {
      case 'binding': {
        const seen = decodeBinding(parsed, value);
        if (seen !== undefined) this.#takeBinding(key, value, seen, origin);
        return seen !== undefined;
      }
      case 'call': {
        const call = decodeCall(parsed, value);
        if (call !== undefined) this.#takeCall(call, origin);
        return call !== undefined;
      }
      case 'key': {
        const tokenKey = decodeTokenKey(parsed, value);
        if (tokenKey !== undefined) this.keys.put(tokenKey, origin === OWN);
        return tokenKey !== undefined;
      }
      case 'proxy': {
        const proxy = decodeProxy(parsed, value);
        if (proxy !== undefined) this.#proxies.put(parsed.name, proxy, value, origin);
        return proxy !== undefined;
      }
      case 'health': {
        const health = decodeHealth(parsed, value);
        if (health !== undefined) this.#health.put(parsed.name, health, value, origin);
        return health !== undefined;
      }
      case 'owner':
        return true;
    }
  }

  #takeBinding(key: string, value: string, seen: Binding, origin: number): void {
    const now = this.#now();
    this.#clock.observe(seen.stamp.commit, now);
    const known = this.#bindings.get(seen.aor, seen.id);
    const before = known?.binding;
    const wasHeld = known !== undefined && known.origin === OWN && known.held;
    const entry = this.#bindings.take(seen, origin, now);
    if (entry === undefined) return;
    if (origin === OWN) this.#upkeep.seenHere(key, value, seen, entry);
    else this.#upkeep.seenElsewhere(key, seen, entry, before, wasHeld);
  }

  #takeCall(call: CallRecord, origin: number): void {
    const wasHeld = this.#calls.originOf(call.callId) === OWN && this.#calls.isHeld(call.callId);
    if (!this.#calls.take(call, origin, true)) return;
    if (wasHeld && origin !== OWN && call.ended === true) this.#upkeep.endedElsewhere(call.callId);
  }

  #removed(key: string, origin: number): void {
    const parsed = parseKey(key);
    switch (parsed?.kind) {
      case 'binding': {
        // means nothing: removal is a tombstone, expiry is in the value
        const entry = origin === OWN ? this.#bindings.get(parsed.aor, parsed.id) : undefined;
        if (entry !== undefined) entry.held = false;
        return;
      }
      case 'call':
        if (this.#calls.originOf(parsed.callId) === origin && this.#calls.isHeld(parsed.callId)) this.#calls.drop(parsed.callId);
        return;
      case 'key':
        if (origin === OWN) this.keys.removed(key);
        return;
      case 'proxy':
        this.#proxies.remove(parsed.name, origin);
        return;
      case 'health':
        this.#health.remove(parsed.name, origin);
        return;
      default:
    }
  }
}
