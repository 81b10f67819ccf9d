import type { ClientOptions } from '@grpc/grpc-js';
import type { IEvent, IKeyValue, IRangeResponse, IResponseHeader, ITxnRequest, IWatchResponse } from 'etcd3';
import { isGrouped, writeTxn } from './etcd-txn.ts';
import { bytesTag, Reader, varintTag } from './protobuf.ts';

const TXN = '/etcdserverpb.KV/Txn';

/**
 * The answers of etcd that come by the hundred thousand, read from their bytes: lists, watch events and what a
 * transaction did. The general decoder takes some 20 µs a key of a list.
 */
const READERS: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
  '/etcdserverpb.KV/Range': readRangeResponse,
  '/etcdserverpb.Watch/Watch': readWatchResponse,
  [TXN]: readTxnResponse,
};

type Transformer = NonNullable<ClientOptions['callInvocationTransformer']>;

/** For a gRPC client's options: has its answers read here, and grouped writes made bytes of by etcd-txn.ts. */
export const byHand: Transformer = (call) => {
  const { path, requestSerialize } = call.methodDefinition;
  const read = READERS[path];
  if (read === undefined) return call;
  const methodDefinition = { ...call.methodDefinition, responseDeserialize: read };
  if (path === TXN)
    methodDefinition.requestSerialize = (request: ITxnRequest) =>
      isGrouped(request) ? writeTxn(request) : requestSerialize(request);
  return { ...call, methodDefinition };
};

/** message RangeResponse, as etcd3 has it; of its keys' numbers only the last change, as nothing here asks for others. */
export function readRangeResponse(bytes: Buffer): IRangeResponse {
  return readRange(new Reader(bytes));
}

function readRange(reader: Reader): IRangeResponse {
  const kvs: IKeyValue[] = [];
  const response = { header: NO_HEADER, kvs, more: false, count: '0' };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === bytesTag(1)) response.header = readHeader(reader);
    else if (tag === bytesTag(2)) kvs.push(readKeyValue(reader));
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
    if (tag === bytesTag(1)) response.header = readHeader(reader);
    else if (tag === varintTag(2)) response.watch_id = reader.int64();
    else if (tag === varintTag(3)) response.created = reader.bool();
    else if (tag === varintTag(4)) response.canceled = reader.bool();
    else if (tag === varintTag(5)) response.compact_revision = reader.int64();
    else if (tag === bytesTag(6)) response.cancel_reason = reader.text();
    else if (tag === varintTag(7)) response.fragment = reader.bool();
    else if (tag === bytesTag(11)) events.push(readEvent(reader));
    else reader.skip(tag);
  }
  return response;
}

/** message TxnResponse, as etcd3 has it but for what OpResponse leaves out. */
interface TxnResponse {
  readonly header: IResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly OpResponse[];
}

/** message ResponseOp, but for what is said to a put or a removal. */
interface OpResponse {
  readonly response_range?: IRangeResponse;
  readonly response_txn?: TxnResponse;
}

/** To all that wrote or removed a key: nobody here asks for more than that it was done. */
const DONE: OpResponse = Object.freeze({});

/** message TxnResponse. Throws RangeError, as the two above do, where it is cut or no message. */
export function readTxnResponse(bytes: Buffer): TxnResponse {
  return readTxn(new Reader(bytes));
}

function readTxn(reader: Reader): TxnResponse {
  const responses: OpResponse[] = [];
  const response = { header: NO_HEADER, succeeded: false, responses };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === bytesTag(1)) response.header = readHeader(reader);
    else if (tag === varintTag(2)) response.succeeded = reader.bool();
    else if (tag === bytesTag(3)) responses.push(readOpResponse(reader));
    else reader.skip(tag);
  }
  return response;
}

function readOpResponse(reader: Reader): OpResponse {
  let response = DONE;
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === bytesTag(1)) response = { response_range: within(reader, readRange) };
    else if (tag === bytesTag(4)) response = { response_txn: within(reader, readTxn) };
    else reader.skip(tag);
  }
  reader.leave(end);
  return response;
}

function within<T>(reader: Reader, read: (reader: Reader) => T): T {
  const end = reader.enter();
  const message = read(reader);
  reader.leave(end);
  return message;
}

const NO_HEADER: IResponseHeader = { cluster_id: '0', member_id: '0', revision: '0', raft_term: '0' };

function readHeader(reader: Reader): IResponseHeader {
  const header = { ...NO_HEADER };
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === varintTag(1)) header.cluster_id = reader.uint64();
    else if (tag === varintTag(2)) header.member_id = reader.uint64();
    else if (tag === varintTag(3)) header.revision = reader.int64();
    else if (tag === varintTag(4)) header.raft_term = reader.uint64();
    else reader.skip(tag);
  }
  reader.leave(end);
  return header;
}

function readEvent(reader: Reader): Omit<IEvent, 'prev_kv'> {
  const event: { type: 'Put' | 'Delete'; kv: IKeyValue } = { type: 'Put', kv: NO_KEY };
  const end = reader.enter();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === varintTag(1)) event.type = reader.bool() ? 'Delete' : 'Put';
    else if (tag === bytesTag(2)) event.kv = readKeyValue(reader);
    else reader.skip(tag);
  }
  reader.leave(end);
  return event;
}

function readKeyValue(reader: Reader): IKeyValue {
  const end = reader.enter();
  let [key, keyEnd, value, valueEnd, revision] = [0, 0, 0, 0, -1];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === bytesTag(1)) {
      key = reader.skipBytes();
      keyEnd = reader.at;
    } else if (tag === bytesTag(5)) {
      value = reader.skipBytes();
      valueEnd = reader.at;
    } else {
      if (tag === varintTag(3)) revision = reader.at;
      reader.skip(tag);
    }
  }
  reader.leave(end);
  return new KeyValue(reader.whole, key, keyEnd, value, valueEnd, revision);
}

/**
 * message KeyValue: where in its answer it lies. What lives as long as a page is taken in is copied by the garbage
 * collector, so key and value are cut out when they are asked for.
 */
class KeyValue implements IKeyValue {
  readonly #answer: Buffer;
  readonly #key: number;
  readonly #keyEnd: number;
  readonly #value: number;
  readonly #valueEnd: number;
  /** -1: there is none. */
  readonly #revision: number;

  constructor(answer: Buffer, key: number, keyEnd: number, value: number, valueEnd: number, revision: number) {
    this.#answer = answer;
    this.#key = key;
    this.#keyEnd = keyEnd;
    this.#value = value;
    this.#valueEnd = valueEnd;
    this.#revision = revision;
  }

  get key(): Buffer {
    return this.#answer.subarray(this.#key, this.#keyEnd);
  }

  get value(): Buffer {
    return this.#answer.subarray(this.#value, this.#valueEnd);
  }

  get mod_revision(): string {
    return this.#revision < 0 ? '0' : new Reader(this.#answer, this.#revision).int64();
  }

  // nothing here asks for the other numbers
  get create_revision(): string {
    return '0';
  }

  get version(): string {
    return '0';
  }

  get lease(): string {
    return '0';
  }
}

const NO_KEY = new KeyValue(Buffer.alloc(0), 0, 0, 0, 0, -1);
