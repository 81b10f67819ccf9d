import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Phone } from '../../peers/phone.ts';

/** What came of the calls that were made. */
export interface LoadResult {
  readonly made: number;
  /** Answered, and ended by a BYE that was answered. */
  readonly whole: number;
  /** ms from INVITE to 200, of the slowest that was answered. */
  readonly slowest: number;
  /** ms that the phones themselves were held up at most: what the machine has to do beside. */
  readonly heldUp: number;
  /** The first hundred that were not whole. */
  readonly failures: readonly { readonly at: string; readonly why: string }[];
  readonly failed: number;
}

const mostFailures = 100;

/** Calls at a steady rate from phones to users, each held for a while and then ended. */
export class Load {
  readonly #callers: readonly Phone[];
  readonly #callees: readonly string[];
  readonly #hold: number;
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();
  readonly #failures: { at: string; why: string }[] = [];
  #made = 0;
  #whole = 0;
  #failed = 0;
  #slowest = 0;
  readonly #loop = monitorEventLoopDelay({ resolution: 10 });
  #due = performance.now();

  /**
   * @param rate calls a second
   * @param hold ms that a call is up
   */
  constructor(callers: readonly Phone[], callees: readonly string[], rate: number, hold: number) {
    this.#callers = callers;
    this.#callees = callees;
    this.#hold = hold;
    this.#loop.enable();
    // What a late timer missed is made up for, so that the rate is kept.
    this.#timer = setInterval(() => {
      for (const now = performance.now(); this.#due <= now; this.#due += 1000 / rate) this.#begin();
    }, 5);
  }

  get result(): LoadResult {
    return {
      made: this.#made,
      whole: this.#whole,
      slowest: Math.round(this.#slowest),
      heldUp: Math.round(this.#loop.max / 1e6),
      failures: this.#failures,
      failed: this.#failed,
    };
  }

  /** No more calls; resolves when the last one is over. */
  async stop(): Promise<LoadResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#loop.disable();
    return this.result;
  }

  #begin(): void {
    const caller = this.#callers[this.#made % this.#callers.length];
    const callee = this.#callees[this.#made % this.#callees.length];
    if (caller === undefined || callee === undefined) return;
    this.#made += 1;
    const call = this.#call(caller, callee).catch((error: unknown) => {
      this.#failed += 1;
      const why = `${caller.user} to ${callee}: ${error instanceof Error ? error.message : String(error)}`;
      if (this.#failures.length < mostFailures) this.#failures.push({ at: new Date().toISOString(), why });
    });
    const known = call.finally(() => this.#open.delete(known));
    this.#open.add(known);
  }

  async #call(caller: Phone, callee: string): Promise<void> {
    const began = performance.now();
    const call = await caller.calls(callee);
    this.#slowest = Math.max(this.#slowest, performance.now() - began);
    await sleep(this.#hold);
    if (call.hasEnded) throw new Error('the call was ended by the other side');
    await call.hangsUp();
    this.#whole += 1;
  }
}
