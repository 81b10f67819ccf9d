import type { Contender } from './contender.ts';
import type { Load } from './load.ts';
import { measureWindow, withProxy, type Timing } from './measure.ts';
import type { Round } from './report.ts';
import { T1 } from './server.ts';
import type { Step } from './steps.ts';

/** ms of load before each window: the other one had the core's caches. What it left unanswered is sent again by then. */
const LEAD_IN = T1 + 50;

/**
 * Both proxies at once on the one core, each with the load in turn: a machine that others use changes from second to
 * second, and so for both alike. `told` hears of the rounds so far after each.
 */
export async function measureByTurns(
  [ours, theirs]: readonly [Contender, Contender],
  step: Step,
  { warm, window, rounds }: Timing & { readonly rounds: number },
  load: Load,
  core: number,
  told: (rounds: readonly Round[]) => void,
): Promise<Round[]> {
  return await withProxy(ours, step, load, core, (a) =>
    withProxy(theirs, step, load, core, async (b) => {
      for (const { at, setting } of [a, b]) await load.run({ ...setting, rate: step.rate, to: at, warm, window: 0 });
      const turn = { warm: LEAD_IN, window };
      const taken: Round[] = [];
      while (taken.length < rounds) {
        const isOdd = taken.length % 2 === 1;
        const first = await measureWindow(isOdd ? b : a, step, turn, load);
        const second = await measureWindow(isOdd ? a : b, step, turn, load);
        taken.push(isOdd ? { ours: second, theirs: first } : { ours: first, theirs: second });
        told(taken);
      }
      return taken;
    }),
  );
}
