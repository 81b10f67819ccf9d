import { expect } from 'chai';
import fc from 'fast-check';
import { NONE } from '../../../proxy/store/binding-rows.ts';
import { RowIndex } from '../../../proxy/store/row-index.ts';

/** An index whose rows are linked in arrays. */
function indexOf(hashes: readonly number[]): { index: RowIndex; next: number[]; looks: () => number } {
  const next: number[] = [];
  let looks = 0;
  const index = new RowIndex({
    next: (row) => {
      looks++;
      return next[row] ?? NONE;
    },
    setNext: (row, to) => {
      next[row] = to;
    },
    hash: (row) => hashes[row] ?? 0,
  });
  return { index, next, looks: () => looks };
}

function found(index: RowIndex, next: readonly number[], hash: number, row: number): boolean {
  for (let at = index.first(hash); at !== NONE; at = next[at] ?? NONE) if (at === row) return true;
  return false;
}

describe('index of rows', () => {
  it('finds every row that was added and not removed, however many there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 5000, maxLength: 20_000 }),
        fc.integer({ min: 2, max: 7 }),
        (hashes, every) => {
          const { index, next } = indexOf(hashes);
          hashes.forEach((_, row) => index.add(row));
          hashes.forEach((_, row) => {
            if (row % every === 0) index.remove(row);
          });
          const lost = hashes.filter((hash, row) => found(index, next, hash, row) === (row % every === 0));
          expect(lost).to.deep.equal([]);
        },
      ),
      { numRuns: 10 },
    );
  });

  it('moves none of the rows that room was made for, and finds them and those beyond', () => {
    const hashes = Array.from({ length: 40_000 }, (_, i) => Math.imul(i, 0x9e3779b1) | 0);
    const { index, next, looks } = indexOf(hashes);
    index.reserve(20_000);
    for (let row = 0; row < 16_384; row++) index.add(row);
    expect(looks()).to.equal(0);
    for (let row = 16_384; row < hashes.length; row++) index.add(row);
    index.reserve(100_000);
    expect(hashes.filter((hash, row) => !found(index, next, hash, row))).to.deep.equal([]);
  });

  it('grows a place at a time: no row waits for all others to be moved', () => {
    const hashes = Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e3779b1) | 0);
    const { index, looks } = indexOf(hashes);
    let most = 0;
    hashes.forEach((_, row) => {
      const before = looks();
      index.add(row);
      most = Math.max(most, looks() - before);
    });
    expect(most).to.be.at.most(20);
  });
});
