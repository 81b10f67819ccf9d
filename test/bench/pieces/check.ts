import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from 'table';
import { judge, type Times } from './judge.ts';

// Times the pieces of this checkout and of a commit in turn, in one run, and fails where one became slower.

const { values: args } = parseArgs({
  options: { base: { type: 'string' }, rounds: { type: 'string', default: '6' } },
});
const PIECES = 'test/bench/pieces';
/** Of processes: what V8 makes of one and the same code differs from one to the next. */
const GENERATIONS = 2;
/**
 * A virtual core is mostly half of a real one, and as long as somebody else uses the other half all takes up to 1.7 times
 * as long, the unit too: a round in which that takes this many times its least is timed again, so many times at most.
 */
const DISTURBED = 1.2;
const TRIES = 5;
const git = (...what: string[]): string => execFileSync('git', what, { encoding: 'utf8' }).trim();

const isChanged = git('status', '--porcelain', '--', 'proxy', 'test/bench', 'package-lock.json') !== '';
const base = git('rev-parse', '--verify', `${args.base ?? (isChanged ? 'HEAD' : 'HEAD^')}^{commit}`);
const budget = JSON.parse(readFileSync(`${PIECES}/budget.json`, 'utf8')) as Times;

try {
  setPriority(-20);
} catch {
  console.error('not allowed to run before other work on this machine: it disturbs more');
}
const checkout = mkdtempSync(join(tmpdir(), 'sipcluster-bench-base-'));
const children: ChildProcess[] = [];
const before: Record<string, number> = {};
const now: Record<string, number> = {};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    cleanUp();
    process.kill(process.pid, signal);
  });
}
try {
  git('worktree', 'add', '--detach', checkout, base);
  symlinkSync(join(process.cwd(), 'node_modules'), join(checkout, 'node_modules'));
  const comparable = existsSync(join(checkout, PIECES, 'time-pieces.ts'));
  if (!comparable) console.error(`${base.slice(0, 10)} has no ${PIECES}: only the budget is checked`);
  for (let generation = 1; generation <= GENERATIONS; generation++) {
    const ours = await timer(process.cwd());
    const theirs = comparable ? await timer(checkout) : undefined;
    for (const name of ours.names) {
      console.error(`${generation} of ${GENERATIONS}: ${name}`);
      for (let round = 0; round < Number(args.rounds); round++) await timeInTurn(name, ours, theirs);
    }
    for (const child of children.splice(0)) child.kill();
  }
} finally {
  cleanUp();
}

const verdicts = judge(now, before, budget);
console.log(`This checkout beside ${git('log', '-1', '--format=%h %s', base)}, the best of ${args.rounds} rounds:`);
console.log(
  table([
    ['piece', 'ns', 'before', 'change', 'units', 'budget', ''],
    ...verdicts.map(({ name, ns, before: was, change, units, most, fault }) => [
      name,
      ns.toFixed(0),
      was?.toFixed(0) ?? '',
      change === undefined ? '' : `${change >= 0 ? '+' : ''}${(change * 100).toFixed(0)} %`,
      units.toFixed(2),
      most?.toFixed(2) ?? '',
      fault,
    ]),
  ]),
);
process.exitCode = verdicts.every(({ fault }) => fault === '') ? 0 : 1;

/** Some milliseconds each: what disturbs the machine disturbs both. */
async function timeInTurn(name: string, ours: Timer, theirs: Timer | undefined): Promise<void> {
  for (let tries = 1; ; tries++) {
    const [our, their] = [await ours.time(name), await theirs?.time(name)];
    const unit = await ours.time('unit');
    now['unit'] = Math.min(now['unit'] ?? Infinity, unit ?? Infinity);
    if (unit !== undefined && unit > now['unit'] * DISTURBED && tries < TRIES) continue;
    if (our !== undefined) now[name] = Math.min(now[name] ?? Infinity, our);
    if (their !== undefined) before[name] = Math.min(before[name] ?? Infinity, their);
    return;
  }
}

function cleanUp(): void {
  for (const child of children) child.kill();
  rmSync(checkout, { recursive: true, force: true });
  git('worktree', 'prune');
}

interface Timer {
  readonly names: readonly string[];
  /** Times a piece once more, ns; undefined: this checkout does not have it. */
  time(name: string): Promise<number | undefined>;
}

async function timer(directory: string): Promise<Timer> {
  const child = fork(join(directory, PIECES, 'time-pieces.ts'), { cwd: directory });
  children.push(child);
  const ended = new AbortController();
  child.once('exit', () => ended.abort());
  const answer = async (): Promise<unknown> => {
    const [said] = (await once(child, 'message', { signal: ended.signal })) as unknown[];
    return said;
  };
  const names = (await answer()) as string[];
  return {
    names,
    async time(name) {
      if (!names.includes(name)) return undefined;
      child.send(name);
      return Number(await answer());
    },
  };
}
