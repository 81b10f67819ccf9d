import { NONE, OWN } from './binding-rows.ts';
import type { BindingTable, Taken } from './bindings.ts';
import { encodeBinding } from './codec.ts';
import { isLaterOfCall } from './clock.ts';
import type { Colleagues } from './colleagues.ts';
import { bindingKey } from './keys.ts';
import { compareStamps, compareVersions, keptUntil, storedUntil } from './merge.ts';
import type { Binding } from './records.ts';
import type { Waiting, WriteBehind, Writer } from './write-behind.ts';

/**
 * How many bindings are looked at in one go for being in the store, and how many of them are written, which takes some
 * 20 µs each: calls don't wait for that.
 */
const SWEEP_AT_ONCE = 2000;
const WRITE_AT_ONCE = 50;
/** When a proxy writes what another one of its data centre should have written by then, ms. */
const SECOND_SWEEP = 5000;
/**
 * When what another data centre's store lost is taken over, after the last of it that its own proxies wrote again, and
 * when a proxy does so for a colleague, ms.
 */
const ADOPTION = 6000;
const SECOND_ADOPTION = 2000;
/** A key that goes so long before its record may be forgotten was not cleaned up, ms. */
const TOO_SOON = 60_000;

/** What was in a row when it was written. */
class Written implements Writer {
  readonly #upkeep: Upkeep;
  readonly #row: number;
  readonly #version: number;

  constructor(upkeep: Upkeep, row: number, version: number) {
    this.#upkeep = upkeep;
    this.#row = row;
    this.#version = version;
  }

  heard(): boolean {
    return this.#upkeep.hasWritten(this.#row, this.#version);
  }
}

/** A look at all bindings of one store for those that it is not known to hold. */
interface Sweep {
  readonly origin: number;
  /** Also those that a colleague should have written by now. */
  readonly all: boolean;
  at: number;
}

/**
 * Keeps our own data centre's store at what its proxies know: the newest version is in it, what another data centre
 * superseded is not, and what it lost is written again. Of all proxies of the data centre one acts at once; the others
 * check later. What another data centre's store lost its own proxies write again, unless they were started anew
 * meanwhile and know of it no more: then it is taken over.
 */
export class Upkeep {
  readonly #writes: WriteBehind;
  readonly #bindings: BindingTable;
  readonly #colleagues: Colleagues;
  #planned: Sweep[] = [];
  /** The one under way, and the rows that are left of it. */
  #sweep: Sweep | undefined;
  #rows: Iterator<number> | undefined;
  /** Records of ours that the store lacked, copies in it that were out of date, and records that another one lost. */
  readonly counters = { storeRepaired: 0, storeSuperseded: 0, storeAdopted: 0 };

  constructor(options: { writes: WriteBehind; bindings: BindingTable; colleagues: Colleagues }) {
    this.#writes = options.writes;
    this.#bindings = options.bindings;
    this.#colleagues = options.colleagues;
  }

  /** Writes what is in `row`, which is `binding`. True if `waiting` will be told when the store has it. */
  write(row: number, binding: Binding, waiting?: Waiting): boolean {
    const written = new Written(this, row, this.#bindings.rows.version(row));
    const life = { expires: storedUntil(binding) };
    return this.#writes.put(bindingKey(binding), encodeBinding(binding), life, waiting, written);
  }

  /** Our store tells that it has what this proxy wrote of a row. False unless that is the version that is known. */
  hasWritten(row: number, version: number): boolean {
    const { rows } = this.#bindings;
    if (rows.version(row) !== version || rows.origin(row) !== OWN) return false;
    rows.setHeld(row, true);
    return true;
  }

  /** Whether our store tells no more than that it has what this proxy is writing, which need not be read again. */
  heardOwn(key: string, text: string, { aor, id }: Pick<Binding, 'aor' | 'id'>): boolean {
    if (!this.#writes.isWriting(key, text)) return false;
    const row = this.#bindings.find(aor, id);
    if (row === NONE || this.#bindings.rows.origin(row) !== OWN) return false;
    this.#bindings.rows.setHeld(row, true);
    return true;
  }

  /** Our store holds `seen` as `text`. */
  seenHere(key: string, text: string, seen: Binding, taken: Taken, now: number): void {
    const { rows } = this.#bindings;
    const { row, binding, before, wasHeld } = taken;
    if (before !== undefined) {
      const isWriting = this.#writes.has(key);
      const isNews = compareVersions(seen, before) > 0;
      if (!isNews && this.#putAhead(key, seen, before, now)) return;
      if (isNews && (wasHeld || isWriting) && this.#putAhead(key, before, seen, now)) return;
      // what this proxy still writes was overtaken by a colleague's
      if (isNews && isWriting) this.#writes.cancel(key);
    }
    if (binding === seen || compareVersions(seen, binding) === 0) {
      rows.setOrigin(row, OWN);
      rows.setHeld(row, true);
      if (keptUntil(seen) < keptUntil(binding)) this.#repair(key, row, binding, now);
    } else if (rows.origin(row) === OWN) {
      // two proxies wrote, and the older version came last
      rows.setHeld(row, false);
      this.#repair(key, row, binding, now);
    } else if (this.#colleagues.isMine(key)) {
      this.counters.storeSuperseded++;
      this.#writes.remove(key, text);
    }
  }

  /** Our store holds it no more. What matters still is written again: its lease may have gone by a clock that was set. */
  goneHere(key: string, row: number, now: number): void {
    const { rows } = this.#bindings;
    rows.setHeld(row, false);
    if (this.#bindings.keptUntil(row) - TOO_SOON <= now || this.#writes.has(key) || !this.#colleagues.isMine(key))
      return;
    this.counters.storeRepaired++;
    this.write(row, rows.get(row));
  }

  /** Another data centre's store, the one at the index `origin`, holds `seen`. */
  seenElsewhere(key: string, seen: Binding, taken: Taken, origin: number, now: number): void {
    const { row, binding, before, wasHeld } = taken;
    const isAgain = before !== undefined && compareStamps(seen.stamp, before.stamp) === 0;
    if (binding === seen || compareStamps(seen.stamp, binding.stamp) === 0)
      this.#heldElsewhere(row, origin, isAgain, now);
    if (before === undefined) return;
    const isNews = compareVersions(seen, before) > 0;
    if (isNews && (wasHeld || this.#writes.has(key)) && this.#putAhead(key, before, seen, now)) return;
    if (isNews) this.#writes.cancel(key);
    if (isNews && wasHeld && this.#colleagues.isMine(key)) {
      this.counters.storeSuperseded++;
      this.#writes.remove(key, encodeBinding(before));
    }
    // what ours replaced lasts longer than ours: it must be remembered as long
    const isOwn = this.#bindings.rows.origin(row) === OWN;
    if (!isNews && isOwn && keptUntil(binding) > keptUntil(before)) this.#repair(key, row, binding, now);
  }

  /** Our store has named all it holds: what it lacks is written again. */
  loaded(now: number): void {
    this.#plan(OWN, now, SECOND_SWEEP);
    this.tend(now);
  }

  /** Another data centre's store was emptied or replaced by an older one, and has named all it holds. */
  restoredElsewhere(origin: number, now: number): void {
    this.#plan(origin, now + ADOPTION, SECOND_ADOPTION);
  }

  /** Goes on with what is left to do; call it every 50 ms while the store is in reach, and ten ms after it returned true. */
  tend(now: number): boolean {
    if (this.#sweep === undefined && this.#writes.overflowed && this.#writes.hasRoom) {
      this.#writes.overflowed = false;
      this.#planned.push({ origin: OWN, all: true, at: now });
    }
    if (this.#sweep === undefined) this.#begin(now);
    let room = WRITE_AT_ONCE;
    for (let i = 0; i < SWEEP_AT_ONCE && room > 0 && this.#sweep !== undefined && this.#writes.hasRoom; i++) {
      const next = this.#rows?.next();
      if (next === undefined || next.done === true) this.#sweep = undefined;
      else if (this.#check(next.value, this.#sweep, now)) room--;
    }
    return this.#sweep !== undefined;
  }

  /** Two sweeps, the second of which is for what a colleague should have written; in place of those of before. */
  #plan(origin: number, first: number, then: number): void {
    this.#planned = this.#planned.filter((sweep) => sweep.origin !== origin);
    if (this.#sweep?.origin === origin) this.#sweep = undefined;
    this.#planned.push({ origin, all: false, at: first }, { origin, all: true, at: first + then });
  }

  #begin(now: number): void {
    this.#sweep = this.#planned.find(({ at }) => at <= now);
    if (this.#sweep === undefined) return;
    this.#planned = this.#planned.filter((sweep) => sweep !== this.#sweep);
    this.#rows = this.#bindings.used();
  }

  /** True if it was to be written. */
  #check(row: number, { origin, all }: Sweep, now: number): boolean {
    const { rows } = this.#bindings;
    if (rows.isHeld(row) || rows.origin(row) !== origin || this.#bindings.keptUntil(row) <= now) return false;
    const binding = rows.get(row);
    const key = bindingKey(binding);
    if (this.#writes.has(key) || !(all || this.#colleagues.isMine(key))) return false;
    if (origin === OWN) {
      this.counters.storeRepaired++;
    } else {
      this.counters.storeAdopted++;
      rows.setOrigin(row, OWN);
      rows.setHeld(row, false);
    }
    this.write(row, binding);
    return true;
  }

  #heldElsewhere(row: number, origin: number, isAgain: boolean, now: number): void {
    const { rows } = this.#bindings;
    const known = rows.origin(row);
    if (known === OWN || rows.isHeld(row)) return;
    rows.setOrigin(row, origin);
    rows.setHeld(row, true);
    // its proxies write again what was lost: what they have not come to yet is not. A phone that comes is no such sign
    if (!isAgain) return;
    for (const sweep of this.#planned)
      if (sweep.origin === known) sweep.at = now + (sweep.all ? ADOPTION + SECOND_ADOPTION : ADOPTION);
  }

  /**
   * It must not depend on who had heard of what which of two REGISTERs of one Call-ID wins: if `ours` came later than
   * `theirs`, but where nothing was known of it, ours gets their first-seen clock. False if it did not.
   */
  #putAhead(key: string, ours: Binding, theirs: Binding, now: number): boolean {
    if (!isLaterOfCall(ours.stamp, theirs.stamp)) return false;
    const again = { ...ours, stamp: { ...ours.stamp, first: theirs.stamp.first } };
    const taken = this.#bindings.take(again, OWN, now);
    if (taken !== undefined) this.#repair(key, taken.row, taken.binding, now);
    return true;
  }

  #repair(key: string, row: number, binding: Binding, now: number): void {
    // a write of ours that is on its way may say less than is known by now
    if (this.#writes.has(key) || this.#colleagues.isMine(key)) {
      this.counters.storeRepaired++;
      this.write(row, binding);
      return;
    }
    // a colleague's: it may be dead, and not know it when it is back
    const isPlanned = this.#planned.some(({ origin, all }) => origin === OWN && all);
    if (!isPlanned) this.#planned.push({ origin: OWN, all: true, at: now + SECOND_SWEEP });
  }
}
