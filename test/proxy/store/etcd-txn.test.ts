import { expect } from 'chai';
import fc from 'fast-check';
import { writeTxn, type GroupedWrites, type Write } from '../../../proxy/store/etcd-txn.ts';
import { asObjects, generalTxn } from './general-txn.ts';

describe('a transaction of grouped writes', () => {
  let general: (txn: GroupedWrites) => Buffer;

  before(async () => {
    const { methodDefinition } = await generalTxn();
    general = (txn) => methodDefinition.requestSerialize(asObjects(txn));
  });

  const write = (over: Partial<Write>): Write => ({
    ...{ kind: 'put', key: 'call/1', value: 'ringing', held: undefined, lease: '0' },
    ...over,
  });
  const hasGeneralBytes = (txn: GroupedWrites): void => {
    expect(writeTxn(txn).toString('hex')).to.equal(general(txn).toString('hex'));
  };

  it('has the bytes of the general encoder: puts, with a lease and without', () => {
    hasGeneralBytes({ prefix: '/test/', writes: [write({}), write({ key: 'call/2', lease: '7587874512345678901' })] });
  });

  it('has its bytes: a key that is removed, and one that is if the store holds a value', () => {
    const removed = [write({ kind: 'remove' }), write({ kind: 'remove', key: 'call/2', held: 'ended' })];
    hasGeneralBytes({ prefix: '/test/', writes: removed });
  });

  it('has its bytes: a key that is created, or read if it is there', () => {
    hasGeneralBytes({ prefix: '/test/', writes: [write({ kind: 'create' })] });
  });

  it('has its bytes where there is nothing to be done, or nothing in a key, a value or what is held', () => {
    hasGeneralBytes({ prefix: '', writes: [] });
    const empty = write({ kind: 'remove', key: '', value: '', held: '' });
    hasGeneralBytes({ prefix: '', writes: [empty, { ...empty, kind: 'put' }, { ...empty, kind: 'create' }] });
  });

  it('has its bytes where the text is longer as UTF-8 than in characters, and more than there is room for', () => {
    const values = ['ü'.repeat(127), '電話'.repeat(9000), '☎'.repeat(200_000)];
    hasGeneralBytes({ prefix: '/ä/', writes: values.map((value) => write({ value })) });
  });

  it('has its bytes whatever is written', () => {
    const char = fc.nat(0xffff).map((unit) => String.fromCharCode(unit));
    const text = fc.oneof(
      fc.string({ maxLength: 300 }),
      // with halves of surrogate pairs
      fc.array(char, { maxLength: 200 }).map((chars) => chars.join('')),
      fc.string({ unit: 'grapheme' }),
    );
    const lease = fc.oneof(
      fc.constantFrom('0', '127', '128', '-1', String(2n ** 63n - 1n), String(-(2n ** 63n))),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    );
    const any = fc.record({
      kind: fc.constantFrom('put' as const, 'remove' as const, 'create' as const),
      ...{ key: text, value: text, held: fc.option(text, { nil: undefined }), lease },
    });
    fc.assert(
      fc.property(text, fc.array(any, { maxLength: 10 }), (prefix, writes) => {
        // a character split between prefix and key would be written whole: prefixes end in a slash
        hasGeneralBytes({ prefix: `${prefix}/`, writes });
      }),
    );
  });
});
