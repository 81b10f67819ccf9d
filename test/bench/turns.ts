import type { Contender } from './contender.ts';
import type { Load } from './load.ts';
import { measureWindow, withProxy, type Timing } from './measure.ts';
import type { Round } from './report.ts';
import type { Step } from './steps.ts';

/**
 * ms of load before each window: Kamailio holds a transaction for 5 s after it has ended, and is the dearer the more it
 * holds.
 */
const LEAD_IN = 5500;

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
      // Kamailio compiles nothing: the lead-in of its first turn will do
      await load.run({ ...a.setting, rate: step.rate, to: a.at, warm: warm - LEAD_IN, window: 0 });
      const turn = { warm: LEAD_IN, window };
      const taken: Round[] = [];
      while (taken.length < rounds) {
        const one = await measureWindow(a, step, turn, load);
        taken.push({ ours: one, theirs: await measureWindow(b, step, turn, load) });
        told(taken);
      }
      return taken;
    }),
  );
}
