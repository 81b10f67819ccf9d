/** Of a field of protocol buffers (https://protobuf.dev/programming-guides/encoding) that is a number. */
export function varintTag(field: number): number {
  return field << 3;
}

/** Of one that is text, bytes or a message. */
export function bytesTag(field: number): number {
  return (field << 3) | 2;
}

/** Reads fields one after the other. Throws RangeError at what is no message. */
export class Reader {
  readonly whole: Buffer;
  at: number;
  #end: number;

  constructor(whole: Buffer, at = 0) {
    this.whole = whole;
    this.at = at;
    this.#end = whole.length;
  }

  /** The next field's number and form; 0 at the end. */
  tag(): number {
    return this.at >= this.#end ? 0 : this.#number();
  }

  /** Goes on within the message that this field is, to its end. Returns what leave() needs then. */
  enter(): number {
    const start = this.skipBytes();
    const outer = this.#end;
    this.#end = this.at;
    this.at = start;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  bool(): boolean {
    return this.uint64() !== '0';
  }

  int64(): string {
    return this.#integer(true);
  }

  uint64(): string {
    return this.#integer(false);
  }

  text(): string {
    const start = this.skipBytes();
    return this.whole.toString('utf8', start, this.at);
  }

  /** Where the bytes of this field begin; it ends at `at` then. */
  skipBytes(): number {
    const length = this.#number();
    this.#pass(length);
    return this.at - length;
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#skipVarint();
        return;
      case 1:
        this.#pass(8);
        return;
      case 2:
        this.skipBytes();
        return;
      case 5:
        this.#pass(4);
        return;
      default:
        throw new RangeError(`an answer of etcd has a field of form ${tag & 7}`);
    }
  }

  #pass(length: number): void {
    if (this.at + length > this.#end) throw new RangeError('an answer of etcd ends too soon');
    this.at += length;
  }

  /** At most ten bytes: seven bits each. */
  #skipVarint(): void {
    for (let i = 0; i < 10; i++) if (this.#byte() < 0x80) return;
    throw new RangeError('a number in an answer of etcd is too large');
  }

  /** Up to 2^53: seven bits a byte, the lowest first. */
  #number(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number in an answer of etcd is too large');
  }

  /** Numbers of 64 bits as decimal text: most are small, and ids and negative ones are not. */
  #integer(signed: boolean): string {
    const start = this.at;
    let value = 0;
    for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return String(value);
    }
    this.at = start;
    let big = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      big |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return String(signed ? BigInt.asIntN(64, big) : BigInt.asUintN(64, big));
    }
    throw new RangeError('a number in an answer of etcd is too large');
  }

  #byte(): number {
    if (this.at >= this.#end) throw new RangeError('an answer of etcd ends too soon');
    return this.whole[this.at++] ?? 0;
  }
}

/** Writes fields, the last one first: then the length of what a message has in it is known when it is due. */
export class Writer {
  #buffer: Buffer;
  /** What is written begins here and ends where the buffer does. */
  #at: number;
  /** The 64-bit number written last: a few leases have all keys. */
  #int64 = '0';
  #int64Bytes: readonly number[] = [0];

  /** `room`, bytes: more is made where it does not do. */
  constructor(room: number) {
    this.#buffer = Buffer.allocUnsafe(room);
    this.#at = room;
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#buffer.length - this.#at;
  }

  /** All that is written. Nothing may be written after. */
  bytes(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  /** A string or bytes: `prefix`, and `text` as UTF-8. */
  text(tag: number, text: string, prefix: Buffer = NOTHING): void {
    const length = prefix.length + Buffer.byteLength(text);
    this.#take(length);
    if (prefix.length > 0) this.#buffer.set(prefix, this.#at);
    this.#buffer.write(text, this.#at + prefix.length);
    this.#varint(length);
    this.#varint(tag);
  }

  /** What is written since `length` was `before` becomes a message, in this field. */
  message(tag: number, before: number): void {
    this.#varint(this.length - before);
    this.#varint(tag);
  }

  /** From 0 up to 2^31 - 1. */
  small(tag: number, value: number): void {
    this.#varint(value);
    this.#varint(tag);
  }

  /** Decimal text. Throws SyntaxError where it is no number. */
  int64(tag: number, value: string): void {
    if (value !== this.#int64) {
      this.#int64Bytes = varint(BigInt(value));
      this.#int64 = value;
    }
    const bytes = this.#int64Bytes;
    this.#take(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.#buffer[this.#at + i] = bytes[i] ?? 0;
    this.#varint(tag);
  }

  #varint(value: number): void {
    if (value < 0x80) {
      this.#take(1);
      this.#buffer[this.#at] = value;
      return;
    }
    let size = 2;
    for (let rest = value >>> 14; rest > 0; rest >>>= 7) size++;
    this.#take(size);
    let at = this.#at;
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.#buffer[at++] = (rest & 0x7f) | 0x80;
    this.#buffer[at] = rest;
  }

  #take(size: number): void {
    if (this.#at < size) this.#grow(size);
    this.#at -= size;
  }

  #grow(size: number): void {
    const larger = Buffer.allocUnsafe(2 * this.#buffer.length + size);
    const at = larger.length - this.length;
    this.#buffer.copy(larger, at, this.#at);
    this.#buffer = larger;
    this.#at = at;
  }
}

const NOTHING = Buffer.alloc(0);

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return bytes;
}
