import type { Contender } from './contender.ts';
import type { Load } from './load.ts';
import { measureWindow, withProxy, type Measurement, type Proxy, type Timing } from './measure.ts';
import type { Round } from './report.ts';
import { T1 } from './server.ts';
import type { Step } from './steps.ts';

/** ms of load before each window: the other one had the core's caches. What it left unanswered is sent again by then. */
const LEAD_IN = T1 + 50;

/** What a proxy has used so far: CPU time, µs, and ms of each collection. */
interface Used {
  readonly cpu: number;
  readonly pauses: readonly number[];
}

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
      const both = [new Turns(a, step, load, window), new Turns(b, step, load, window)] as const;
      for (const one of both) await one.warmUp(warm);
      let taken: Round[] = [];
      while (taken.length < rounds) {
        for (const one of both) await one.take();
        taken = roundsOf(both);
        told(taken);
      }
      return taken;
    }),
  );
}

function roundsOf([ours, theirs]: readonly [Turns, Turns]): Round[] {
  const all = theirs.all();
  return ours.all().flatMap((one, i) => (all[i] === undefined ? [] : [{ ours: one, theirs: all[i] }]));
}

/** Those of one proxy. */
class Turns {
  readonly #proxy: Proxy;
  readonly #step: Step;
  readonly #load: Load;
  readonly #window: number;
  readonly #taken: { readonly begun: Used; readonly measured: Measurement }[] = [];

  constructor(proxy: Proxy, step: Step, load: Load, window: number) {
    this.#proxy = proxy;
    this.#step = step;
    this.#load = load;
    this.#window = window;
  }

  async warmUp(warm: number): Promise<void> {
    const { at, setting } = this.#proxy;
    await this.#load.run({ ...setting, rate: this.#step.rate, to: at, warm, window: 0 });
  }

  async take(): Promise<void> {
    const begun = this.#used();
    const timing = { warm: LEAD_IN, window: this.#window };
    this.#taken.push({ begun, measured: await measureWindow(this.#proxy, this.#step, timing, this.#load) });
  }

  /** Each until the next one began, or now. */
  all(): Measurement[] {
    const now = this.#used();
    const share = this.#window / (this.#window + LEAD_IN);
    return this.#taken.map(({ begun, measured }, i) =>
      untilNext(measured, begun, this.#taken[i + 1]?.begun ?? now, share),
    );
  }

  #used(): Used {
    const { running } = this.#proxy;
    return { cpu: running.use().cpu, pauses: running.pauses() };
  }
}

/**
 * A turn's CPU and collections until the next one: what it left to timers counts, and what the proxy needs while it has
 * nothing to do. `share`: of the turn's exchanges, those that were measured.
 */
export function untilNext(measured: Measurement, begun: Used, next: Used, share: number): Measurement {
  const exchanges = Math.max(1, measured.begun - measured.failed) / share;
  const pauses = next.pauses.slice(begun.pauses.length);
  return {
    ...measured,
    cpu: (next.cpu - begun.cpu) / exchanges,
    longestPause: pauses.length === 0 ? undefined : Math.max(...pauses),
  };
}
