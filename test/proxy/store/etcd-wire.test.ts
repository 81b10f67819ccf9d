import { expect } from 'chai';
import type { IKeyValue, IRangeResponse, ITxnRequest } from 'etcd3';
import fc from 'fast-check';
import { writeTxn, type GroupedWrites } from '../../../proxy/store/etcd-txn.ts';
import { byHand, readRangeResponse, readTxnResponse, readWatchResponse } from '../../../proxy/store/etcd-wire.ts';
import { generalTxn } from './general-txn.ts';

describe('etcd’s answers', () => {
  /** Field by field: number, and a number, text or message. */
  const message = (...fields: (readonly [field: number, value: bigint | string | Buffer])[]): Buffer =>
    Buffer.concat(
      fields.map(([field, value]) => {
        if (typeof value === 'bigint') return Buffer.concat([varint(BigInt(field << 3)), varint(value)]);
        const bytes = Buffer.from(value);
        return Buffer.concat([varint(BigInt((field << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
      }),
    );
  const varint = (value: bigint): Buffer => {
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    return Buffer.from([...bytes, Number(rest)]);
  };
  const header = message([1, 14841639068965178418n], [2, 10276657743932975437n], [3, 300n], [4, 2n]);
  const kv = message([1, 'key'], [2, 5n], [3, 2n ** 60n], [4, 1n], [5, 'välue'], [6, 7587874512345678901n]);
  const readKv = {
    key: Buffer.from('key'),
    mod_revision: '1152921504606846976',
    value: Buffer.from('välue'),
    // nobody asks for these: they are not read
    ...{ create_revision: '0', version: '0', lease: '0' },
  };
  const readHeader = {
    cluster_id: '14841639068965178418',
    member_id: '10276657743932975437',
    revision: '300',
    raft_term: '2',
  };

  const plain = (read: IKeyValue): IKeyValue => {
    const { key, value, create_revision, mod_revision, version, lease } = read;
    return { key, value, create_revision, mod_revision, version, lease };
  };

  it('to a list have their keys, values, last changes and ids exactly, and pass over what is new', () => {
    const bytes = message([1, header], [2, kv], [9, 'later'], [2, message([1, 'k'])], [3, 1n], [4, 2n], [200, 7n]);
    const { kvs, ...rest } = readRangeResponse(bytes);
    expect(rest).to.deep.equal({ header: readHeader, more: true, count: '2' });
    expect(kvs.map(plain)).to.deep.equal([
      readKv,
      {
        ...{ key: Buffer.from('k'), value: Buffer.alloc(0), lease: '0' },
        ...{ create_revision: '0', mod_revision: '0', version: '0' },
      },
    ]);
  });

  it('to a watch have their events and what is said of the watch', () => {
    const events = [message([2, kv]), message([1, 1n], [2, message([1, 'k'], [3, 7n])])] as const;
    const said = [[5, 12n] as const, [6, 'compacted'] as const, [7, 1n] as const];
    const bytes = message([1, header], [2, -1n], [3, 1n], [4, 1n], ...said, [11, events[0]], [11, events[1]]);
    const { events: read, ...rest } = readWatchResponse(bytes);
    expect(rest).to.deep.equal({
      ...{ header: readHeader, watch_id: '-1', created: true, canceled: true },
      ...{ compact_revision: '12', cancel_reason: 'compacted', fragment: true },
    });
    expect(read.map(({ type }) => type)).to.deep.equal(['Put', 'Delete']);
    const [put, removed] = read.map((event) => plain(event.kv));
    expect(put).to.deep.equal(readKv);
    expect(removed).to.deep.include({ key: Buffer.from('k'), mod_revision: '7' });
  });

  it('to a transaction say whether it, and each in it, succeeded, and what a key held that one found', () => {
    const put = message([2, message([1, header])]);
    const removed = message([3, message([1, header], [2, 1n])]);
    const range = message([1, message([1, header], [2, kv], [4, 1n])]);
    const failed = message([4, message([1, header], [3, range])]);
    const done = message([4, message([1, header], [2, 1n], [3, put])]);
    const ops = [put, removed, failed, done].map((op) => [3, op] as const);
    const { responses, ...rest } = readTxnResponse(message([1, header], [2, 1n], [9, 'later'], ...ops));
    expect(rest).to.deep.equal({ header: readHeader, succeeded: true });
    expect(responses.map(({ response_txn }) => response_txn?.succeeded)).to.deep.equal([
      ...[undefined, undefined],
      ...[false, true],
    ]);
    const found = responses[2]?.response_txn?.responses[0]?.response_range?.kvs[0];
    expect(found?.value.toString()).to.equal('välue');
  });

  it('to a transaction are read as the general decoder reads them', async () => {
    const { methodDefinition } = await generalTxn();
    const bytes = fc.string().map((text) => Buffer.from(text));
    const revision = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
    const headed = revision.map((number) => message([1, 14841639068965178418n], [3, number]));
    const held = fc.tuple(bytes, bytes, revision);
    const kvs = fc.array(held.map(([key, value, number]) => [2, message([1, key], [3, number], [5, value])] as const));
    const { txn } = fc.letrec<{ txn: Buffer; op: Buffer }>((tie) => ({
      op: fc.oneof(
        { maxDepth: 3 },
        headed.map((of) => message([2, message([1, of])])),
        headed.map((of) => message([3, message([1, of], [2, 1n])])),
        fc.tuple(headed, kvs).map(([of, all]) => message([1, message([1, of], ...all, [4, BigInt(all.length)])])),
        tie('txn').map((of) => message([4, of])),
      ),
      txn: fc
        .tuple(headed, fc.bigInt({ min: 0n, max: 1n }), fc.array(tie('op')))
        .map(([of, succeeded, ops]) =>
          message([1, of], [2, succeeded], ...ops.map((response) => [3, response] as const)),
        ),
    }));
    fc.assert(
      fc.property(txn, (answer) => {
        expect(essence(readTxnResponse(answer))).to.deep.equal(essence(methodDefinition.responseDeserialize(answer)));
      }),
    );
  });

  it('are refused where they are cut or no message', () => {
    const whole = message([1, header], [2, kv]);
    for (const bytes of [
      whole.subarray(0, -1),
      Buffer.from([0x13]),
      Buffer.alloc(12, 0xff),
      message([2, Buffer.from([0x09, 1])]),
    ])
      expect(() => readRangeResponse(bytes)).to.throw(RangeError);
  });

  it('to a transaction are refused wherever they are cut', () => {
    const range = message([1, message([1, header], [2, kv])]);
    const whole = message([3, message([4, message([1, header], [2, 0n], [3, range])])]);
    expect(readTxnResponse(whole).responses).to.have.length(1);
    for (let end = 1; end < whole.length; end++)
      expect(() => readTxnResponse(whole.subarray(0, end)), `cut at ${end}`).to.throw(RangeError);
  });
});

describe('what is sent to etcd', () => {
  it('is written by hand if it is a transaction of grouped writes', async () => {
    const write = { kind: 'put', key: 'call/1', value: 'ringing', held: undefined, lease: '5' } as const;
    const request: GroupedWrites = { prefix: '/test/', writes: [write] };
    const { methodDefinition } = byHand(await generalTxn());
    expect(methodDefinition.requestSerialize(request)).to.deep.equal(writeTxn(request));
  });

  it('is left to the general encoder if it is any other', async () => {
    const key = Buffer.from('owner');
    const request: ITxnRequest = {
      compare: [{ target: 'Lease', result: 'NotEqual', key, lease: '5' }],
      success: [{ request_put: { key, value: Buffer.from('us'), prev_kv: true } }],
    };
    const call = await generalTxn();
    const general = call.methodDefinition.requestSerialize(request);
    expect(general).not.to.be.empty;
    expect(byHand(call).methodDefinition.requestSerialize(request)).to.deep.equal(general);
  });
});

interface Txn {
  readonly header: unknown;
  readonly succeeded: boolean;
  readonly responses: readonly {
    readonly response_range?: IRangeResponse;
    readonly response_txn?: Txn;
  }[];
}

/** What both decoders are to give of an answer to a transaction. */
function essence({ responses, ...rest }: Txn): unknown {
  return {
    ...rest,
    responses: responses.map(({ response_range: range, response_txn: txn }) => ({
      range: range && {
        ...range,
        kvs: range.kvs.map(({ key, value, mod_revision }) => [key.toString(), value.toString(), mod_revision]),
      },
      txn: txn && essence(txn),
    })),
  };
}
