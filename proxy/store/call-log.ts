import { ownText } from '../sip/own-text.ts';
import { encodeCalls, decodeCalls } from './call-segment.ts';
import { Segment, type CallTable } from './calls.ts';
import { decodeCall, encodeCall } from './codec.ts';
import type { Colleagues } from './colleagues.ts';
import { callKey, callsKey, type Key } from './keys.ts';
import type { CallRecord } from './records.ts';
import type { WriteBehind } from './write-behind.ts';

/** Index of our own data centre's store, the only one that is written to. */
const OWN = 0;
/** Calls a segment: some 10 KiB, */
const SEGMENT = 128;
/** and 64 KiB at the most, far below what etcd takes for one request (1.5 MiB): longer Call-IDs are none that a phone makes. */
const LONGEST_CALL_ID = 512;
/** How long a segment is left alone, ms: most calls are not over sooner, and other proxies have seen it by then. */
const SETTLE = 60_000;
/** When news of a segment that was written is overdue: it is written again, ms. */
const HEARD = 10_000;
/** A segment of which no more than so many calls are needed is written anew together with others such, */
const SPARSE = SEGMENT / 4;
/** if there are so many of them. */
const MERGE_AT_LEAST = 4;
const MERGE_AT_MOST = 32;
/** How many segments are looked at in one go. */
const LOOK_AT_ONCE = 100;
/** Layout 1: how long the mark of a call that ended elsewhere is kept, until that data centre's proxies have seen it, ms. */
const ENDED = 120_000;

/**
 * Call data in the store: which calls began and ended here is written in segments of many calls a key. A segment goes
 * when nothing it says is needed; where few of its calls are left they are written anew with others', so that the
 * store holds no more than a few times the calls in progress. Each segment is tended by the process that wrote it,
 * or when that is gone by another proxy of its data centre.
 */
export class CallLog {
  readonly #proxy: string;
  readonly #boot: string;
  readonly #table: CallTable;
  readonly #writes: WriteBehind;
  readonly #colleagues: Colleagues;
  readonly #now: () => number;
  /** Call-IDs of which the store is to hear. */
  readonly #pending = new Set<string>();
  #written = 0;
  #scan: Iterator<Segment> | undefined;
  #sparse: Segment[] = [];
  /** A live proxy of the shard reads one call a key only. */
  singly = false;
  /** Segments written, for whatever reason, and those of them that hold calls written before. */
  readonly counters = { callSegmentsWritten: 0, callSegmentsMerged: 0 };

  constructor(options: {
    proxy: string;
    boot: string;
    table: CallTable;
    writes: WriteBehind;
    colleagues: Colleagues;
    now: () => number;
  }) {
    this.#proxy = options.proxy;
    this.#boot = options.boot;
    this.#table = options.table;
    this.#writes = options.writes;
    this.#colleagues = options.colleagues;
    this.#now = options.now;
  }

  /** Calls that wait to be written. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** A call began, or goes on after it was refused: without a session that could end, so far. Not if its Call-ID has over 512 bytes. */
  save(call: CallRecord): void {
    if (call.callId.length > LONGEST_CALL_ID) return;
    const known = this.#table.get(call.callId);
    this.#table.keep(call.callId, 0);
    if (known !== undefined && known.pair === call.pair && known.proxy === call.proxy) return;
    const since = Math.round(call.since);
    const record = { ...call, callId: ownText(call.callId), since, expires: Math.round(call.expires) };
    if (this.singly) this.#writeSingle(record);
    else if (this.#table.begin(record)) this.#pending.add(record.callId);
  }

  end(callId: string): void {
    const call = this.#table.get(callId);
    if (call === undefined) return;
    const home = this.#table.homeOf(callId);
    if (home?.single === true) {
      this.#endSingle(call, home);
    } else if (this.#table.end(callId)) {
      this.#pending.add(call.callId);
    } else {
      this.#pending.delete(callId);
    }
  }

  /** The session goes on until `until` unless it is refreshed again (RFC 4028); this proxy ends it then. */
  keep(callId: string, until: number): void {
    const call = this.#table.get(callId);
    if (call === undefined) return;
    const home = this.#table.homeOf(callId);
    const isOurs = home === this.#table.unwritten || (home !== undefined && this.#tends(home));
    // whoever tends it does not hear of this refresh: from now on it is ours
    if (!isOurs && home !== undefined && !home.single) {
      this.#table.begin({ ...call, expires: Math.max(call.expires + 1, this.#now() + call.expires - call.since) });
      this.#pending.add(call.callId);
    }
    this.#table.keep(callId, until);
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#pending.size === 0) return;
    let records: CallRecord[] = [];
    for (const callId of this.#pending) {
      const call = this.#table.state(callId);
      // over, written meanwhile by another, or nobody knows that it ever began
      if (call === undefined) continue;
      const isNews = call.ended === true ? this.#table.isMentioned(callId) : this.#table.isUnwritten(callId);
      if (!isNews) continue;
      records.push(call);
      if (records.length === SEGMENT) {
        this.#write(records);
        records = [];
      }
    }
    this.#pending.clear();
    if (records.length > 0) this.#write(records);
  }

  /** A store holds a key of calls. False if the value can't be read. */
  seen(parsed: Extract<Key, { kind: 'call' | 'calls' }>, key: string, value: string, origin: number): boolean {
    const known = this.#table.segment(origin, key);
    if (known !== undefined && !known.single) {
      known.held = true;
      known.wasHeld = true;
      return true;
    }
    if (parsed.kind === 'call') {
      const call = decodeCall(parsed, value);
      if (call !== undefined) this.#takeSingle(call, origin, true);
      return call !== undefined;
    }
    const decoded = decodeCalls(value);
    if (decoded === undefined) return false;
    const { proxy, boot } = parsed;
    const part = { key, origin, proxy, boot, single: false, whole: decoded.whole, at: this.#now(), held: true };
    this.#table.take(new Segment(part), decoded.records);
    return true;
  }

  /** What a store lost of calls' ends is to be written again, and of calls that are forgotten nothing. Call it every second or so, also while the store is away. */
  prune(): void {
    for (const callId of this.#table.unmarked.splice(0)) this.#pending.add(callId);
    if (this.#pending.size <= this.#table.total) return;
    for (const callId of this.#pending) if (this.#table.state(callId) === undefined) this.#pending.delete(callId);
  }

  /** Goes on with tending; call it every second or so while the own store is in reach. */
  tend(): void {
    this.#scan ??= this.#table.segments(OWN);
    const now = this.#now();
    for (let i = 0; i < LOOK_AT_ONCE && this.#writes.hasRoom; i++) {
      const { done, value } = this.#scan.next();
      if (done === true) {
        this.#scan = undefined;
        this.#merge();
        return;
      }
      this.#look(value, now);
      if (this.#sparse.length >= MERGE_AT_MOST) this.#merge();
    }
  }

  /** Once a segment is removed the next reader sees only the others: what it says and is needed must be in those. */
  #look(segment: Segment, now: number): void {
    const { key } = segment;
    if (this.#writes.has(key) || !this.#tends(segment)) return;
    if (now - segment.at < (segment.held ? SETTLE : HEARD)) return;
    let needed = 0;
    for (let i = 0; i < segment.ids.length; i++) {
      this.#checkSession(segment, i, now);
      if (this.#table.needs(segment, i)) needed++;
    }
    if (needed === 0) {
      segment.leaving = true;
      if (segment.held) this.#writes.remove(key);
      else this.#table.drop(OWN, key);
    } else if (!segment.held || (needed <= SPARSE && segment.whole && !(segment.single && this.singly))) {
      this.#sparse.push(segment);
    }
  }

  #checkSession(segment: Segment, i: number, now: number): void {
    const callId = segment.ids[i] ?? '';
    const session = i < segment.begun ? this.#table.sessionOf(callId) : 0;
    if (session !== 0 && session <= now && this.#table.homeOf(callId) === segment) this.end(callId);
  }

  #merge(): void {
    const sparse = this.#sparse;
    this.#sparse = [];
    const lost = sparse.filter(({ held }) => !held);
    const merged = sparse.length >= MERGE_AT_LEAST ? sparse : lost;
    if (merged.length === 0) return;
    this.flush();
    for (const segment of merged) {
      segment.leaving = true;
      for (let i = 0; i < segment.ids.length; i++) {
        if (!this.#table.needs(segment, i)) continue;
        this.#table.unwrite(segment, i);
        this.#pending.add(segment.ids[i] ?? '');
      }
    }
    this.counters.callSegmentsMerged += merged.length;
    this.flush();
  }

  #tends({ key, origin, proxy, boot, single }: Segment): boolean {
    if (origin !== OWN) return false;
    if (proxy === this.#proxy && (single || boot === this.#boot)) return true;
    return !this.#colleagues.lives(proxy, single ? undefined : boot) && this.#colleagues.isMine(key);
  }

  #write(records: readonly CallRecord[]): void {
    const [proxy, boot, at] = [this.#proxy, this.#boot, this.#now()];
    const key = callsKey(proxy, boot, this.#written++);
    const sorted = [...records.filter(({ ended }) => ended !== true), ...records.filter(({ ended }) => ended === true)];
    this.#table.take(
      new Segment({ key, origin: OWN, proxy, boot, single: false, whole: true, at, held: false }),
      sorted,
    );
    const expires = sorted.reduce((latest, record) => Math.max(latest, record.expires), 0);
    this.counters.callSegmentsWritten++;
    this.#writes.put(key, encodeCalls(sorted), { expires });
  }

  #takeSingle(record: CallRecord, origin: number, held: boolean): void {
    const { callId, proxy } = record;
    const part = { key: callKey(callId), origin, proxy, boot: '', single: true, whole: true, at: this.#now(), held };
    this.#table.take(new Segment(part), [record]);
  }

  #writeSingle(record: CallRecord): void {
    this.#takeSingle(record, OWN, false);
    this.#writes.put(callKey(record.callId), encodeCall(record), { expires: record.expires });
  }

  /** As layout 1 has it: removed in our own store; of another's, only its own proxies do that, and see a mark in ours. */
  #endSingle(call: CallRecord, home: Segment): void {
    if (home.origin !== OWN) {
      this.#writeSingle({ ...call, ended: true, expires: this.#now() + ENDED });
      return;
    }
    this.#writes.remove(home.key);
    this.#table.drop(OWN, home.key);
  }
}
