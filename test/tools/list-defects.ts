// Writes the table at the end of docs/sip.md: every defect that a message is refused for, from the table that the proxy
// runs. Run it after a change to that: node test/tools/list-defects.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { DEFECTS } from '../../proxy/sip/defects.ts';

const FILE = new URL('../../docs/sip.md', import.meta.url);
const HEAD = '| answer | a message is refused that | RFC |\n| --- | --- | --- |\n';

/** docs/sip.md as it should be, from what it is. */
export function listDefects(written: string): string {
  const before = written.includes(HEAD) ? written.slice(0, written.indexOf(HEAD)) : written;
  const rows = Object.entries(DEFECTS).map(
    ([name, { status, what, source }]) => `| ${status} ${name} | ${what} | ${source} |\n`,
  );
  return `${before}${HEAD}${rows.join('')}`;
}

if (import.meta.main) writeFileSync(FILE, listDefects(readFileSync(FILE, 'utf8')));
