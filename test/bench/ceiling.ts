import type { Contender } from './contender.ts';
import type { Load } from './load.ts';
import { measureWindow, withProxy, type Measurement, type Timing } from './measure.ts';
import type { Step } from './steps.ts';

/** How exactly it is found, and what it is never looked for below and above, exchanges a second. */
const EXACT = 0.05;
const [LEAST, MOST] = [10, 20_000];
/** A rate is held if one of so many windows holds it: a neighbour's moment is not the proxy's limit. */
const TRIES = 3;
const TRY: Timing = { warm: 1500, window: 4000 };

/** The highest rate at which calls neither fail nor are sent again, found by one proxy that was warmed up at the step's rate. */
export async function measureCeiling(
  contender: Contender,
  step: Step,
  { warm }: Timing,
  load: Load,
  core: number,
): Promise<Measurement> {
  return await withProxy(contender, step, load, core, async (proxy) => {
    await load.run({ ...proxy.setting, rate: step.rate, to: proxy.at, warm, window: 0 });
    let best: Measurement | undefined;
    let worst: Measurement | undefined;
    await highest(step.rate, async (rate) => {
      for (let left = TRIES; left > 0; left--) {
        const tried = await measureWindow(proxy, { ...step, rate }, TRY, load);
        const isEnough = isHeld(tried);
        const found = `${tried.perSecond.toFixed(0)} completed, ${tried.failed} failed, ${tried.retransmitted} sent again`;
        console.error(`  ${contender.name}, ${rate}/s: ${isEnough ? 'held' : 'not held'} (${found})`);
        if (isEnough) {
          best = tried;
          return true;
        }
        worst = tried;
      }
      return false;
    });
    if (best === undefined) throw new Error(`${contender.name} does not hold ${LEAST} calls a second`);
    return { ...best, isLeast: worst === undefined || isGenerators(worst) };
  });
}

/** Failures under 0.1 %, retransmissions under 1 %, and the rate reached. */
export function isHeld({
  rate,
  perSecond,
  begun,
  failed,
  retransmitted,
}: Pick<Measurement, 'rate' | 'perSecond' | 'begun' | 'failed' | 'retransmitted'>): boolean {
  return failed < 0.001 * begun && retransmitted < 0.01 * begun && perSecond > 0.98 * rate;
}

/** The generator had no time left, and the proxy had. */
function isGenerators({ share, generatorShare }: Measurement): boolean {
  return generatorShare > 0.9 && share < 0.9;
}

/** The highest rate that `holds`, to some percent: up by half from `first` until one does not, then by halves; 0: none. */
export async function highest(first: number, holds: (rate: number) => Promise<boolean>): Promise<number> {
  let low = 0;
  let high = Infinity;
  for (let rate = first; rate >= LEAST && rate <= MOST;) {
    if (await holds(rate)) low = rate;
    else high = rate;
    if (low >= (1 - EXACT) * high) break;
    rate = Math.round(high === Infinity ? low * 1.5 : (low + high) / 2);
  }
  return low;
}
