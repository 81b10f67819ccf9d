import type { ClientOptions } from '@grpc/grpc-js';
import type { IEvent, IKeyValue, IRangeResponse, IResponseHeader, IWatchResponse } from 'etcd3';

/**
 * The two answers of etcd that come by the hundred thousand, lists and watch events, read from their bytes
 * (protocol buffers, https://protobuf.dev/programming-guides/encoding). The general decoder takes some 20 µs a key.
 */
const READERS: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  '/etcdserverpb.KV/Range': readRangeResponse,
  '/etcdserverpb.Watch/Watch': readWatchResponse,
};

type Transformer = NonNullable<ClientOptions['callInvocationTransformer']>;

/** For a gRPC client's options: has its answers read here. */
export const readHere: Transformer = (call) => {
  const { methodDefinition } = call;
  const read = READERS[methodDefinition.path];
  return read === undefined ? call : { ...call, methodDefinition: { ...methodDefinition, responseDeserialize: read } };
};

/** message RangeResponse, as etcd3 has it; of its keys' numbers only the last change, as nothing here asks for others. */
export function readRangeResponse(bytes: Buffer): IRangeResponse {
  const reader = new Reader(bytes);
  const kvs: IKeyValue[] = [];
  const response = { header: NO_HEADER, kvs, more: false, count: '0' };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === bytesTag(1)) response.header = readHeader(reader.within());
    else if (tag === bytesTag(2)) kvs.push(readKeyValue(reader.within()));
    else if (tag === varintTag(3)) response.more = reader.bool();
    else if (tag === varintTag(4)) response.count = reader.int64();
    else reader.skip(tag);
  }
  return response;
}

/** message WatchResponse, as etcd3 has it; without prev_kv, which we never ask for, and of a key's numbers as above. */
export function readWatchResponse(
  bytes: Buffer,
): Omit<IWatchResponse, 'events'> & { events: Omit<IEvent, 'prev_kv'>[] } {
  const reader = new Reader(bytes);
  const events: Omit<IEvent, 'prev_kv'>[] = [];
  const response = {
    header: NO_HEADER,
    watch_id: '0',
    created: false,
    canceled: false,
    compact_revision: '0',
    cancel_reason: '',
    fragment: false,
    events,
  };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === bytesTag(1)) response.header = readHeader(reader.within());
    else if (tag === varintTag(2)) response.watch_id = reader.int64();
    else if (tag === varintTag(3)) response.created = reader.bool();
    else if (tag === varintTag(4)) response.canceled = reader.bool();
    else if (tag === varintTag(5)) response.compact_revision = reader.int64();
    else if (tag === bytesTag(6)) response.cancel_reason = reader.bytes().toString();
    else if (tag === varintTag(7)) response.fragment = reader.bool();
    else if (tag === bytesTag(11)) events.push(readEvent(reader.within()));
    else reader.skip(tag);
  }
  return response;
}

const NO_HEADER: IResponseHeader = { cluster_id: '0', member_id: '0', revision: '0', raft_term: '0' };
const NONE = Buffer.alloc(0);

function readHeader(reader: Reader): IResponseHeader {
  const header = { ...NO_HEADER };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === varintTag(1)) header.cluster_id = reader.uint64();
    else if (tag === varintTag(2)) header.member_id = reader.uint64();
    else if (tag === varintTag(3)) header.revision = reader.int64();
    else if (tag === varintTag(4)) header.raft_term = reader.uint64();
    else reader.skip(tag);
  }
  return header;
}

function readEvent(reader: Reader): Omit<IEvent, 'prev_kv'> {
  const event: { type: 'Put' | 'Delete'; kv: IKeyValue } = { type: 'Put', kv: readKeyValue(new Reader(NONE)) };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === varintTag(1)) event.type = reader.bool() ? 'Delete' : 'Put';
    else if (tag === bytesTag(2)) event.kv = readKeyValue(reader.within());
    else reader.skip(tag);
  }
  return event;
}

function readKeyValue(reader: Reader): IKeyValue {
  const kv: IKeyValue = { key: NONE, create_revision: '0', mod_revision: '0', version: '0', value: NONE, lease: '0' };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === bytesTag(1)) kv.key = reader.bytes();
    else if (tag === varintTag(3)) kv.mod_revision = reader.int64();
    else if (tag === bytesTag(5)) kv.value = reader.bytes();
    else reader.skip(tag);
  }
  return kv;
}

function varintTag(field: number): number {
  return field << 3;
}

function bytesTag(field: number): number {
  return (field << 3) | 2;
}

/** Reads fields one after the other. Throws RangeError at what is no message. */
class Reader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The next field's number and form; 0 at the end. */
  tag(): number {
    return this.#at >= this.#end ? 0 : this.#number();
  }

  bool(): boolean {
    return this.uint64() !== '0';
  }

  int64(): string {
    return this.#text(true);
  }

  uint64(): string {
    return this.#text(false);
  }

  bytes(): Buffer {
    const start = this.#skipLength();
    return this.#bytes.subarray(start, this.#at);
  }

  /** The message that this field is. */
  within(): Reader {
    const start = this.#skipLength();
    return new Reader(this.#bytes, start, this.#at);
  }

  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#skipVarint();
        return;
      case 1:
        this.#at += 8;
        return;
      case 2:
        this.#skipLength();
        return;
      case 5:
        this.#at += 4;
        return;
      default:
        throw new RangeError(`an answer of etcd has a field of form ${tag & 7}`);
    }
  }

  /** At most ten bytes: seven bits each. */
  #skipVarint(): void {
    for (let i = 0; i < 10; i++) if (this.#byte() < 0x80) return;
    throw new RangeError('a number in an answer of etcd is too large');
  }

  #skipLength(): number {
    const length = this.#number();
    const start = this.#at;
    if (start + length > this.#end) throw new RangeError('an answer of etcd ends too soon');
    this.#at = start + length;
    return start;
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
  #text(signed: boolean): string {
    const start = this.#at;
    let value = 0;
    for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return String(value);
    }
    this.#at = start;
    let big = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      big |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return String(signed ? BigInt.asIntN(64, big) : BigInt.asUintN(64, big));
    }
    throw new RangeError('a number in an answer of etcd is too large');
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new RangeError('an answer of etcd ends too soon');
    return this.#bytes[this.#at++] ?? 0;
  }
}
