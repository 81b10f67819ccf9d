import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

describe('generated files', () => {
  for (const tool of ['generate-types.ts', 'generate-docs.ts']) {
    it(`are what ${tool} writes`, () => {
      const { status, stderr } = spawnSync(
        process.execPath,
        [fileURLToPath(new URL(tool, import.meta.url)), '--check'],
        {
          encoding: 'utf8',
        },
      );
      expect(stderr).to.equal('');
      expect(status).to.equal(0);
    }).timeout(20_000);
  }
});
