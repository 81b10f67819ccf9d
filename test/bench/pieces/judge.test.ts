import { expect } from 'chai';
import { judge, type Times } from './judge.ts';

describe('the times of two checkouts', () => {
  const budget = { parse: 1.5, forward: 1 };
  const faults = (now: Times, before: Times): string[] =>
    judge(now, before, budget).map(({ name, fault }) => `${name}: ${fault}`);

  it('are a regression where a piece takes over 15 % more', () => {
    const before = { unit: 1000, parse: 1000, forward: 500 };
    expect(faults({ unit: 1000, parse: 1149, forward: 400 }, before)).to.deep.equal(['parse: ', 'forward: ']);
    expect(faults({ unit: 1000, parse: 1151, forward: 574 }, before)).to.deep.equal([
      'parse: slower than before by more than 15 %',
      'forward: ',
    ]);
  });

  it('are held against a budget in units of the machine, also where there is nothing to compare with', () => {
    expect(faults({ unit: 500, parse: 760, forward: 500, new: 1 }, {})).to.deep.equal([
      'parse: over its budget',
      'forward: ',
      'new: no budget: add it to budget.json',
    ]);
  });
});
