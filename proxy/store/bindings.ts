import { fnv1aBits } from '../hash.ts';
import { readUri, uriEquals, type SipUri } from '../sip/uri.ts';
import { BindingRows, NONE, OWN } from './binding-rows.ts';
import { contactHash } from './contact-hash.ts';
import { compareVersions, keptUntil, merge, rememberedUntil } from './merge.ts';
import type { Binding, Stamp } from './records.ts';
import { RowIndex } from './row-index.ts';

/** What became of a binding that was taken in. */
export interface Taken {
  readonly row: number;
  /** As all stores together know it now, and as they did before. */
  readonly binding: Binding;
  readonly before: Binding | undefined;
  /** Our own data centre's store was known to hold what was known before. */
  readonly wasHeld: boolean;
}

/**
 * How many rows one call of expire() looks at, and how many of them it changes: a data centre's phones may all expire in
 * one second, and calls don't wait for that.
 */
const EXPIRE_LOOKS = 2000;
const EXPIRE_AT_ONCE = 250;
/** Rows that it comes round to in five seconds though it is called every 50 ms only. */
const FEW = 200_000;
/** How much room is made in one go where there are too many, so that not each new one has to look for it. */
const EVICT_SHARE = 100;
const EVICT_AT_ONCE = 2000;
/** How many rows are looked at for it in one go, and within a second: some ms, and a few per cent of the time. */
const LOOK_AT_ONCE = 10_000;
const LOOK_A_SECOND = 200_000;

/** Every binding of the shard with its tombstones, by AOR and by contact; each leaves when it need not be remembered. */
export class BindingTable {
  readonly rows = new BindingRows();
  readonly #byAor: RowIndex;
  readonly #byContact: RowIndex;
  readonly #limit: number;
  /** The row that expire() looks at next. */
  #next = 0;
  /** Where room was looked for last, in which second, and at how many rows since that began. */
  #lookedAt = 0;
  #lookedIn = 0;
  #looked = 0;
  size = 0;
  live = 0;
  /** Of the live ones those whose version is of our own data centre. */
  here = 0;
  /** New bindings refused, and tombstones dropped early, because there were too many. */
  refused = 0;
  evicted = 0;

  constructor(limit: number) {
    const { rows } = this;
    this.#limit = limit;
    this.#byAor = new RowIndex({
      next: (row) => rows.next(row),
      setNext: (row, next) => rows.setNext(row, next),
      hash: (row) => rows.aorHash(row),
    });
    this.#byContact = new RowIndex({
      next: (row) => rows.peer(row),
      setNext: (row, next) => rows.setPeer(row, next),
      hash: (row) => rows.contactHash(row),
    });
  }

  /** So many bindings are to come, about. */
  reserve(count: number): void {
    const rows = Math.min(count, this.#limit);
    this.#byAor.reserve(rows);
    this.#byContact.reserve(rows);
  }

  /** NONE if it is not known. */
  find(aor: string, id: string): number {
    return this.#find(aor, id, hashOf(aor));
  }

  get(aor: string, id: string): Binding | undefined {
    const row = this.find(aor, id);
    return row === NONE ? undefined : this.rows.get(row);
  }

  /** As get(), and no more than that. */
  stampOf(aor: string, id: string): Stamp | undefined {
    const row = this.find(aor, id);
    return row === NONE ? undefined : this.rows.stamp(row);
  }

  /** How many of the AOR's bindings are live. */
  countOf(aor: string, now: number): number {
    let count = 0;
    const hash = hashOf(aor);
    for (let row = this.#byAor.first(hash); row !== NONE; row = this.rows.next(row)) {
      if (this.rows.aorHash(row) === hash && this.isLiveAt(row, now) && this.rows.is(row, aor, undefined)) count++;
    }
    return count;
  }

  /** The AOR's bindings that are live, greatest stamp first. */
  ofAor(aor: string, now: number): readonly Binding[] {
    const bindings: Binding[] = [];
    const hash = hashOf(aor);
    for (let row = this.#byAor.first(hash); row !== NONE; row = this.rows.next(row)) {
      if (this.rows.aorHash(row) === hash && this.isLiveAt(row, now) && this.rows.is(row, aor, undefined))
        bindings.push(this.rows.get(row));
    }
    return bindings.length < 2 ? bindings : bindings.sort((a, b) => compareVersions(b, a));
  }

  /** The ids of those of the AOR's bindings that are remembered and not live. */
  endedOfAor(aor: string, now: number): string[] {
    const ids: string[] = [];
    const hash = hashOf(aor);
    for (let row = this.#byAor.first(hash); row !== NONE; row = this.rows.next(row)) {
      if (this.rows.aorHash(row) === hash && !this.isLiveAt(row, now) && this.rows.is(row, aor, undefined))
        ids.push(this.rows.get(row).id);
    }
    return ids;
  }

  /** Live bindings whose contact equals `uri` (RFC 3261 19.1.4), greatest stamp first. */
  ofContact(uri: string, now: number): readonly Binding[] {
    const bindings: Binding[] = [];
    const hash = contactHash(uri);
    let sought: SipUri | undefined;
    for (let row = this.#byContact.first(hash); row !== NONE; row = this.rows.peer(row)) {
      if (this.rows.contactHash(row) !== hash || !this.isLiveAt(row, now)) continue;
      const binding = this.rows.get(row);
      if (binding.contact === uri || areEqual((sought ??= readUri(uri)), readUri(binding.contact)))
        bindings.push(binding);
    }
    return bindings.length < 2 ? bindings : bindings.sort((a, b) => compareVersions(b, a));
  }

  /** Rows in use. It bears changes meanwhile. */
  *used(): IterableIterator<number> {
    for (let row = 0; row < this.rows.end; row++) if (this.rows.isUsed(row)) yield row;
  }

  isLiveAt(row: number, now: number): boolean {
    return !this.rows.isRemoved(row) && this.rows.expires(row) > now;
  }

  /** As keptUntil() of its binding. */
  keptUntil(row: number): number {
    return rememberedUntil(this.rows.isRemoved(row), this.rows.expires(row), this.rows.until(row));
  }

  /** Merges `binding`, seen in the store `origin`. Undefined if there is no room for a new one. */
  take(binding: Binding, origin: number, now: number): Taken | undefined {
    const { rows } = this;
    const hash = hashOf(binding.aor);
    const row = this.#find(binding.aor, binding.id, hash);
    if (row === NONE) return this.#add(binding, hash, origin, now);
    const before = rows.get(row);
    const wasHeld = rows.origin(row) === OWN && rows.isHeld(row);
    const merged = merge(before, binding);
    if (merged === before) return { row, binding: before, before, wasHeld };
    if (compareVersions(binding, before) > 0) {
      if (rows.isLive(row)) this.here += Number(origin === 0) - Number(rows.origin(row) === 0);
      rows.setOrigin(row, origin);
      rows.setHeld(row, false);
    }
    const moved = merged.contact !== before.contact;
    if (moved && before.contact !== '') this.#byContact.remove(row);
    rows.set(row, merged);
    if (moved) this.#linkContact(row, merged.contact);
    this.#countLive(row, now);
    this.#schedule(row);
    return { row, binding: merged, before, wasHeld };
  }

  /**
   * Drops what need not be remembered any more, and counts as live no longer what expired: of some rows, those after the
   * ones that the call before looked at. True: it is to be called again in ten ms, and so comes round to each of a million
   * in five seconds; where false every 50 ms do for that.
   */
  expire(now: number): boolean {
    const { rows } = this;
    const second = Math.floor(now / 1000);
    let room = EXPIRE_AT_ONCE;
    for (let left = Math.min(rows.end, EXPIRE_LOOKS); left > 0 && room > 0; left--) {
      if (this.#next >= rows.end) this.#next = 0;
      const row = this.#next++;
      if (rows.due(row) > second) continue;
      room--;
      this.#countLive(row, now);
      if (this.keptUntil(row) <= now) this.#drop(row);
      else this.#schedule(row);
    }
    return room === 0 || rows.end > FEW;
  }

  #find(aor: string, id: string, hash: number): number {
    for (let row = this.#byAor.first(hash); row !== NONE; row = this.rows.next(row)) {
      if (this.rows.aorHash(row) === hash && this.rows.is(row, aor, id)) return row;
    }
    return NONE;
  }

  #add(binding: Binding, hash: number, origin: number, now: number): Taken | undefined {
    if (keptUntil(binding) <= now) return undefined;
    if (this.size >= this.#limit && !this.#makeRoom(now)) {
      this.refused++;
      return undefined;
    }
    const { rows } = this;
    const row = rows.add(binding);
    rows.setAorHash(row, hash);
    rows.setOrigin(row, origin);
    rows.setHeld(row, false);
    rows.setLive(row, false);
    this.#byAor.add(row);
    this.#linkContact(row, binding.contact);
    this.size++;
    this.#countLive(row, now);
    this.#schedule(row);
    return { row, binding, before: undefined, wasHeld: false };
  }

  #drop(row: number): void {
    const { rows } = this;
    this.#byAor.remove(row);
    // a tombstone has no contact
    if (!rows.isRemoved(row)) this.#byContact.remove(row);
    this.#setLive(row, false);
    rows.setDue(row, NEVER);
    rows.drop(row);
    this.size--;
  }

  #linkContact(row: number, contact: string): void {
    if (contact === '') return;
    this.rows.setContactHash(row, contactHash(contact));
    this.#byContact.add(row);
  }

  #countLive(row: number, now: number): void {
    this.#setLive(row, this.isLiveAt(row, now));
  }

  #setLive(row: number, live: boolean): void {
    if (live === this.rows.isLive(row)) return;
    const more = live ? 1 : -1;
    this.live += more;
    if (this.rows.origin(row) === 0) this.here += more;
    this.rows.setLive(row, live);
  }

  #schedule(row: number): void {
    const end = this.rows.isLive(row) ? this.rows.expires(row) : this.keptUntil(row);
    // what lasts beyond what a column holds ends sooner than it must: it is looked at again then
    this.rows.setDue(row, Math.min(Math.ceil(end / 1000), NEVER - 1));
  }

  /** Drops tombstones: of those among the next rows that it looks at the ones that would go first. False if it found none. */
  #makeRoom(now: number): boolean {
    const { rows } = this;
    const second = Math.floor(now / 1000);
    if (second !== this.#lookedIn) this.#looked = 0;
    this.#lookedIn = second;
    if (this.#looked >= LOOK_A_SECOND) return false;
    const count = Math.min(rows.end, LOOK_AT_ONCE);
    this.#looked += count;
    const ended: number[] = [];
    for (let i = 0; i < count; i++) {
      const row = (this.#lookedAt + i) % rows.end;
      if (rows.isUsed(row) && !this.isLiveAt(row, now)) ended.push(row);
    }
    this.#lookedAt = (this.#lookedAt + count) % rows.end;
    let room = Math.min(EVICT_AT_ONCE, Math.ceil(this.#limit / EVICT_SHARE), Math.ceil(ended.length / 2));
    const last = Float64Array.from(ended, (row) => this.keptUntil(row)).sort()[room - 1] ?? 0;
    for (const row of ended) {
      if (this.keptUntil(row) > last || room-- <= 0) continue;
      this.#drop(row);
      this.evicted++;
    }
    return ended.length > 0;
  }
}

const NEVER = 0xffff_ffff;

function areEqual(a: SipUri | undefined, b: SipUri | undefined): boolean {
  return a !== undefined && b !== undefined && uriEquals(a, b);
}

/** As a column holds it. */
function hashOf(text: string): number {
  return fnv1aBits(text);
}
