import { NONE } from './binding-rows.ts';
import type { BindingTable, Taken } from './bindings.ts';
import { encodeBinding } from './codec.ts';
import type { Colleagues } from './colleagues.ts';
import { bindingKey } from './keys.ts';
import { compareVersions, keptUntil, storedUntil } from './merge.ts';
import type { Binding, Stamp } from './records.ts';
import type { WriteBehind } from './write-behind.ts';

/** Index of our own data centre's store, the only one that is written to. */
export const OWN = 0;
/** How many bindings are looked at in one go for being in the store, and how many of them are written: that takes longer. */
const SWEEP_AT_ONCE = 20_000;
const WRITE_AT_ONCE = 2500;
/** When a proxy writes what another one of its data centre should have written by then, ms. */
const SECOND_SWEEP = 5000;

/**
 * Keeps our own data centre's store at what its proxies know: the newest version is in it, what another data centre
 * superseded is not, and what it lost is written again. Of all proxies of the data centre one acts at once; the others
 * check later.
 */
export class Upkeep {
  readonly #writes: WriteBehind;
  readonly #bindings: BindingTable;
  readonly #colleagues: Colleagues;
  #sweep: Iterator<number> | undefined;
  #sweepsAll = false;
  #sweepAt = Infinity;
  /** Records of ours that the store lacked, and copies in it that were out of date. */
  readonly counters = { storeRepaired: 0, storeSuperseded: 0 };

  constructor(options: { writes: WriteBehind; bindings: BindingTable; colleagues: Colleagues }) {
    this.#writes = options.writes;
    this.#bindings = options.bindings;
    this.#colleagues = options.colleagues;
  }

  /** Resolves when the store has it. `text`: the binding encoded. */
  write(binding: Binding, text: string = encodeBinding(binding)): Promise<void> {
    return this.#writes.put(bindingKey(binding), text, { expires: storedUntil(binding) });
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
  seenHere(key: string, text: string, seen: Binding, { row, binding }: Taken): void {
    const { rows } = this.#bindings;
    if (binding === seen || compareVersions(seen, binding) === 0) {
      rows.setOrigin(row, OWN);
      rows.setHeld(row, true);
      if (keptUntil(seen) < keptUntil(binding)) this.#repair(key, binding);
    } else if (rows.origin(row) === OWN) {
      // two proxies wrote, and the older version came last
      rows.setHeld(row, false);
      this.#repair(key, binding);
    } else if (this.#colleagues.isMine(key)) {
      this.counters.storeSuperseded++;
      this.#writes.remove(key, text);
    }
  }

  /** Another data centre's store holds `seen`. */
  seenElsewhere(key: string, seen: Binding, { row, binding, before, wasHeld }: Taken, now: number): void {
    if (before === undefined) return;
    const isNews = compareVersions(seen, before) > 0;
    const isOurs = wasHeld || this.#writes.has(key);
    if (isNews) this.#writes.cancel(key);
    if (isNews && isOurs && isOvertaken(before.stamp, seen.stamp) && this.#colleagues.isMine(key)) {
      // it must not depend on the link which of two REGISTERs of one Call-ID wins
      const again = { ...before, stamp: { ...before.stamp, first: seen.stamp.first } };
      const taken = this.#bindings.take(again, OWN, now);
      if (taken !== undefined) this.#repair(key, taken.binding);
      return;
    }
    if (isNews && wasHeld && this.#colleagues.isMine(key)) {
      this.counters.storeSuperseded++;
      this.#writes.remove(key, encodeBinding(before));
    }
    // what ours replaced lasts longer than ours: it must be remembered as long
    const isOwn = this.#bindings.rows.origin(row) === OWN;
    if (!isNews && isOwn && keptUntil(binding) > keptUntil(before)) this.#repair(key, binding);
  }

  /** Our store has named all it holds: what it lacks is written again. */
  loaded(now: number): void {
    this.#startSweep(false);
    this.#sweepAt = now + SECOND_SWEEP;
    this.tend(now);
  }

  /** Goes on with what is left to do; call it every second or so while the store is in reach. */
  tend(now: number): void {
    if (this.#sweep === undefined && this.#writes.overflowed && this.#writes.size === 0) {
      this.#writes.overflowed = false;
      this.#startSweep(true);
    }
    if (this.#sweep === undefined && now >= this.#sweepAt) {
      this.#sweepAt = Infinity;
      this.#startSweep(true);
    }
    const most = this.counters.storeRepaired + WRITE_AT_ONCE;
    for (let i = 0; i < SWEEP_AT_ONCE && this.#sweep !== undefined && this.#writes.hasRoom; i++) {
      if (this.counters.storeRepaired >= most) return;
      const { done, value } = this.#sweep.next();
      if (done === true) this.#sweep = undefined;
      else this.#check(value, now);
    }
  }

  #startSweep(all: boolean): void {
    this.#sweep = this.#bindings.used();
    this.#sweepsAll = all;
  }

  #check(row: number, now: number): void {
    const { rows } = this.#bindings;
    if (rows.isHeld(row) || rows.origin(row) !== OWN || this.#bindings.keptUntil(row) <= now) return;
    const binding = rows.get(row);
    const key = bindingKey(binding);
    if (this.#writes.has(key) || !(this.#sweepsAll || this.#colleagues.isMine(key))) return;
    this.counters.storeRepaired++;
    void this.write(binding); // never rejects
  }

  #repair(key: string, binding: Binding): void {
    // a write of ours that is on its way may say less than is known by now
    if (!this.#writes.has(key) && !this.#colleagues.isMine(key)) return;
    this.counters.storeRepaired++;
    void this.write(binding); // never rejects
  }
}

/**
 * Whether `ours` is of the same Call-ID as `theirs` and came later, but where nothing was known of it when theirs came,
 * so that theirs has the later first-seen clock.
 */
function isOvertaken(ours: Stamp, theirs: Stamp): boolean {
  return ours.callId === theirs.callId && ours.cseq > theirs.cseq && ours.commit > theirs.commit;
}
