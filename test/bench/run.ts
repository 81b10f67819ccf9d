import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCeiling } from './ceiling.ts';
import { kamailio, sipcluster, type Contender } from './contender.ts';
import { Load } from './load.ts';
import { measure, measureDirect, type Measurement, type Timing } from './measure.ts';
import { CORE, takePlace } from './place.ts';
import { chart, spread, table, type StepResult } from './report.ts';
import { ALL_STEPS, kindOf, parseStep, QUICK_STEPS, titleOf, type Step } from './steps.ts';
import { withStore } from './stored.ts';

// Puts this proxy and Kamailio side by side: alternating, each on a core of its own, with phones and SIP Server on another.

const { values: args } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    steps: { type: 'string' },
    docs: { type: 'boolean', default: false },
  },
});

const rounds = Number(args.rounds ?? (args.quick ? 2 : 3));
const timing: Timing = args.quick ? { warm: 9000, window: 6000 } : { warm: 10_000, window: 15_000 };
const steps = (args.steps?.split(',') ?? (args.quick ? QUICK_STEPS : ALL_STEPS)).map(parseStep);

takePlace();

const load = await Load.open('127.0.0.1');
// what was started ends in order; a second signal ends this at once
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => load.stop());
const results: StepResult[] = [];
try {
  for (const step of steps) results.push(await compare(step));
  keep(results);
} catch (error) {
  if (!load.stopped) throw error;
  console.error('Told to end: nothing was kept, and nothing is left running.');
  process.exitCode = 1;
} finally {
  load.close();
}

async function compare(step: Step): Promise<StepResult> {
  const title = titleOf(step);
  const compared = kindOf(step).isSearch === true ? 'perSecond' : 'cpu';
  const direct = await measureDirect(step, { warm: 0, window: Math.min(timing.window, 4000) }, load);
  const done: StepResult['rounds'][number][] = [];
  for (let round = 1; round <= rounds; round++) {
    const ours =
      step.kind === 'stored'
        ? await withStore(load, CORE.load, (stored) => take(stored, step))
        : await take(sipcluster, step);
    const theirs = await take(kamailio, step);
    done.push({ ours, theirs });
    const unit = compared === 'cpu' ? 'µs' : '/s';
    console.error(
      `${title}, round ${round}: ${ours[compared].toFixed(0)} ${unit} and ${theirs[compared].toFixed(0)} ${unit}, ratio ` +
        `${(ours[compared] / theirs[compared]).toFixed(2)}; failed ${ours.failed} and ${theirs.failed}, ` +
        `control ${(ours.generatorCpu / theirs.generatorCpu).toFixed(2)}`,
    );
  }
  const control = spread(done.map(({ ours, theirs }) => ours.generatorCpu / theirs.generatorCpu));
  if (compared === 'cpu' && (control.min < 0.9 || control.max > 1.1)) {
    console.error(`${title}: the control left 0.9 to 1.1, so the machine was disturbed: repeat it with more rounds`);
  }
  return { title, compared, direct, rounds: done };
}

async function take(contender: Contender, step: Step): Promise<Measurement> {
  const way = kindOf(step).isSearch === true ? measureCeiling : measure;
  return await way(contender, step, timing, load, CORE.proxy);
}

function keep(all: readonly StepResult[]): void {
  const text = table(all);
  console.log(text);
  mkdirSync('.sipcluster', { recursive: true });
  const time = new Date().toISOString();
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kamailio: version() };
  const raw = JSON.stringify({ time, machine, rounds, timing, results: all }, undefined, 2);
  writeFileSync('.sipcluster/bench.json', raw);
  console.error('Every round is in .sipcluster/bench.json.');
  if (!args.docs) return;
  writeFileSync('docs/performance.json', `${raw}\n`);
  writeFileSync('docs/performance.svg', chart(all));
  const page = readFileSync('docs/performance.md', 'utf8');
  const said = `${time.slice(0, 10)}, ${machine.cpu ?? ''}, ${machine.cores} cores, ${machine.kamailio}, Node.js ${process.version}, ${rounds} rounds of ${timing.window / 1000} s:`;
  const filled = page.replace(
    /<!-- bench -->[^]*<!-- \/bench -->/,
    () => `<!-- bench -->\n\n${said}\n\n${text}\n\n![CPU a call and a REGISTER](performance.svg)\n\n<!-- /bench -->`,
  );
  writeFileSync('docs/performance.md', filled);
}

function version(): string {
  return /version: (\S+ \S+)/.exec(execFileSync('kamailio', ['-v'], { encoding: 'utf8' }))?.[1] ?? 'kamailio';
}
