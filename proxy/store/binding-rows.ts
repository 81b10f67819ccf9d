import type { Transport } from '../transport/hop.ts';
import { NUL, packTexts, QUOTED, unpackTexts } from './binding-text.ts';
import { FlowOwners, UNOWNED } from './flow-owners.ts';
import type { Binding, Stamp } from './records.ts';
import { TextSlots } from './text-slots.ts';

/**
 * A million bindings at a few hundred bytes each: texts lie in slots, numbers stand in columns, and nothing is an
 * object of its own, so that the garbage collector has nothing to walk. A row is a number.
 */
export class BindingRows {
  readonly #chunks: Chunk[] = [];
  readonly #texts = new TextSlots();
  readonly #owners = new FlowOwners();
  /** The first of the rows that were given back, linked by `next`. */
  #free = NONE;
  /** How often each store began to name anew what it holds. */
  readonly #rounds: number[] = [];
  /** The version given last. */
  #version = 0;
  /** Rows ever used: all in use are below it. */
  end = 0;

  /** A row for `binding`. */
  add(binding: Binding): number {
    let row = this.#free;
    if (row === NONE) {
      row = this.end++;
      if (row >> CHUNK_BITS >= this.#chunks.length) this.#chunks.push(new Chunk());
    } else {
      this.#free = this.next(row);
    }
    this.#setWhole(row, TEXT, this.#texts.put(packTexts(binding)));
    this.#setNumbers(row, binding);
    return row;
  }

  drop(row: number): void {
    this.#texts.drop(this.#whole(row, TEXT));
    this.#owners.give(this.#whole(row, OWNER));
    this.#setWhole(row, OWNER, UNOWNED);
    this.#setWhole(row, VERSION, 0);
    this.#chunk(row).kinds[row & MASK] = 0;
    this.setNext(row, this.#free);
    this.#free = row;
  }

  isUsed(row: number): boolean {
    return (this.#kind(row) & USED) !== 0;
  }

  /** What has become of the binding in a row: its numbers and texts, not how it is linked, held and so on. */
  set(row: number, binding: Binding): void {
    this.#setWhole(row, TEXT, this.#texts.replace(this.#whole(row, TEXT), packTexts(binding)));
    this.#setNumbers(row, binding);
  }

  get(row: number): Binding {
    const chunk = this.#chunk(row);
    const at = row & MASK;
    const reals = at * REAL_COLUMNS;
    const whole = at * WHOLE_COLUMNS;
    const source = chunk.whole[whole + SOURCE] ?? 0;
    const kind = chunk.kinds[at] ?? 0;
    const { aor, id, contact, callId, sourceAddress, ...more } = unpackTexts(
      this.#texts.get(chunk.whole[whole + TEXT] ?? 0),
    );
    const isRemoved = (kind & REMOVED) !== 0;
    const binding: Mutable<Binding> = {
      aor,
      id,
      contact: contact === '' && !isRemoved ? id : contact,
      q: source >>> 16,
      transport: TRANSPORTS[kind & TRANSPORT] ?? 'UDP',
      sourceAddress,
      sourcePort: source & 0xffff,
      expires: chunk.reals[reals + EXPIRES] ?? 0,
      stamp: {
        first: chunk.reals[reals + FIRST] ?? 0,
        callId,
        cseq: (chunk.whole[whole + CSEQ] ?? 0) >>> 0,
        commit: chunk.reals[reals + COMMIT] ?? 0,
      },
    };
    if (isRemoved) binding.removed = true;
    if (more.instance !== undefined) binding.instance = more.instance;
    if (more.regId !== undefined) binding.regId = more.regId;
    if (more.path !== undefined) binding.path = more.path;
    if (more.more !== undefined) binding.more = more.more;
    const owner = this.#owners.get(chunk.whole[whole + OWNER] ?? UNOWNED);
    if (owner?.name !== undefined) binding.owner = owner.name;
    if (owner?.boot !== undefined) binding.boot = owner.boot;
    const flow = chunk.reals[reals + FLOW] ?? -1;
    if (flow >= 0) binding.flow = flow;
    const until = chunk.reals[reals + UNTIL] ?? 0;
    if (until !== 0) binding.until = until;
    return binding;
  }

  stamp(row: number): Stamp {
    const { reals, whole } = this.#chunk(row);
    const at = row & MASK;
    return {
      first: reals[at * REAL_COLUMNS + FIRST] ?? 0,
      callId: unpackTexts(this.#texts.get(this.#whole(row, TEXT))).callId,
      cseq: (whole[at * WHOLE_COLUMNS + CSEQ] ?? 0) >>> 0,
      commit: reals[at * REAL_COLUMNS + COMMIT] ?? 0,
    };
  }

  /** Whether the row's binding is one of `aor`, and the one with `id` if that is given. */
  is(row: number, aor: string, id: string | undefined): boolean {
    const place = this.#whole(row, TEXT);
    if (!this.#texts.holds(place, 0, QUOTED)) {
      if (!this.#texts.holds(place, 0, aor)) return false;
      if (id !== undefined && !this.#texts.holds(place, aor.length + 1, id)) return false;
      if (!aor.includes(NUL) && id?.includes(NUL) !== true) return true;
    }
    const texts = unpackTexts(this.#texts.get(place));
    return texts.aor === aor && (id === undefined || texts.id === id);
  }

  /** A number that no other content of this row has: what is read of it now is there as long as that is the same. */
  version(row: number): number {
    return this.#whole(row, VERSION);
  }

  /** Where the binding in a row is reached, if `owner` holds its flow and that is over UDP: no object is made for others. */
  natSource(row: number, owner: string): { address: string; port: number } | undefined {
    if (this.#kind(row) !== OVER_UDP || this.#owners.get(this.#whole(row, OWNER))?.name !== owner) return undefined;
    const { sourceAddress } = unpackTexts(this.#texts.get(this.#whole(row, TEXT)));
    return { address: sourceAddress, port: this.#whole(row, SOURCE) & 0xffff };
  }

  expires(row: number): number {
    return this.#chunk(row).reals[(row & MASK) * REAL_COLUMNS + EXPIRES] ?? 0;
  }

  until(row: number): number {
    return this.#chunk(row).reals[(row & MASK) * REAL_COLUMNS + UNTIL] ?? 0;
  }

  isRemoved(row: number): boolean {
    return (this.#kind(row) & REMOVED) !== 0;
  }

  /** Index of the store that holds this version; OWN is our own data centre's. */
  origin(row: number): number {
    return this.#chunk(row).origins[row & MASK] ?? 0;
  }

  setOrigin(row: number, origin: number): void {
    this.#chunk(row).origins[row & MASK] = origin;
  }

  /** The store it is from is known to hold this version. */
  isHeld(row: number): boolean {
    return this.#whole(row, HELD) === this.#round(this.origin(row));
  }

  setHeld(row: number, held: boolean): void {
    this.#setWhole(row, HELD, held ? this.#round(this.origin(row)) : 0);
  }

  /** Nothing is known to be held by this store any more, until it names it again. */
  forgetHeld(origin: number): void {
    this.#rounds[origin] = this.#round(origin) + 1;
  }

  /** Counted as live: it has not been looked at since it expired. */
  isLive(row: number): boolean {
    return this.#chunk(row).lives[row & MASK] === 1;
  }

  setLive(row: number, live: boolean): void {
    this.#chunk(row).lives[row & MASK] = live ? 1 : 0;
  }

  /** The next row of the same place in the index of AORs; NONE at the end. */
  next(row: number): number {
    return this.#whole(row, NEXT);
  }

  setNext(row: number, next: number): void {
    this.#setWhole(row, NEXT, next);
  }

  /** The next row of the same place in the index of contacts; NONE at the end. */
  peer(row: number): number {
    return this.#whole(row, PEER);
  }

  setPeer(row: number, peer: number): void {
    this.#setWhole(row, PEER, peer);
  }

  /** Hashes by which it stands in the indexes. */
  aorHash(row: number): number {
    return this.#whole(row, AOR_HASH);
  }

  setAorHash(row: number, hash: number): void {
    this.#setWhole(row, AOR_HASH, hash);
  }

  contactHash(row: number): number {
    return this.#whole(row, CONTACT_HASH);
  }

  setContactHash(row: number, hash: number): void {
    this.#setWhole(row, CONTACT_HASH, hash);
  }

  /** The second in which it is looked at next. */
  due(row: number): number {
    return this.#chunk(row).dues[row & MASK] ?? 0;
  }

  setDue(row: number, due: number): void {
    this.#chunk(row).dues[row & MASK] = due;
  }

  #setNumbers(row: number, binding: Binding): void {
    const { stamp, flow, removed, transport } = binding;
    const chunk = this.#chunk(row);
    const at = row & MASK;
    const reals = at * REAL_COLUMNS;
    chunk.reals[reals + EXPIRES] = binding.expires;
    chunk.reals[reals + UNTIL] = binding.until ?? 0;
    chunk.reals[reals + FIRST] = stamp.first;
    chunk.reals[reals + COMMIT] = stamp.commit;
    chunk.reals[reals + FLOW] = flow ?? -1;
    const whole = at * WHOLE_COLUMNS;
    // 0 is no content's
    this.#version = (this.#version + 1) | 0 || 1;
    chunk.whole[whole + VERSION] = this.#version;
    chunk.whole[whole + CSEQ] = stamp.cseq;
    chunk.whole[whole + SOURCE] = (binding.q << 16) | binding.sourcePort;
    const owner = chunk.whole[whole + OWNER] ?? UNOWNED;
    chunk.whole[whole + OWNER] = this.#owners.change(owner, binding.owner, binding.boot);
    chunk.kinds[at] = kindOf(transport, removed === true);
  }

  #round(origin: number): number {
    return this.#rounds[origin] ?? 1;
  }

  #kind(row: number): number {
    return this.#chunk(row).kinds[row & MASK] ?? 0;
  }

  #whole(row: number, column: number): number {
    return this.#chunk(row).whole[(row & MASK) * WHOLE_COLUMNS + column] ?? 0;
  }

  #setWhole(row: number, column: number, value: number): void {
    this.#chunk(row).whole[(row & MASK) * WHOLE_COLUMNS + column] = value;
  }

  #chunk(row: number): Chunk {
    const chunk = this.#chunks[row >> CHUNK_BITS];
    if (chunk === undefined) throw new RangeError(`there is no row ${row}`);
    return chunk;
  }
}

/** No row. */
export const NONE = -1;
/** Index of our own data centre's store, the only one that is written to. */
export const OWN = 0;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
const MASK = CHUNK - 1;

const [EXPIRES, UNTIL, FIRST, COMMIT, FLOW, REAL_COLUMNS] = [0, 1, 2, 3, 4, 5];
const [CSEQ, SOURCE, NEXT, PEER, AOR_HASH, CONTACT_HASH] = [0, 1, 2, 3, 4, 5];
const [TEXT, OWNER, HELD, VERSION, WHOLE_COLUMNS] = [6, 7, 8, 9, 10];

const TRANSPORTS: readonly Transport[] = ['UDP', 'TCP', 'TLS', 'WS', 'WSS'];
/** A kind: the place in TRANSPORTS, and what else it is. */
const [TRANSPORT, REMOVED, USED] = [7, 8, 16];
const OVER_UDP = kindOf('UDP', false);

function kindOf(transport: Transport, removed: boolean): number {
  return USED | TRANSPORTS.indexOf(transport) | (removed ? REMOVED : 0);
}

/** The columns of so many rows: they grow a piece at a time, so that none is ever copied. */
class Chunk {
  readonly reals = new Float64Array(CHUNK * REAL_COLUMNS);
  readonly whole = new Int32Array(CHUNK * WHOLE_COLUMNS);
  /** Apart from the others, since all of them are looked at in turn. */
  readonly dues = new Uint32Array(CHUNK);
  readonly kinds = new Uint8Array(CHUNK);
  readonly lives = new Uint8Array(CHUNK);
  readonly origins = new Uint8Array(CHUNK);
}
