import type { CallRecord } from './records.ts';

interface Entry {
  record: CallRecord;
  /** Index of the store that holds it; 0 is our own data centre's. */
  origin: number;
  /** That store is known to hold it. */
  held: boolean;
}

/** How many calls one call of expire() looks at: all are looked at within a minute, and none is served once it ended. */
const EXPIRE_AT_ONCE = 10_000;

/** Which pair holds which call: one record a Call-ID, the later one where two proxies routed it. */
export class CallTable {
  readonly #calls = new Map<string, Entry>();
  readonly #limit: number;
  #scan: Iterator<[string, Entry]> | undefined;
  /** Marks of ended calls among them. */
  #ended = 0;
  /** Dropped before their end because there were too many. */
  evicted = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls in progress. */
  get size(): number {
    return this.#calls.size - this.#ended;
  }

  get(callId: string): CallRecord | undefined {
    const record = this.#calls.get(callId)?.record;
    return record === undefined || record.ended === true ? undefined : record;
  }

  originOf(callId: string): number | undefined {
    return this.#calls.get(callId)?.origin;
  }

  /** Whether the store of its origin is known to hold it. */
  isHeld(callId: string): boolean {
    return this.#calls.get(callId)?.held === true;
  }

  /** False if what is known is newer. */
  take(record: CallRecord, origin: number, held: boolean): boolean {
    const known = this.#calls.get(record.callId);
    if (known === undefined) {
      if (this.#calls.size >= this.#limit) this.#evict();
      this.#calls.set(record.callId, { record, origin, held });
      if (record.ended === true) this.#ended++;
      return true;
    }
    const order = compareCalls(record, known.record);
    if (order < 0) return false;
    if (order === 0 && origin !== known.origin) return false;
    this.#ended += Number(record.ended === true) - Number(known.record.ended === true);
    known.record = record;
    known.origin = origin;
    known.held = held;
    return true;
  }

  drop(callId: string): void {
    if (this.#calls.get(callId)?.record.ended === true) this.#ended--;
    this.#calls.delete(callId);
  }

  /** A list of the store begins: nothing of it is held until it is named there. */
  listing(origin: number): void {
    for (const entry of this.#calls.values()) if (entry.origin === origin) entry.held = false;
  }

  /** Those that the store of `origin` should hold and does not. */
  *lacking(origin: number): IterableIterator<CallRecord> {
    for (const entry of this.#calls.values()) if (entry.origin === origin && !entry.held) yield entry.record;
  }

  expire(now: number): void {
    this.#scan ??= this.#calls.entries();
    for (let i = 0; i < EXPIRE_AT_ONCE; i++) {
      const { done, value } = this.#scan.next();
      if (done === true) {
        this.#scan = undefined;
        return;
      }
      if (value[1].record.expires <= now) this.drop(value[0]);
    }
  }

  /** The oldest goes: a map keeps the order in which calls came. */
  #evict(): void {
    for (const callId of this.#calls.keys()) {
      this.drop(callId);
      this.evicted++;
      return;
    }
  }
}

/** The pair chosen later holds the call (it was dialled again after a failure); its end is later than all of it. */
function compareCalls(a: CallRecord, b: CallRecord): number {
  if (a.since !== b.since) return a.since - b.since;
  if (a.ended !== b.ended) return a.ended === true ? 1 : -1;
  const textA = `${a.proxy} ${a.pair} ${a.expires}`;
  const textB = `${b.proxy} ${b.pair} ${b.expires}`;
  return textA === textB ? 0 : textA > textB ? 1 : -1;
}
