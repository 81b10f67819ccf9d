import { expect } from 'chai';
import { page } from '../../tools/draw-oos-check.ts';

describe('docs/oos-check.md', () => {
  it('shows the table as it is (else run test/tools/draw-oos-check.ts)', () => {
    const { is, should } = page();
    expect(is).to.equal(should);
  });
});
