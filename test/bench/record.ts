import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { chart, table, type StepResult } from './report.ts';
import { inOrder } from './steps.ts';

/** What was measured where: docs/performance.json, and .sipcluster/bench.json of one run. */
export interface BenchRecord {
  readonly machine: Readonly<Record<string, string | number | undefined>>;
  readonly results: readonly StepResult[];
}

const PAGE = 'docs/performance.md';
const KEPT = 'docs/performance.json';

/** Writes every round of this run; with `docs` the page, too, in which other steps' results of this machine stay. */
export function keep(results: readonly StepResult[], docs: boolean): void {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kamailio: kamailioVersion(), node: process.version };
  const record = { machine, results };
  mkdirSync('.sipcluster', { recursive: true });
  writeFileSync('.sipcluster/bench.json', written(record));
  console.log(table(results));
  console.error('Every round is in .sipcluster/bench.json.');
  if (!docs) return;
  const before = existsSync(KEPT) ? (JSON.parse(readFileSync(KEPT, 'utf8')) as BenchRecord) : undefined;
  const all = merged(before, record);
  writeFileSync(KEPT, written(all));
  writeFileSync('docs/performance.svg', chart(all.results));
  writeFileSync(PAGE, filled(readFileSync(PAGE, 'utf8'), all));
}

/** What `record` has not measured stays as it was `before`, if that was on the same machine with the same programs. */
export function merged(before: BenchRecord | undefined, record: BenchRecord): BenchRecord {
  const isSame = JSON.stringify(before?.machine) === JSON.stringify(record.machine);
  const titles = new Set(record.results.map(({ title }) => title));
  const stay = isSame && before !== undefined ? before.results.filter(({ title }) => !titles.has(title)) : [];
  const results = [...stay, ...record.results].toSorted((a, b) => inOrder(a.step, b.step));
  return { machine: record.machine, results };
}

/** The page with this table between its marks. */
export function filled(page: string, { machine, results }: BenchRecord): string {
  const said = `${machine['cpu'] ?? 'Unknown CPU'}, ${machine['cores']} cores, ${machine['kamailio']}, Node.js ${machine['node']}:`;
  return page.replace(
    /<!-- bench -->[^]*<!-- \/bench -->/,
    () =>
      `<!-- bench -->\n\n${said}\n\n${table(results)}\n\n![CPU a call and a REGISTER](performance.svg)\n\n<!-- /bench -->`,
  );
}

/** A line for each round, so that one can read it. */
export function written(record: BenchRecord): string {
  const rounds: string[] = [];
  const named = (key: string, value: unknown): unknown =>
    key === 'rounds' && Array.isArray(value) ? value.map((one) => `@${rounds.push(JSON.stringify(one)) - 1}@`) : value;
  const text = JSON.stringify(record, named, 2);
  return `${text.replaceAll(/"@(\d+)@"/g, (_, index) => rounds[Number(index)] ?? '')}\n`;
}

function kamailioVersion(): string {
  return /version: (\S+ \S+)/.exec(execFileSync('kamailio', ['-v'], { encoding: 'utf8' }))?.[1] ?? 'kamailio';
}
