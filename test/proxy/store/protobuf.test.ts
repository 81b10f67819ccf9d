import { expect } from 'chai';
import fc from 'fast-check';
import { bytesTag, Reader, varintTag, Writer } from '../../../proxy/store/protobuf.ts';

describe('fields of protocol buffers', () => {
  type Field = { readonly text: string } | { readonly small: number } | { readonly int64: bigint };
  const field: fc.Arbitrary<Field> = fc.oneof(
    fc.record({ text: fc.string({ unit: 'binary', maxLength: 300 }) }),
    fc.record({ small: fc.integer({ min: 0, max: 2 ** 31 - 1 }) }),
    fc.record({ int64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  );

  const write = (writer: Writer, number: number, one: Field): void => {
    if ('text' in one) writer.text(bytesTag(number), one.text);
    else if ('small' in one) writer.small(varintTag(number), one.small);
    else writer.int64(varintTag(number), String(one.int64));
  };
  const read = (reader: Reader, one: Field): string | number | bigint => {
    if ('text' in one) return reader.text();
    return 'small' in one ? Number(reader.int64()) : BigInt(reader.int64());
  };
  const valueOf = (one: Field): string | number | bigint => {
    if ('text' in one) return Buffer.from(one.text).toString();
    return 'small' in one ? one.small : one.int64;
  };

  it('are read as they were written, the last one first, also within a message and however little room there was', () => {
    fc.assert(
      fc.property(fc.array(field), fc.array(field), fc.integer({ min: 1, max: 500 }), (inner, outer, room) => {
        const writer = new Writer(room);
        outer.forEach((one, i) => write(writer, i + 1, one));
        const before = writer.length;
        inner.forEach((one, i) => write(writer, i + 1, one));
        writer.message(bytesTag(1000), before);

        const reader = new Reader(writer.bytes());
        const fields = (list: readonly Field[]): void => {
          for (const [i, one] of [...list.entries()].toReversed()) {
            expect(reader.tag() >> 3).to.equal(i + 1);
            expect(read(reader, one)).to.equal(valueOf(one));
          }
          expect(reader.tag(), 'the end').to.equal(0);
        };
        expect(reader.tag()).to.equal(bytesTag(1000));
        const rest = reader.enter();
        fields(inner);
        reader.leave(rest);
        fields(outer);
      }),
    );
  });

  it('are passed over where nobody knows them', () => {
    const writer = new Writer(10);
    writer.small(varintTag(3), 7);
    writer.text(bytesTag(2), 'unknown');
    writer.int64(varintTag(1), String(2n ** 63n - 1n));
    const reader = new Reader(
      Buffer.concat([writer.bytes(), Buffer.from([(4 << 3) | 5, 1, 2, 3, 4, (5 << 3) | 1]), Buffer.alloc(8)]),
    );
    const seen: number[] = [];
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      seen.push(tag >> 3);
      reader.skip(tag);
    }
    expect(seen).to.deep.equal([1, 2, 3, 4, 5]);
  });

  it('that are none, or are cut, are a RangeError, and nothing else is, whatever the bytes', () => {
    const all = (bytes: Uint8Array): void => {
      const reader = new Reader(Buffer.from(bytes));
      for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
    };
    expect(() => all(Buffer.from([bytesTag(1), 5, 1]))).to.throw(RangeError, 'ends too soon');
    expect(() => all(Buffer.from([varintTag(1), ...Array.from({ length: 11 }, () => 0x80)]))).to.throw(
      RangeError,
      'too large',
    );
    expect(() => all(Buffer.from([(1 << 3) | 3]))).to.throw(RangeError, 'a field of form 3');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          all(bytes);
        } catch (error) {
          expect(error).to.be.instanceOf(RangeError);
        }
      }),
    );
  });
});
