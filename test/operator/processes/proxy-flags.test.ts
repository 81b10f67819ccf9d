import { expect } from 'chai';
import { missingFlags, PROXY_FLAGS } from '../../../operator/processes/proxy-flags.ts';

describe('V8’s flags for a proxy', () => {
  it('are all missing where Node.js was started without any, or with others', () => {
    expect(missingFlags([])).to.equal(PROXY_FLAGS);
    expect(missingFlags(['--trace-gc'], '--enable-source-maps')).to.equal(PROXY_FLAGS);
  });

  it('are there once it was started with them', () => {
    expect(missingFlags(PROXY_FLAGS)).to.deep.equal([]);
  });

  it('give way to sizes of the user’s own', () => {
    expect(missingFlags(['--max-semi-space-size=16'])).to.deep.equal([]);
    expect(missingFlags([], '--max-semi-space-size=16')).to.deep.equal([]);
  });
});
