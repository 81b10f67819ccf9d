import { parseArgs } from 'node:util';
import { measureCeiling } from './ceiling.ts';
import { kamailio, sipcluster, type Contender } from './contender.ts';
import { Load } from './load.ts';
import { measure, measureDirect, type Measurement, type Timing } from './measure.ts';
import { CORE, takePlace } from './place.ts';
import { keep } from './record.ts';
import { spread, type StepResult } from './report.ts';
import { ALL_STEPS, kindOf, parseStep, QUICK_STEPS, titleOf, type Extent, type Step } from './steps.ts';
import { withStore } from './stored.ts';

// Puts this proxy and Kamailio side by side: alternating, each on a core of its own, with phones and SIP Server on another.

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

const rounds = Number(args.rounds ?? (args.quick ? 2 : 3));
// V8 compiles what is hot for some 20 s, in a thread that takes turns of 4 ms on the one core with that of the messages
const timing: Timing = args.quick ? { warm: 9000, window: 6000 } : { warm: 20_000, window: 15_000 };
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
  const compared = kindOf(step).isSearch === true ? 'perSecond' : 'cpu';
  const direct = await measureDirect(step, { warm: 0, window: Math.min(timing.window, 4000) }, load);
  const done: StepResult['rounds'][number][] = [];
  for (let round = 1; round <= (step.minutes === undefined ? rounds : 1); round++) {
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
  const window = compared === 'cpu' ? timingOf(step).window / 1000 : undefined;
  return { step, title, time: new Date().toISOString(), window, compared, direct, rounds: done };
}

async function take(contender: Contender, step: Step): Promise<Measurement> {
  const way = kindOf(step).isSearch === true ? measureCeiling : measure;
  return await way(contender, step, timingOf(step), load, CORE.proxy);
}

/** What is flat after some time is so after a tenth of it. */
function timingOf({ minutes }: Step): Timing {
  return minutes === undefined ? timing : { warm: minutes * 6000, window: minutes * 60_000 };
}
