import type { Transport } from '../transport/hop.ts';
import type { Binding } from './records.ts';

/**
 * A million bindings at a few hundred bytes each: the texts of one are one string, its numbers stand in columns, and
 * nothing else is an object of its own, so that the garbage collector has little to walk. A row is a number.
 */
export class BindingRows {
  readonly #chunks: Chunk[] = [];
  /** Who holds a flow: each is in thousands of bindings. */
  readonly #owners = new Map<string, Owner>();
  /** The first of the rows that were given back, linked by `next`. */
  #free = NONE;
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
    this.set(row, binding);
    return row;
  }

  drop(row: number): void {
    const chunk = this.#chunk(row);
    chunk.texts[row & MASK] = undefined;
    chunk.owners[row & MASK] = undefined;
    this.setNext(row, this.#free);
    this.#free = row;
  }

  isUsed(row: number): boolean {
    return this.#chunk(row).texts[row & MASK] !== undefined;
  }

  /** What has become of the binding in a row: its numbers and texts, not how it is linked, held and so on. */
  set(row: number, binding: Binding): void {
    const { stamp, owner, boot, flow, removed, transport } = binding;
    const chunk = this.#chunk(row);
    const at = row & MASK;
    chunk.texts[at] = pack(binding);
    chunk.owners[at] = owner === undefined && boot === undefined ? undefined : this.#owner(owner, boot);
    const reals = at * REAL_COLUMNS;
    chunk.reals[reals + EXPIRES] = binding.expires;
    chunk.reals[reals + UNTIL] = binding.until ?? 0;
    chunk.reals[reals + FIRST] = stamp.first;
    chunk.reals[reals + COMMIT] = stamp.commit;
    chunk.reals[reals + FLOW] = flow ?? -1;
    const whole = at * WHOLE_COLUMNS;
    chunk.whole[whole + CSEQ] = stamp.cseq;
    chunk.whole[whole + SOURCE] = (binding.q << 16) | binding.sourcePort;
    chunk.kinds[at] = TRANSPORTS.indexOf(transport) | (removed === true ? REMOVED : 0);
  }

  get(row: number): Binding {
    const chunk = this.#chunk(row);
    const at = row & MASK;
    const reals = at * REAL_COLUMNS;
    const whole = at * WHOLE_COLUMNS;
    const source = chunk.whole[whole + SOURCE] ?? 0;
    const kind = chunk.kinds[at] ?? 0;
    const [aor = '', id = '', contact = '', callId = '', sourceAddress = '', instance, regId, path, more] = unpack(
      chunk.texts[at] ?? '',
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
    if (instance !== undefined && instance !== '')
      binding.instance = instance === OF_ID ? instanceOf(id) : instance.slice(1);
    if (regId !== undefined && regId !== '') binding.regId = Number(regId);
    if (path !== undefined && path !== '') binding.path = JSON.parse(path) as string[];
    if (more !== undefined && more !== '') binding.more = JSON.parse(more) as Record<string, unknown>;
    const owner = chunk.owners[at];
    if (owner?.name !== undefined) binding.owner = owner.name;
    if (owner?.boot !== undefined) binding.boot = owner.boot;
    const flow = chunk.reals[reals + FLOW] ?? -1;
    if (flow >= 0) binding.flow = flow;
    const until = chunk.reals[reals + UNTIL] ?? 0;
    if (until !== 0) binding.until = until;
    return binding;
  }

  /** Whether the row's binding is one of `aor`, and the one with `id` if that is given. */
  is(row: number, aor: string, id: string | undefined): boolean {
    const text = this.#chunk(row).texts[row & MASK] ?? '';
    if (!text.startsWith(QUOTED)) {
      if (text.charCodeAt(aor.length) !== 0 || !text.startsWith(aor)) return false;
      const start = aor.length + 1;
      if (id !== undefined && (text.charCodeAt(start + id.length) !== 0 || !text.startsWith(id, start))) return false;
      if (!aor.includes(NUL) && id?.includes(NUL) !== true) return true;
    }
    const [itsAor, itsId] = unpack(text);
    return itsAor === aor && (id === undefined || itsId === id);
  }

  /** Where the binding in a row is reached, if `owner` holds its flow and that is over UDP: no object is made for others. */
  natSource(row: number, owner: string): { address: string; port: number } | undefined {
    const chunk = this.#chunk(row);
    const at = row & MASK;
    if (chunk.owners[at]?.name !== owner || chunk.kinds[at] !== UDP) return undefined;
    const address = unpack(chunk.texts[at] ?? '')[SOURCE_ADDRESS] ?? '';
    return { address, port: (chunk.whole[at * WHOLE_COLUMNS + SOURCE] ?? 0) & 0xffff };
  }

  expires(row: number): number {
    return this.#chunk(row).reals[(row & MASK) * REAL_COLUMNS + EXPIRES] ?? 0;
  }

  until(row: number): number {
    return this.#chunk(row).reals[(row & MASK) * REAL_COLUMNS + UNTIL] ?? 0;
  }

  isRemoved(row: number): boolean {
    return ((this.#chunk(row).kinds[row & MASK] ?? 0) & REMOVED) !== 0;
  }

  /** Index of the store that holds this version; 0 is our own data centre's. */
  origin(row: number): number {
    return this.#chunk(row).origins[row & MASK] ?? 0;
  }

  setOrigin(row: number, origin: number): void {
    this.#chunk(row).origins[row & MASK] = origin;
  }

  /** Our own data centre's store is known to hold this version. */
  isHeld(row: number): boolean {
    return ((this.#chunk(row).states[row & MASK] ?? 0) & HELD) !== 0;
  }

  setHeld(row: number, held: boolean): void {
    this.#setState(row, HELD, held);
  }

  /** Counted as live: it has not been looked at since it expired. */
  isLive(row: number): boolean {
    return ((this.#chunk(row).states[row & MASK] ?? 0) & LIVE) !== 0;
  }

  setLive(row: number, live: boolean): void {
    this.#setState(row, LIVE, live);
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
    return this.#whole(row, DUE);
  }

  setDue(row: number, due: number): void {
    this.#setWhole(row, DUE, due);
  }

  #setState(row: number, bit: number, on: boolean): void {
    const { states } = this.#chunk(row);
    const state = states[row & MASK] ?? 0;
    states[row & MASK] = on ? state | bit : state & ~bit;
  }

  #whole(row: number, column: number): number {
    return this.#chunk(row).whole[(row & MASK) * WHOLE_COLUMNS + column] ?? 0;
  }

  #setWhole(row: number, column: number, value: number): void {
    this.#chunk(row).whole[(row & MASK) * WHOLE_COLUMNS + column] = value;
  }

  #owner(name: string | undefined, boot: string | undefined): Owner {
    const key = `${name?.length ?? NONE} ${name ?? ''}${boot === undefined ? '' : ` ${boot}`}`;
    let owner = this.#owners.get(key);
    if (owner === undefined) {
      // rolls bring ever new ones: rows keep theirs
      if (this.#owners.size >= MAX_OWNERS) this.#owners.clear();
      owner = { name, boot };
      this.#owners.set(key, owner);
    }
    return owner;
  }

  #chunk(row: number): Chunk {
    const chunk = this.#chunks[row >> CHUNK_BITS];
    if (chunk === undefined) throw new RangeError(`there is no row ${row}`);
    return chunk;
  }
}

/** No row. */
export const NONE = -1;

interface Owner {
  readonly name: string | undefined;
  readonly boot: string | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
const MASK = CHUNK - 1;

const [EXPIRES, UNTIL, FIRST, COMMIT, FLOW, REAL_COLUMNS] = [0, 1, 2, 3, 4, 5];
const [CSEQ, SOURCE, NEXT, PEER, AOR_HASH, CONTACT_HASH, DUE, WHOLE_COLUMNS] = [0, 1, 2, 3, 4, 5, 6, 7];
const [TRANSPORT, REMOVED] = [7, 8];
/** The kind of a binding over UDP that is not removed: its place in TRANSPORTS. */
const UDP = 0;
const [HELD, LIVE] = [1, 2];
const MAX_OWNERS = 1000;

const TRANSPORTS: readonly Transport[] = ['UDP', 'TCP', 'TLS', 'WS', 'WSS'];

/** The columns of so many rows: they grow a piece at a time, so that none is ever copied. */
class Chunk {
  readonly texts: (string | undefined)[] = Array.from({ length: CHUNK });
  readonly owners: (Owner | undefined)[] = Array.from({ length: CHUNK });
  readonly reals = new Float64Array(CHUNK * REAL_COLUMNS);
  readonly whole = new Int32Array(CHUNK * WHOLE_COLUMNS);
  readonly kinds = new Uint8Array(CHUNK);
  readonly states = new Uint8Array(CHUNK);
  readonly origins = new Uint8Array(CHUNK);
}

/** Stands for the instance that the id begins with, as it mostly does; others begin with OTHER. */
const OF_ID = '=';
const OTHER = '+';
const NUL = '\u0000';
const QUOTED = '\u0000\u0000';

/** Its place in what pack() puts together. */
const SOURCE_ADDRESS = 4;

/** AOR, id, contact if it differs from the id, Call-ID, source address, and then what not all have. */
function pack(binding: Binding): string {
  const { aor, id, contact, stamp, sourceAddress, instance, regId, path, more, removed } = binding;
  const parts = [aor, id, contact === id && removed !== true ? '' : contact, stamp.callId, sourceAddress];
  if (instance !== undefined || regId !== undefined || path !== undefined || more !== undefined) {
    parts.push(instance === undefined ? '' : instance === instanceOf(id) ? OF_ID : OTHER + instance);
    parts.push(regId === undefined ? '' : String(regId));
    if (path !== undefined || more !== undefined) parts.push(path === undefined ? '' : JSON.stringify(path));
    if (more !== undefined) parts.push(JSON.stringify(more));
  }
  const text = parts.join(NUL);
  return splits(text, parts.length) ? text : QUOTED + JSON.stringify(parts);
}

/** Nothing that is sent over the wire holds a NUL, but an escaped one may be meant. */
function splits(text: string, parts: number): boolean {
  let count = 1;
  for (let at = text.indexOf(NUL); at >= 0; at = text.indexOf(NUL, at + 1)) count++;
  return count === parts && !text.startsWith(QUOTED);
}

function unpack(text: string): string[] {
  return text.startsWith(QUOTED) ? (JSON.parse(text.slice(QUOTED.length)) as string[]) : text.split(NUL);
}

/** `<instance-id>` of `<instance-id>;<reg-id>`. */
function instanceOf(id: string): string {
  const end = id.lastIndexOf(';');
  return end < 0 ? id : id.slice(0, end);
}
