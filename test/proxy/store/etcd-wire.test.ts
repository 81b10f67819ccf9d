import { expect } from 'chai';
import type { IKeyValue } from 'etcd3';
import { readRangeResponse, readWatchResponse } from '../../../proxy/store/etcd-wire.ts';

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
});
