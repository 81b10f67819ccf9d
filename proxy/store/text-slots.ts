/** Texts are kept in slots of multiples of so many bytes, with a head that says how long and how wide they are. */
const STEP = 32;
const HEAD = 4;
/** Slots are cut from pieces of memory of so many bytes. */
const SLAB = 1 << 16;
/** A place is the number of a slot and, in its lowest bits, the size. */
const SIZE_BITS = 6;
const SIZES = 1 << SIZE_BITS;
const SIZE_MASK = SIZES - 1;
/** The size that stands for texts too long for any slot. */
const LONG = SIZES - 1;
const NO_SLOT = -1;
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

/**
 * Texts beside the heap: a million strings in it would make the garbage collector pause for a fifth of a second. A
 * slot that is given back is used again by a text of its size. A place is a number from 0 to 2^31 - 1.
 */
export class TextSlots {
  readonly #sizes = Array.from({ length: LONG }, (_, i) => new Slots((i + 1) * STEP));
  /** The few long texts, by number. */
  readonly #long = new Map<number, string>();
  #longs = 0;

  put(text: string): number {
    const isWide = BEYOND_LATIN1.test(text);
    const size = sizeOf(text, isWide);
    if (size === LONG) return this.#putLong(text);
    const slots = this.#slots(size);
    const slot = slots.take();
    slots.write(slot, text, isWide);
    return (slot << SIZE_BITS) | size;
  }

  /** Puts `text` where another one was, or elsewhere if it has no room there. */
  replace(place: number, text: string): number {
    const isWide = BEYOND_LATIN1.test(text);
    const size = place & SIZE_MASK;
    if (size !== LONG && sizeOf(text, isWide) === size) {
      this.#slots(size).write(place >> SIZE_BITS, text, isWide);
      return place;
    }
    this.drop(place);
    return this.put(text);
  }

  get(place: number): string {
    const size = place & SIZE_MASK;
    const slot = place >> SIZE_BITS;
    return size === LONG ? (this.#long.get(slot) ?? '') : this.#slots(size).read(slot);
  }

  drop(place: number): void {
    const size = place & SIZE_MASK;
    const slot = place >> SIZE_BITS;
    if (size === LONG) this.#long.delete(slot);
    else this.#slots(size).give(slot);
  }

  /** Whether `part` stands at `at` of the text in a place, and a NUL or the end after it. No string is made for it. */
  holds(place: number, at: number, part: string): boolean {
    const size = place & SIZE_MASK;
    const slot = place >> SIZE_BITS;
    if (size !== LONG) return this.#slots(size).holds(slot, at, part);
    const text = this.#long.get(slot) ?? '';
    return text.startsWith(part, at) && (text.charCodeAt(at + part.length) || 0) === 0;
  }

  #putLong(text: string): number {
    const number = this.#longs;
    this.#longs = (this.#longs + 1) & MAX_LONG;
    this.#long.set(number, text);
    return (number << SIZE_BITS) | LONG;
  }

  #slots(size: number): Slots {
    const slots = this.#sizes[size];
    if (slots === undefined) throw new RangeError(`there are no slots of size ${size}`);
    return slots;
  }
}

/** Numbers of long texts begin anew after some 33 million: what lasted so long is long gone. */
const MAX_LONG = (1 << (31 - SIZE_BITS)) - 1;

function sizeOf(text: string, isWide: boolean): number {
  const bytes = HEAD + (isWide ? text.length * 2 : text.length);
  return Math.min(Math.ceil(bytes / STEP) - 1, LONG);
}

/** All slots of one size. A free one holds the number of the next free one. */
class Slots {
  readonly #size: number;
  readonly #perSlab: number;
  readonly #slabs: Buffer[] = [];
  #free = NO_SLOT;
  #end = 0;

  constructor(size: number) {
    this.#size = size;
    this.#perSlab = Math.floor(SLAB / size);
  }

  take(): number {
    const slot = this.#free;
    if (slot !== NO_SLOT) {
      this.#free = this.#slab(slot).readInt32LE(this.#start(slot));
      return slot;
    }
    // a slab of its own: small ones come from a pool that they would keep
    if (this.#end === this.#slabs.length * this.#perSlab) this.#slabs.push(Buffer.allocUnsafeSlow(SLAB));
    return this.#end++;
  }

  give(slot: number): void {
    this.#slab(slot).writeInt32LE(this.#free, this.#start(slot));
    this.#free = slot;
  }

  write(slot: number, text: string, isWide: boolean): void {
    const slab = this.#slab(slot);
    const start = this.#start(slot);
    const bytes = slab.write(text, start + HEAD, isWide ? 'utf16le' : 'latin1');
    slab.writeInt32LE((bytes << 1) | (isWide ? 1 : 0), start);
  }

  read(slot: number): string {
    const slab = this.#slab(slot);
    const start = this.#start(slot);
    const head = slab.readInt32LE(start);
    return slab.toString((head & 1) === 1 ? 'utf16le' : 'latin1', start + HEAD, start + HEAD + (head >> 1));
  }

  holds(slot: number, at: number, part: string): boolean {
    const slab = this.#slab(slot);
    const start = this.#start(slot);
    const head = slab.readInt32LE(start);
    if ((head & 1) === 1) {
      const text = this.read(slot);
      return text.startsWith(part, at) && (text.charCodeAt(at + part.length) || 0) === 0;
    }
    const left = (head >> 1) - at - part.length;
    if (left < 0) return false;
    const from = start + HEAD + at;
    for (let i = 0; i < part.length; i++) if (slab[from + i] !== part.charCodeAt(i)) return false;
    return left === 0 || slab[from + part.length] === 0;
  }

  #slab(slot: number): Buffer {
    const slab = this.#slabs[Math.floor(slot / this.#perSlab)];
    if (slab === undefined) throw new RangeError(`there is no slot ${slot}`);
    return slab;
  }

  #start(slot: number): number {
    return (slot % this.#perSlab) * this.#size;
  }
}
