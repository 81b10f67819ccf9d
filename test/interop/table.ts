import { readFileSync, writeFileSync } from 'node:fs';

export interface Line {
  readonly agent: string;
  readonly transport: string;
  readonly what: string;
  readonly passed: boolean;
}

const FILE = new URL('../../docs/interop.md', import.meta.url);

/** Puts the table between the markers of docs/interop.md. */
export function writeTable(lines: readonly Line[]): void {
  const rows = lines.map(({ agent, transport, what, passed }) => [
    agent,
    transport,
    what,
    passed ? 'passed' : 'failed',
  ]);
  const cells = [['agent', 'transport', 'what it does', 'result'], ['---', '---', '---', '---'], ...rows];
  const table = cells.map((row) => `| ${row.join(' | ')} |`).join('\n');
  const text = readFileSync(FILE, 'utf8');
  const begin = '<!-- interop -->';
  const end = '<!-- /interop -->';
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/interop.md has no ${begin} … ${end}`);
  writeFileSync(FILE, `${before}${begin}\n${table}\n${end}${after}`);
}
