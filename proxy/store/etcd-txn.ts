import type { ITxnRequest } from 'etcd3';
import { bytesTag, varintTag, Writer } from './protobuf.ts';

/** What is to be done to one key. */
export interface Write {
  /** A `create` leaves a key alone that is there, and is told its value. */
  readonly kind: 'put' | 'remove' | 'create';
  /** Without the prefix. */
  readonly key: string;
  readonly value: string;
  /** Removed only if the store holds this. */
  readonly held: string | undefined;
  /** An int64, decimal; '0': none. */
  readonly lease: string;
}

/**
 * A transaction that etcd3 sends as any other, and only writeTxn() makes bytes of: as objects of etcd3's own, with a
 * Buffer for each key and value, writes take its general encoder twice as long.
 */
export interface GroupedWrites<Each extends Write = Write> extends ITxnRequest {
  readonly prefix: string;
  writes: readonly Each[];
}

export function isGrouped(request: ITxnRequest): request is GroupedWrites {
  return 'writes' in request;
}

// the fields of etcd's rpc.proto
const TXN_COMPARE = bytesTag(1);
const TXN_SUCCESS = bytesTag(2);
const TXN_FAILURE = bytesTag(3);
const OP_RANGE = bytesTag(1);
const OP_PUT = bytesTag(2);
const OP_DELETE_RANGE = bytesTag(3);
const OP_TXN = bytesTag(4);
/** Of PutRequest, RangeRequest and DeleteRangeRequest. */
const KEY = bytesTag(1);
const PUT_VALUE = bytesTag(2);
const PUT_LEASE = varintTag(3);
const COMPARE_RESULT = varintTag(1);
const COMPARE_TARGET = varintTag(2);
const COMPARE_KEY = bytesTag(3);
const COMPARE_CREATE_REVISION = varintTag(5);
const COMPARE_VALUE = bytesTag(7);

/** enum CompareResult */
const EQUAL = 0;
/** enum CompareTarget */
const CREATE = 1;
const VALUE = 3;

/** What there is to a write but for its key and value, bytes, and more for its lease. */
const AROUND = 32;

/**
 * message TxnRequest: its bytes are those that the general encoder makes. Throws SyntaxError at a lease that is no
 * number.
 */
export function writeTxn({ prefix, writes }: GroupedWrites): Buffer {
  let room = 0;
  for (const { key, value } of writes) room += prefix.length + key.length + value.length + AROUND;
  const writer = new TxnWriter(Buffer.from(prefix), room);
  for (const write of writes.toReversed()) writer.write(write);
  return writer.bytes();
}

/** Each message in it is written from its end, as its fields are. */
class TxnWriter extends Writer {
  readonly #prefix: Buffer;

  constructor(prefix: Buffer, room: number) {
    super(room);
    this.#prefix = prefix;
  }

  write(write: Write): void {
    const before = this.length;
    if (write.kind === 'put') this.#put(write);
    else if (write.kind === 'create') this.#create(write);
    else if (write.held === undefined) this.#ofKey(OP_DELETE_RANGE, write.key);
    else this.#removeHeld(write.key, write.held);
    this.message(TXN_SUCCESS, before);
  }

  #put({ key, value, lease }: Write): void {
    const before = this.length;
    this.int64(PUT_LEASE, lease);
    this.text(PUT_VALUE, value);
    this.text(KEY, key, this.#prefix);
    this.message(OP_PUT, before);
  }

  /** A request for one key and no more. */
  #ofKey(op: number, key: string): void {
    const before = this.length;
    this.text(KEY, key, this.#prefix);
    this.message(op, before);
  }

  /** A transaction in it: a put if the store has no such key, and otherwise what it holds. */
  #create(write: Write): void {
    const before = this.length;
    this.#ofKey(OP_RANGE, write.key);
    this.message(TXN_FAILURE, before);
    const success = this.length;
    this.#put(write);
    this.message(TXN_SUCCESS, success);
    const compare = this.length;
    this.small(COMPARE_CREATE_REVISION, 0);
    this.#isEqual(CREATE, write.key);
    this.message(TXN_COMPARE, compare);
    this.message(OP_TXN, before);
  }

  #removeHeld(key: string, held: string): void {
    const before = this.length;
    this.#ofKey(OP_DELETE_RANGE, key);
    this.message(TXN_SUCCESS, before);
    const compare = this.length;
    this.text(COMPARE_VALUE, held);
    this.#isEqual(VALUE, key);
    this.message(TXN_COMPARE, compare);
    this.message(OP_TXN, before);
  }

  /** Of Compare all but what the target is to be equal to. */
  #isEqual(target: number, key: string): void {
    this.text(COMPARE_KEY, key, this.#prefix);
    this.small(COMPARE_TARGET, target);
    this.small(COMPARE_RESULT, EQUAL);
  }
}
