import { fnv1a } from '../hash.ts';
import { readUri, uriEquals, uriKey, type SipUri } from '../sip/uri.ts';
import { compareVersions, isLive, keptUntil, merge } from './merge.ts';
import type { Binding } from './records.ts';

/** One binding as all data centres' stores together know it. Chained rather than in lists: there are a million of them. */
export interface Entry {
  binding: Binding;
  /** Index of the store that holds this version; 0 is our own data centre's. */
  origin: number;
  /** Our own data centre's store is known to hold this version. */
  held: boolean;
  /** Counted as live: it has not been looked at since it expired. */
  live: boolean;
  /** The second in which it is looked at next: it expires, or need no longer be remembered. 0: it was dropped. */
  due: number;
  /** The next binding of the same AOR. */
  next: Entry | undefined;
  /** The next binding whose contact has the same hash. */
  peer: Entry | undefined;
}

/** How many entries one call of expire() looks at: a data centre's phones may all expire in one second. */
const EXPIRE_AT_ONCE = 20_000;
/** How much room is made at once where there are too many, so that not each new one has to look for it. */
const EVICT_SHARE = 100;

/** Every binding of the shard with its tombstones, by AOR and by contact; each leaves when it need not be remembered. */
export class BindingTable {
  readonly #byAor = new Map<string, Entry>();
  readonly #byContact = new Map<number, Entry>();
  /** Entries by the second in which they are due. A refreshed one stays where it is until then. */
  readonly #due = new Map<number, Entry[]>();
  readonly #limit: number;
  #fullUntil = 0;
  size = 0;
  live = 0;
  /** New bindings refused, and tombstones dropped early, because there were too many. */
  refused = 0;
  evicted = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(aor: string, id: string): Entry | undefined {
    for (let entry = this.#byAor.get(aor); entry !== undefined; entry = entry.next) {
      if (entry.binding.id === id) return entry;
    }
    return undefined;
  }

  /** The AOR's bindings that are live, greatest stamp first. */
  ofAor(aor: string, now: number): readonly Binding[] {
    const first = this.#byAor.get(aor);
    if (first === undefined) return NONE;
    if (first.next === undefined) return isLive(first.binding, now) ? [first.binding] : NONE;
    const bindings: Binding[] = [];
    for (let entry: Entry | undefined = first; entry !== undefined; entry = entry.next) {
      if (isLive(entry.binding, now)) bindings.push(entry.binding);
    }
    return bindings.sort((a, b) => compareVersions(b, a));
  }

  /** Live bindings whose contact equals `uri` (RFC 3261 19.1.4), greatest stamp first. */
  ofContact(uri: string, now: number): readonly Binding[] {
    let entry = this.#byContact.get(contactHash(uri));
    if (entry === undefined) return NONE;
    const sought = readUri(uri);
    const bindings: Binding[] = [];
    for (; entry !== undefined; entry = entry.peer) {
      const { binding } = entry;
      if (!isLive(binding, now)) continue;
      if (binding.contact === uri || areEqual(sought, readUri(binding.contact))) bindings.push(binding);
    }
    return bindings.length < 2 ? bindings : bindings.sort((a, b) => compareVersions(b, a));
  }

  *entries(): IterableIterator<Entry> {
    for (const first of this.#byAor.values()) {
      for (let entry: Entry | undefined = first; entry !== undefined; entry = entry.next) yield entry;
    }
  }

  /** Merges `binding`, seen in the store `origin`. Undefined if there is no room for a new one. */
  take(binding: Binding, origin: number, now: number): Entry | undefined {
    const known = this.get(binding.aor, binding.id);
    if (known === undefined) return this.#add(binding, origin, now);
    const merged = merge(known.binding, binding);
    if (merged === known.binding) return known;
    if (compareVersions(binding, known.binding) > 0) {
      known.origin = origin;
      known.held = false;
    }
    const moved = merged.contact !== known.binding.contact;
    if (moved) this.#unlinkContact(known);
    known.binding = merged;
    if (moved) this.#linkContact(known);
    this.#countLive(known, now);
    this.#schedule(known);
    return known;
  }

  /** Drops what need not be remembered any more, and counts as live no longer what expired. */
  expire(now: number): void {
    let room = EXPIRE_AT_ONCE;
    const second = Math.floor(now / 1000);
    for (const [due, entries] of this.#due) {
      if (due > second) continue;
      while (entries.length > 0 && room-- > 0) {
        const entry = entries.pop();
        if (entry === undefined || entry.due !== due) continue;
        this.#countLive(entry, now);
        entry.due = NEVER;
        if (keptUntil(entry.binding) <= now) this.#drop(entry);
        else this.#schedule(entry);
      }
      if (entries.length > 0) return;
      this.#due.delete(due);
    }
  }

  #add(binding: Binding, origin: number, now: number): Entry | undefined {
    if (keptUntil(binding) <= now) return undefined;
    if (this.size >= this.#limit && !this.#makeRoom(now)) {
      this.refused++;
      return undefined;
    }
    const first = this.#byAor.get(binding.aor);
    const entry: Entry = { binding, origin, held: false, live: false, due: NEVER, next: first?.next, peer: undefined };
    if (first === undefined) this.#byAor.set(binding.aor, entry);
    else first.next = entry;
    this.#linkContact(entry);
    this.size++;
    this.#countLive(entry, now);
    this.#schedule(entry);
    return entry;
  }

  #drop(entry: Entry): void {
    const { aor } = entry.binding;
    const first = this.#byAor.get(aor);
    if (first === entry) {
      if (entry.next === undefined) this.#byAor.delete(aor);
      else this.#byAor.set(aor, entry.next);
    } else {
      let before = first;
      while (before !== undefined && before.next !== entry) before = before.next;
      if (before !== undefined) before.next = entry.next;
    }
    this.#unlinkContact(entry);
    if (entry.live) this.live--;
    entry.live = false;
    entry.due = 0;
    this.size--;
  }

  #linkContact(entry: Entry): void {
    const { contact } = entry.binding;
    if (contact === '') return;
    const hash = contactHash(contact);
    entry.peer = this.#byContact.get(hash);
    this.#byContact.set(hash, entry);
  }

  #unlinkContact(entry: Entry): void {
    const { contact } = entry.binding;
    if (contact === '') return;
    const hash = contactHash(contact);
    const first = this.#byContact.get(hash);
    if (first === entry) {
      if (entry.peer === undefined) this.#byContact.delete(hash);
      else this.#byContact.set(hash, entry.peer);
    } else {
      let before = first;
      while (before !== undefined && before.peer !== entry) before = before.peer;
      if (before !== undefined) before.peer = entry.peer;
    }
    entry.peer = undefined;
  }

  #countLive(entry: Entry, now: number): void {
    const live = isLive(entry.binding, now);
    if (live !== entry.live) this.live += live ? 1 : -1;
    entry.live = live;
  }

  #schedule(entry: Entry): void {
    const due = Math.ceil((entry.live ? entry.binding.expires : keptUntil(entry.binding)) / 1000);
    // a refresh, which is due later, waits in the place of what it refreshed
    if (entry.due <= due) return;
    entry.due = due;
    const entries = this.#due.get(due);
    if (entries === undefined) this.#due.set(due, [entry]);
    else entries.push(entry);
  }

  /** Drops the tombstones that would go first. False if there are none. */
  #makeRoom(now: number): boolean {
    if (now < this.#fullUntil) return false;
    const removed: Entry[] = [];
    for (const entry of this.entries()) if (!isLive(entry.binding, now)) removed.push(entry);
    removed.sort((a, b) => keptUntil(a.binding) - keptUntil(b.binding));
    removed.length = Math.min(removed.length, Math.ceil(this.#limit / EVICT_SHARE));
    for (const entry of removed) this.#drop(entry);
    this.evicted += removed.length;
    if (removed.length === 0) this.#fullUntil = now + 1000;
    return removed.length > 0;
  }
}

/** Small enough to be held as a bare number. */
const NEVER = 0x7fffffff;

const NONE: readonly Binding[] = [];

function areEqual(a: SipUri | undefined, b: SipUri | undefined): boolean {
  return a !== undefined && b !== undefined && uriEquals(a, b);
}

/** Positive and small enough that the map keeps it as a bare number. */
function contactHash(uri: string): number {
  return fnv1a(uriKey(uri)) & 0x3fffffff;
}
