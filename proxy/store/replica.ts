import type { Logger as Log } from 'pino';
import { OWN } from './binding-rows.ts';
import { BindingTable } from './bindings.ts';
import { CallLog } from './call-log.ts';
import { CallTable } from './calls.ts';
import { HybridClock, nextStamp } from './clock.ts';
import { Colleagues } from './colleagues.ts';
import { canBeEncoded, encodeHealth, encodeProxy } from './codec.ts';
import { KeyRing } from './key-ring.ts';
import { healthKey, proxyKey } from './keys.ts';
import { compareVersions, normal } from './merge.ts';
import { Presence } from './presence.ts';
import type { Binding, CallRecord, HealthRecord, ProxyRecord, Stamp } from './records.ts';
import { Source, type Known } from './source.ts';
import type { Store } from './store.ts';
import { Upkeep } from './upkeep.ts';
import { WriteBehind, type Waiting } from './write-behind.ts';

export interface ReplicaOptions {
  /** This proxy's name, and the boot id of its process. */
  readonly proxy: string;
  readonly boot: string;
  readonly own: Store;
  readonly others: readonly Store[];
  readonly now: () => number;
  readonly log: Log;
  readonly limits?: { readonly bindings: number; readonly calls: number };
}

const LIMITS = { bindings: 2_000_000, calls: 500_000 };
/** The newest layout of the keys that this release reads: since 2, calls come in segments. */
const LAYOUT = 2;
const PROXIES = 10_000;
/** Writes that wait for the store. What finds no room is found lacking when it is back. */
const WRITES = 100_000;
/** How long close() waits for writes that are not on their way yet, ms. */
const DRAIN = 1000;

/** What a store is like, as /status shows it. */
interface StoreState {
  readonly geoLocation: string;
  readonly available: boolean;
  readonly loaded: boolean;
  readonly reason: string;
  /** How old the newest heartbeat of its data centre is that has come, ms: proxies make one every 5 s. */
  readonly lag?: number;
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
  readonly #geoLocation: string;
  readonly #own: Source;
  readonly #sources: readonly Source[];
  readonly #writes: WriteBehind;
  readonly #upkeep: Upkeep;
  readonly #clock = new HybridClock();
  readonly #bindings: BindingTable;
  readonly #calls: CallTable;
  readonly #callLog: CallLog;
  readonly #colleagues: Colleagues;
  readonly #proxies: Presence<ProxyRecord>;
  readonly #health: Presence<HealthRecord>;
  readonly #published = new Map<string, string>();
  readonly #onReady: (() => void)[] = [];
  readonly #onProxies: (() => void)[] = [];
  readonly #onHealth: ((record: HealthRecord) => void)[] = [];
  /** Data centres that have live proxies. */
  #livesIn: ReadonlySet<string> = new Set();
  #ready = false;

  constructor(options: ReplicaOptions) {
    const { proxy, boot, own, others, log } = options;
    this.#now = options.now;
    this.#log = log;
    this.#writes = new WriteBehind({ store: own, limit: WRITES, log });
    this.keys = new KeyRing({ store: own, writes: this.#writes, log });
    const limits = options.limits ?? LIMITS;
    this.#bindings = new BindingTable(limits.bindings);
    this.#calls = new CallTable(limits.calls);
    const [table, writes, colleagues] = [this.#calls, this.#writes, new Colleagues(proxy)];
    this.#colleagues = colleagues;
    this.#upkeep = new Upkeep({ writes, bindings: this.#bindings, colleagues });
    this.#callLog = new CallLog({ proxy, boot, table, writes, colleagues, now: options.now });
    this.#proxies = new Presence({ own: proxy, limit: PROXIES, changed: () => this.#proxiesChanged() });
    this.#health = new Presence({
      own: proxy,
      limit: PROXIES,
      changed: (record) => {
        if (record !== undefined) for (const callback of this.#onHealth) callback(record);
      },
    });
    const known: Known = {
      bindings: this.#bindings,
      calls: this.#calls,
      callLog: this.#callLog,
      keys: this.keys,
      proxies: this.#proxies,
      health: this.#health,
      clock: this.#clock,
      upkeep: this.#upkeep,
      counters: this.#counters,
    };
    this.#geoLocation = own.geoLocation;
    this.#own = new Source(own, OWN, known, options);
    this.#sources = [this.#own, ...others.map((store, i) => new Source(store, OWN + 1 + i, known, options))];
    this.#own.onAvailable = () => {
      this.#writes.retry();
      this.flushCalls();
    };
    // never rejects
    this.#own.onLoaded = () => void this.keys.tend(this.#now()).then(() => this.#becomeReady());
  }

  /** Begins to follow all stores. */
  start(): void {
    for (const source of this.#sources) source.store.follow(source);
  }

  async close(): Promise<void> {
    if (this.#own.isAvailable) {
      this.#writes.retry();
      this.flushCalls();
      await this.#writes.drained(DRAIN);
    }
    const closed = await Promise.allSettled(this.#sources.map(({ store }) => store.close()));
    closed.forEach((result, i) => {
      if (result.status === 'fulfilled') return;
      const store = this.#sources[i]?.store.geoLocation;
      this.#log.warn({ err: result.reason as unknown, store }, 'could not close the store in order');
    });
  }

  /** How much our own data centre's store does not have yet. */
  get unwritten(): number {
    return this.#writes.size;
  }

  /** Our own data centre's store was loaded once, and there is a key to sign with or none could be made. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Every store was loaded once: what is not here is nowhere. One whose credentials nobody gave us is left out. */
  get complete(): boolean {
    return this.#sources.every(({ isLoaded, reason }) => isLoaded || reason === 'SecretMissing');
  }

  /** The news of every data centre is here, but for the last moments. */
  get inTouch(): boolean {
    return this.#sources.every((source) => source.isInTouch || source.reason === 'SecretMissing');
  }

  onReady(callback: () => void): void {
    if (this.#ready) callback();
    else this.#onReady.push(callback);
  }

  /** Our own data centre's first. */
  get stores(): readonly StoreState[] {
    const now = this.#now();
    return this.#sources.map(({ store, isAvailable, isLoaded, reason, heartbeat }) => ({
      geoLocation: store.geoLocation,
      available: isAvailable,
      loaded: isLoaded,
      reason,
      ...(heartbeat === 0 ? {} : { lag: Math.max(0, now - heartbeat) }),
    }));
  }

  /** Live ones, greatest stamp first. */
  bindings(aor: string, now: number): readonly Binding[] {
    return this.#bindings.ofAor(aor, now);
  }

  /** How many of the AOR's are live. */
  countBindings(aor: string, now: number): number {
    return this.#bindings.countOf(aor, now);
  }

  /** Of bindings that expired or were removed and are still remembered: elsewhere they may be bound again. */
  endedIds(aor: string, now: number): readonly string[] {
    return this.#bindings.endedOfAor(aor, now);
  }

  /** Live ones whose contact equals `uri`, greatest stamp first. */
  bindingsByContact(uri: string, now: number): readonly Binding[] {
    return this.#bindings.ofContact(uri, now);
  }

  /** Live, expired or a tombstone. */
  binding(aor: string, id: string): Binding | undefined {
    return this.#bindings.get(aor, id);
  }

  /** Live ones, each with the data centre whose store holds it. */
  *allBindings(now: number): IterableIterator<Binding & { geoLocation: string }> {
    const { rows } = this.#bindings;
    for (const row of this.#bindings.used()) {
      const geoLocation = this.#sources[rows.origin(row)]?.store.geoLocation ?? '';
      if (this.#bindings.isLiveAt(row, now)) yield { ...rows.get(row), geoLocation };
    }
  }

  /** As allBindings(), of one AOR. */
  bindingsOfAor(aor: string, now: number): (Binding & { geoLocation: string })[] {
    return this.#bindings.ofAor(aor, now).map((binding) => {
      const origin = this.#bindings.rows.origin(this.#bindings.find(aor, binding.id));
      return { ...binding, geoLocation: this.#sources[origin]?.store.geoLocation ?? '' };
    });
  }

  /** Every binding is in a row below this; some rows below it hold none. */
  get bindingRows(): number {
    return this.#bindings.rows.end;
  }

  /** Where the live binding in a row is reached, if it is a UDP one whose flow `owner` holds: phones behind NAT. */
  natSource(row: number, owner: string, now: number): { address: string; port: number } | undefined {
    return this.#bindings.isLiveAt(row, now) ? this.#bindings.rows.natSource(row, owner) : undefined;
  }

  /** The stamp of a change that a REGISTER makes which arrived at `arrived`. */
  stamp(aor: string, id: string, callId: string, cseq: number, arrived: number): Stamp {
    return nextStamp(this.#bindings.stampOf(aor, id), callId, cseq, arrived, this.#clock, this.#now());
  }

  /**
   * Merged here at once. True if `waiting` will be told when the store has it, or when a greater version makes it void;
   * false if there is nothing to wait for.
   */
  save(binding: Binding, waiting?: Waiting): boolean {
    if (!canBeEncoded(binding)) {
      const { aor, id } = binding;
      this.#counters.storeGarbage++;
      this.#log.error({ aor, id }, 'a binding that can not be stored: a time or number in it is none');
      return false;
    }
    const saved = normal(binding);
    const taken = this.#bindings.take(saved, OWN, this.#now());
    if (taken === undefined) return false;
    if (saved !== taken.binding && compareVersions(saved, taken.binding) !== 0) {
      this.#counters.storeOutdated++;
      return false;
    }
    return this.#own.store.isVolatile !== true && this.#upkeep.write(taken.row, taken.binding, waiting);
  }

  call(callId: string): CallRecord | undefined {
    return this.#calls.get(callId);
  }

  /** Calls in progress, each with the data centre whose store holds it. */
  *allCalls(): IterableIterator<CallRecord & { geoLocation: string }> {
    for (const [call, origin] of this.#calls.all())
      yield { ...call, geoLocation: this.#sources[origin]?.store.geoLocation ?? '' };
  }

  /** Known here at once, and by the others some time after flushCalls(). */
  saveCall(record: CallRecord): void {
    this.#callLog.save(record);
  }

  endCall(callId: string): void {
    this.#callLog.end(callId);
  }

  /** The call's session was agreed or refreshed: it is over at `until` unless it is again (RFC 4028), ms since the epoch. */
  keepCall(callId: string, until: number): void {
    this.#callLog.keep(callId, until);
  }

  /** Writes which calls began and ended since the last time. While the store is away they wait: most will be over. */
  flushCalls(): void {
    if (this.#own.isAvailable) this.#callLog.flush();
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
    const text = encodeProxy({ ...record, layout: LAYOUT });
    this.#proxies.put(record.name, { ...record, layout: LAYOUT }, text, OWN);
    this.#publish(proxyKey(record.name), text);
  }

  publishHealth(record: HealthRecord): void {
    const text = encodeHealth(record);
    this.#health.put(record.proxy, record, text, OWN);
    this.#publish(healthKey(record.proxy), text);
  }

  /** All that are known; `here`: of these those that came by way of our own data centre's proxies. */
  counts(now: number): { bindings: number; calls: number; here: { bindings: number; calls: number } } {
    const [bindings, calls] = [this.#bindings, this.#calls];
    bindings.expire(now);
    return { bindings: bindings.live, calls: calls.size, here: { bindings: bindings.here, calls: calls.here } };
  }

  /** For metrics. */
  get counters(): Readonly<Record<string, number>> {
    return {
      ...this.#counters,
      ...this.#writes.counters,
      ...this.#upkeep.counters,
      ...this.#callLog.counters,
      stampsClamped: this.#clock.clamped,
      bindingsRefused: this.#bindings.refused,
      tombstonesEvicted: this.#bindings.evicted,
      callsEvicted: this.#calls.evicted,
      writesWaiting: this.#writes.size,
      callsWaiting: this.#callLog.waiting,
      callsKnown: this.#calls.total,
    };
  }

  /**
   * Drops some of the bindings that ended, and writes some of those that our store lacks. Call it every 50 ms, and ten ms
   * after it returned true: then more is left.
   */
  tick(now: number): boolean {
    const isMoreToDrop = this.#bindings.expire(now);
    const isKept = this.#own.isAvailable && this.#own.isLoaded && this.#own.store.isVolatile !== true;
    return (isKept && this.#upkeep.tend(now)) || isMoreToDrop;
  }

  /** Drops what ended and goes on with what waits. Call it every second or so. */
  expire(now: number): void {
    this.tick(now);
    this.#calls.expire(now);
    this.#callLog.prune();
    this.#proxies.expire(now);
    this.#health.expire(now);
    for (const source of this.#sources) source.check(this.#livesIn.has(source.store.geoLocation));
    this.flushCalls();
    if (this.#own.isAvailable && this.#own.isLoaded) {
      this.#callLog.tend();
      void this.keys.tend(now); // never rejects
    }
    // last: what was found to be removed goes at once
    this.#writes.retry();
  }

  #becomeReady(): void {
    if (this.#ready) return;
    this.#ready = true;
    for (const callback of this.#onReady.splice(0)) callback();
  }

  #publish(key: string, text: string): void {
    if (this.#published.get(key) === text) return;
    this.#published.set(key, text);
    this.#writes.put(key, text, 'presence');
  }

  #proxiesChanged(): void {
    const all = [...this.#proxies.records.values()];
    this.#livesIn = new Set(all.map(({ geoLocation }) => geoLocation));
    const here = all.filter(({ geoLocation }) => geoLocation === this.#geoLocation);
    this.#colleagues.set(new Map(here.map(({ name, boot }) => [name, boot])));
    this.#callLog.singly = all.some(({ layout }) => layout === undefined);
    for (const callback of this.#onProxies) callback();
  }
}
