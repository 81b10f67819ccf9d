import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { missingFlags, proxyFlags } from '../../../operator/processes/proxy-flags.ts';

describe('V8’s flags for a proxy', () => {
  it('are all missing where Node.js was started without any, or with others', () => {
    expect(missingFlags([])).to.deep.equal(proxyFlags());
    expect(missingFlags(['--trace-gc'], '--enable-source-maps')).to.deep.equal(proxyFlags());
  });

  it('are there once it was started with them', () => {
    expect(missingFlags(proxyFlags())).to.deep.equal([]);
  });

  it('give way to sizes of the user’s own', () => {
    expect(missingFlags(['--max-semi-space-size=16'])).to.deep.equal([]);
    expect(missingFlags([], '--max-semi-space-size=16')).to.deep.equal([]);
  });

  it('are known to the Node.js that runs it', () => {
    expect(proxyFlags()).to.include('--no-maglev');
    expect(execFileSync(process.execPath, [...proxyFlags(), '--print', '1 + 1'], { encoding: 'utf8' })).to.equal('2\n');
  });

  it('are Node.js’s own alone where V8 is another one, which may not know them', () => {
    expect(proxyFlags('13.6.233.17-node.36')).to.deep.equal([
      '--min-semi-space-size=4',
      '--max-semi-space-size=4',
      '--v8-pool-size=1',
    ]);
  });
});
