import type { CallRecord } from './records.ts';

/** A key that names calls: a segment of many or, in layout 1, one call. Its content is what it was when it was written. */
export class Segment {
  readonly key: string;
  /** Index of the store that holds it; 0 is our own data centre's. */
  readonly origin: number;
  /** The process that wrote it: its proxy's name and boot id ('' where the key doesn't tell). */
  readonly proxy: string;
  readonly boot: string;
  /** Layout 1: one call by itself, which its writer alone changes. */
  readonly single: boolean;
  /** Writing its calls anew loses nothing. */
  readonly whole: boolean;
  /** When it became known here, ms since the epoch. */
  readonly at: number;
  /** Those that began, then from `begun` on those that ended, and since when each was on its pair. */
  readonly ids: string[] = [];
  readonly sinces: number[] = [];
  begun = 0;
  /** Its store is known to hold it, and ever was. */
  held: boolean;
  wasHeld: boolean;
  /** Its calls are written anew, or none needs it: it is on its way out. */
  leaving = false;

  constructor(part: {
    key: string;
    origin: number;
    proxy: string;
    boot: string;
    single: boolean;
    whole: boolean;
    at: number;
    held: boolean;
  }) {
    this.key = part.key;
    this.origin = part.origin;
    this.proxy = part.proxy;
    this.boot = part.boot;
    this.single = part.single;
    this.whole = part.whole;
    this.at = part.at;
    this.held = part.held;
    this.wasHeld = part.held;
  }
}

/** A call as all segments together know it. */
interface Call {
  pair: string;
  proxy: string;
  since: number;
  /** How long it is remembered at most, ms from `since`. */
  lasts: number;
  ended: boolean;
  /** Our own data centre's proxies routed it. */
  here: boolean;
  /** 0, or when its session ends unless it is refreshed (RFC 4028): known to the proxy that keeps it alone. */
  session: number;
  /** The segment that stands for it; undefined: not looked for yet. */
  home: Segment | undefined;
  /** The same of those that say that it ended. */
  mark: Segment | undefined;
  /** How many segments say that it began, and that it ended. */
  mentions: number;
  marks: number;
}

/** Index of our own data centre's store. */
const OWN = 0;
/** How many calls one call of expire() looks at: all are looked at within a minute, and none is served once it ended. */
const EXPIRE_AT_ONCE = 10_000;
/** How long a segment is kept that a restored store lacks: by then a live proxy has written its calls again, ms. */
const REWRITE_TIME = 120_000;

/** Which pair holds which call: one version a Call-ID, the later one where two proxies routed it. */
export class CallTable {
  /** Stands for the segment that is not written yet. */
  readonly unwritten: Segment;
  readonly #calls = new Map<string, Call>();
  /** By store and key. */
  readonly #segments: Map<string, Segment>[] = [];
  readonly #limit: number;
  #scan: Iterator<[string, Call]> | undefined;
  /** Those that a restored store did not name, and until when they are kept. */
  #unlisted: { readonly segments: readonly Segment[]; readonly until: number }[] = [];
  /** Calls in progress. */
  size = 0;
  /** Of these those that our own data centre's proxies routed. */
  here = 0;
  /** Dropped before their end because there were too many. */
  evicted = 0;
  /** Calls of which our own store has lost that they ended, and not that they began: a backup of it was put in its place. */
  readonly unmarked: string[] = [];

  constructor(limit: number) {
    this.#limit = limit;
    const part = { key: '', origin: 0, proxy: '', boot: '', single: false, whole: true, at: 0, held: false };
    this.unwritten = new Segment(part);
    this.unwritten.leaving = true;
  }

  /** Also those that ended and are still named by a segment. */
  get total(): number {
    return this.#calls.size;
  }

  get(callId: string): CallRecord | undefined {
    const call = this.#calls.get(callId);
    return call === undefined || call.ended ? undefined : recordOf(callId, call);
  }

  /** As get(), also of one that ended. */
  state(callId: string): CallRecord | undefined {
    const call = this.#calls.get(callId);
    return call && recordOf(callId, call);
  }

  /** The segment that stands for a call. */
  homeOf(callId: string): Segment | undefined {
    return this.#calls.get(callId)?.home;
  }

  /** Calls in progress with the index of the store that holds each. */
  *all(): IterableIterator<readonly [CallRecord, number]> {
    for (const [callId, call] of this.#calls)
      if (!call.ended) yield [recordOf(callId, call), call.home?.origin ?? 0] as const;
  }

  /** It began, or was moved, and no segment says so yet. */
  isUnwritten(callId: string): boolean {
    return this.#calls.get(callId)?.home === this.unwritten;
  }

  /** A segment says that it began. */
  isMentioned(callId: string): boolean {
    return (this.#calls.get(callId)?.mentions ?? 0) > 0;
  }

  segment(origin: number, key: string): Segment | undefined {
    return this.#segments[origin]?.get(key);
  }

  segments(origin: number): IterableIterator<Segment> {
    return this.#of(origin).values();
  }

  /** A call that no segment names yet. False if what is known is newer. */
  begin(record: CallRecord): boolean {
    return this.#begin(record, this.unwritten);
  }

  /** Marks a call as ended; false if it is forgotten at once, because no segment names it. */
  end(callId: string): boolean {
    const call = this.#calls.get(callId);
    if (call === undefined) return false;
    if (call.mentions === 0 && call.marks === 0) {
      this.#delete(callId, call);
      return false;
    }
    this.#end(call);
    return true;
  }

  /** Its session goes on until then unless it is refreshed, ms since the epoch; 0: without end. */
  keep(callId: string, session: number): void {
    const call = this.#calls.get(callId);
    if (call !== undefined) call.session = session;
  }

  sessionOf(callId: string): number {
    return this.#calls.get(callId)?.session ?? 0;
  }

  /** Takes in a segment whose calls are `records`, those that began first. One that is known already is not read again. */
  take(segment: Segment, records: readonly CallRecord[]): void {
    this.drop(segment.origin, segment.key);
    this.#of(segment.origin).set(segment.key, segment);
    for (const record of records) {
      segment.ids.push(record.callId);
      segment.sinces.push(record.since);
      if (record.ended === true) {
        this.#takeEnd(record, segment);
      } else {
        segment.begun++;
        this.#begin(record, segment);
        const call = this.#calls.get(record.callId);
        if (call !== undefined) call.mentions++;
      }
    }
  }

  /** The store holds the segment no more. */
  drop(origin: number, key: string): void {
    const segment = this.segment(origin, key);
    if (segment === undefined) return;
    this.#of(origin).delete(key);
    segment.ids.forEach((callId, i) => {
      const call = this.#calls.get(callId);
      if (call === undefined) return;
      if (i < segment.begun) call.mentions = Math.max(0, call.mentions - 1);
      else call.marks = Math.max(0, call.marks - 1);
      if (call.home === segment) call.home = undefined;
      if (call.mark === segment) call.mark = undefined;
      if (origin === OWN && call.ended && call.marks === 0 && call.mentions > 0 && i >= segment.begun)
        this.unmarked.push(callId);
      if (call.mentions === 0 && call.marks === 0 && call.home === undefined) this.#delete(callId, call);
    });
  }

  /** Whether what a segment says of its `i`-th call would be missed if it were removed. */
  needs(segment: Segment, i: number): boolean {
    const call = this.#calls.get(segment.ids[i] ?? '');
    if (call === undefined) return false;
    if (i >= segment.begun) {
      // that it ended must be known as long as anything says that it began
      if (call.mentions === 0 || (segment.sinces[i] ?? 0) < call.since) return false;
      call.mark ??= segment;
      return call.mark === segment || !call.mark.held;
    }
    if (call.ended || call.since !== segment.sinces[i]) return false;
    call.home ??= segment;
    return call.home === segment || !call.home.held;
  }

  /** The `i`-th call of a segment is to be written again. */
  unwrite(segment: Segment, i: number): void {
    const call = this.#calls.get(segment.ids[i] ?? '');
    if (call !== undefined && i < segment.begun) call.home = this.unwritten;
  }

  /** A list of the store begins: nothing of it is held until it is named there. */
  listing(origin: number): void {
    for (const segment of this.segments(origin)) segment.held = false;
  }

  /** The list is whole. `restored`: what it did not name was lost, not removed. */
  loaded(origin: number, restored: boolean, now: number): void {
    const unlisted = [...this.segments(origin)].filter(({ held, wasHeld }) => wasHeld && !held);
    if (restored) this.#unlisted.push({ segments: unlisted, until: now + REWRITE_TIME });
    else for (const { key } of unlisted) this.drop(origin, key);
  }

  /** Forgets what is over. Call it every second or so. */
  expire(now: number): void {
    for (const { segments, until } of this.#unlisted) {
      if (until > now) continue;
      for (const segment of segments)
        if (!segment.held && this.segment(segment.origin, segment.key) === segment)
          this.drop(segment.origin, segment.key);
    }
    this.#unlisted = this.#unlisted.filter(({ until }) => until > now);
    this.#scan ??= this.#calls.entries();
    for (let i = 0; i < EXPIRE_AT_ONCE; i++) {
      const { done, value } = this.#scan.next();
      if (done === true) {
        this.#scan = undefined;
        return;
      }
      const [callId, call] = value;
      if (call.since + call.lasts <= now) this.#delete(callId, call);
    }
  }

  #begin(record: CallRecord, segment: Segment): boolean {
    const { callId, pair, proxy, since, expires } = record;
    const lasts = expires - since;
    const call = this.#calls.get(callId);
    if (call === undefined) {
      if (this.#calls.size >= this.#limit) this.#evict();
      const [ended, here] = [false, segment.origin === 0];
      this.#calls.set(callId, {
        ...{
          pair,
          proxy,
          since,
          lasts,
          ended,
          here,
          session: 0,
          home: segment,
          mark: undefined,
          mentions: 0,
          marks: 0,
        },
      });
      this.size++;
      if (here) this.here++;
      return true;
    }
    const order = since - call.since || compareTexts(record, recordOf(callId, call));
    if (order < 0) return false;
    if (order === 0) {
      const isBetter = isBetterThan(segment, call.home);
      if (isBetter) call.home = segment;
      return isBetter;
    }
    this.#count(call, call.ended && since === call.since, segment.origin === 0);
    call.pair = pair;
    call.proxy = proxy;
    call.since = since;
    call.lasts = lasts;
    // whoever wrote this knows of its session
    call.session = 0;
    call.home = segment;
    if (!call.ended) call.mark = undefined;
    return true;
  }

  #takeEnd(record: CallRecord, segment: Segment): void {
    let call = this.#calls.get(record.callId);
    if (call === undefined) {
      this.#begin(record, segment);
      call = this.#calls.get(record.callId);
    }
    if (call === undefined) return;
    call.marks++;
    if (record.since < call.since) return;
    this.#end(call);
    if (isBetterThan(segment, call.mark)) call.mark = segment;
  }

  #end(call: Call): void {
    this.#count(call, true, call.here);
  }

  #count(call: Call, ended: boolean, here: boolean): void {
    this.size += Number(!ended) - Number(!call.ended);
    this.here += Number(!ended && here) - Number(!call.ended && call.here);
    call.ended = ended;
    call.here = here;
  }

  #delete(callId: string, call: Call): void {
    this.#count(call, true, call.here);
    this.#calls.delete(callId);
  }

  /** The oldest goes: a map keeps the order in which calls came. */
  #evict(): void {
    for (const [callId, call] of this.#calls) {
      this.#delete(callId, call);
      this.evicted++;
      return;
    }
  }

  #of(origin: number): Map<string, Segment> {
    return (this.#segments[origin] ??= new Map());
  }
}

/** One thing in two segments: whoever sees both takes the same one. */
function isBetterThan(segment: Segment, known: Segment | undefined): boolean {
  return known === undefined || known.leaving || (!segment.leaving && segment.key > known.key);
}

function recordOf(callId: string, { pair, proxy, since, lasts, ended }: Call): CallRecord {
  const record = { callId, pair, proxy, since, expires: since + lasts };
  return ended ? { ...record, ended } : record;
}

/** Two proxies routed a call in one millisecond: any order will do, as long as all have the same. */
function compareTexts(a: CallRecord, b: CallRecord): number {
  const textA = `${a.proxy} ${a.pair} ${a.expires}`;
  const textB = `${b.proxy} ${b.pair} ${b.expires}`;
  return textA === textB ? 0 : textA > textB ? 1 : -1;
}
