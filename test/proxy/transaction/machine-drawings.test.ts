import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { drawMachines } from '../../tools/draw-machines.ts';

describe('docs/transactions.md', () => {
  it('is drawn from the tables as they are (test/tools/draw-machines.ts writes it)', () => {
    const written = readFileSync(new URL('../../../docs/transactions.md', import.meta.url), 'utf8');
    expect(written).to.equal(drawMachines());
  });
});
