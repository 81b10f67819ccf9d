import { parseArgs } from 'node:util';
import { measureCeiling } from './ceiling.ts';
import { kamailio, sipcluster, type Contender } from './contender.ts';
import { Load } from './load.ts';
import { measure, measureDirect, type Measurement, type Timing } from './measure.ts';
import { CORE, takePlace } from './place.ts';
import { keep } from './record.ts';
import { together, type Round, type StepResult } from './report.ts';
import { ALL_STEPS, kindOf, parseStep, QUICK_STEPS, titleOf, type Extent, type Step } from './steps.ts';
import { withStore } from './stored.ts';
import { measureByTurns } from './turns.ts';

// Puts this proxy and Kamailio side by side: by turns on one core, with phones and SIP Server on another.

const { values: args } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    steps: { type: 'string' },
    connections: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    docs: { type: 'boolean', default: false },
  },
});

// V8 compiles what is hot for some 20 s, in a thread that takes turns of 4 ms on the one core with that of the messages
const warm = args.quick ? 9000 : 20_000;
/** Of proxies that run at the same time, for which there is time until even what is called forty times a second is compiled; and of those that are alone. */
const byTurns = {
  warm: args.quick ? warm : 45_000,
  window: args.quick ? 3000 : 4000,
  rounds: Number(args.rounds ?? (args.quick ? 3 : 8)),
};
const alone = { warm, window: args.quick ? 6000 : 15_000, rounds: Number(args.rounds ?? (args.quick ? 2 : 3)) };
const extent: Extent = {
  connections: Number(args.connections ?? (args.quick ? 500 : 10_000)),
  minutes: Number(args.minutes),
};
const steps = (args.steps?.split(',') ?? (args.quick ? QUICK_STEPS : ALL_STEPS)).map((text) => parseStep(text, extent));

takePlace();

const load = await Load.open('127.0.0.1');
// what was started ends in order, also where make passes on a signal that has come to all of its group
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => load.stop());
const results: StepResult[] = [];
for (const step of steps) {
  if (load.stopped) break;
  try {
    results.push(await compare(step));
  } catch (error) {
    // what was measured before, and will be, is worth no less
    console.error(`${titleOf(step)} was not measured: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
load.close();
if (results.length > 0) keep(results, args.docs);

async function compare(step: Step): Promise<StepResult> {
  const title = titleOf(step);
  const direct = await measureDirect(step, { warm: 0, window: 4000 }, load);
  const isAlone = kindOf(step).isAlone === true;
  const ours = (use: (contender: Contender) => Promise<Round[]>): Promise<Round[]> =>
    step.kind === 'stored' ? withStore(load, CORE.load, use) : use(sipcluster);
  const done = await ours((contender) => (isAlone ? inTurn(contender, step) : atOnce(contender, step)));
  const { compared } = comparison(step);
  const window = compared === 'cpu' ? timingOf(step).window / 1000 : undefined;
  return { step, title, time: new Date().toISOString(), window, compared, direct, rounds: done };
}

async function atOnce(ours: Contender, step: Step): Promise<Round[]> {
  console.error(
    `${titleOf(step)}: ${ours.name} is warmed up for ${byTurns.warm / 1000} s, then each has the load in turn`,
  );
  return await measureByTurns([ours, kamailio], step, byTurns, load, CORE.proxy, (done) => {
    tell(step, done, byTurns.rounds);
  });
}

async function inTurn(ours: Contender, step: Step): Promise<Round[]> {
  const done: Round[] = [];
  const rounds = step.minutes === undefined ? alone.rounds : 1;
  while (done.length < rounds) {
    done.push({ ours: await take(ours, step), theirs: await take(kamailio, step) });
    tell(step, done, rounds);
  }
  return done;
}

async function take(contender: Contender, step: Step): Promise<Measurement> {
  const way = kindOf(step).isSearch === true ? measureCeiling : measure;
  return await way(contender, step, timingOf(step), load, CORE.proxy);
}

/** What has come of the rounds so far. */
function tell(step: Step, done: readonly Round[], of: number): void {
  const { compared, unit } = comparison(step);
  const { ours, theirs, ratio } = together(done, compared);
  const failed = (side: keyof Round): number => done.reduce((sum, round) => sum + round[side].failed, 0);
  console.error(
    `${titleOf(step)}, ${done.length} of ${of} rounds: ${ours.toFixed(0)} ${unit} and ${theirs.toFixed(0)} ${unit}, ` +
      `ratio ${ratio.toFixed(2)}; failed ${failed('ours')} and ${failed('theirs')}`,
  );
}

function comparison(step: Step): { compared: 'cpu' | 'perSecond'; unit: string } {
  return kindOf(step).isSearch === true ? { compared: 'perSecond', unit: '/s' } : { compared: 'cpu', unit: 'µs' };
}

/** What is flat after some time is so after a tenth of it. */
function timingOf(step: Step): Timing {
  if (step.minutes !== undefined) return { warm: step.minutes * 6000, window: step.minutes * 60_000 };
  return kindOf(step).isAlone === true ? alone : byTurns;
}
