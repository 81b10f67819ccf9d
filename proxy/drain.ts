import type { DrainConfig } from './config.ts';

/** How far a proxy that was told to end has come. */
export type Phase = 'Grace' | 'Closing' | 'Finishing' | 'Gone';

interface Duty {
  /** Names that lead here may still be known: what is new is taken. Else it is answered 503. */
  readonly newWork: boolean;
  /** Which phones' streams are closed, of those that carry no transaction. */
  readonly closes: 'none' | 'evenly' | 'idle';
}

/**
 * What is done in each phase. In all of them but the last, transactions finish, and what belongs to a dialog or comes from
 * another proxy is delivered.
 */
export const duties: Readonly<Record<Phase, Duty>> = {
  /** Until dnsGrace. */
  Grace: { newWork: true, closes: 'none' },
  /** Until `window` later: phones that lost their stream at once would all come back at once. */
  Closing: { newWork: false, closes: 'evenly' },
  /** Until nothing is left, at most until the limit. */
  Finishing: { newWork: false, closes: 'idle' },
  Gone: { newWork: false, closes: 'none' },
};

/** What a drain waits for. */
export interface Left {
  /** Server transactions, also those that only absorb what is sent again: its sender may lack our answer. */
  readonly transactions: number;
  /** Streams that phones and SBCs have opened. */
  readonly streams: number;
  /** What our own store does not have yet: registrations that were granted while it was away. */
  readonly writes: number;
}

/** @param elapsed since the signal, ms */
export function phaseAt(elapsed: number, { dnsGrace, window, limit }: DrainConfig, left: Left): Phase {
  if (elapsed >= limit) return 'Gone';
  if (elapsed < dnsGrace) return 'Grace';
  if (left.transactions === 0 && left.streams === 0 && left.writes === 0) return 'Gone';
  return elapsed < dnsGrace + window ? 'Closing' : 'Finishing';
}

/** A drain under way. It reads no clock and touches nothing: it says what is to be done now. */
export class Drain {
  phase: Phase = 'Grace';
  readonly #config: DrainConfig;
  readonly #beganAt: number;
  #steppedAt: number;
  /** Streams that should have been closed by now, less than one. */
  #owed = 0;

  /** `now` in ms, here and below. */
  constructor(config: DrainConfig, now: number) {
    this.#config = config;
    this.#beganAt = now;
    this.#steppedAt = now;
  }

  /**
   * Time has come this far.
   * @returns how many idle streams are to be closed now
   */
  step(now: number, left: Left): number {
    this.phase = phaseAt(now - this.#beganAt, this.#config, left);
    const closes = duties[this.phase].closes;
    const count = closes === 'evenly' ? this.#share(now, left.streams) : closes === 'idle' ? left.streams : 0;
    this.#steppedAt = now;
    return count;
  }

  /** Of the streams there are now, as many as are due when all are to be gone at the window's end: some leave by themselves, some come. */
  #share(now: number, streams: number): number {
    const { dnsGrace, window } = this.#config;
    const from = Math.max(this.#steppedAt, this.#beganAt + dnsGrace);
    const end = this.#beganAt + dnsGrace + window;
    this.#owed += (streams * (now - from)) / (end - from);
    const due = Math.floor(this.#owed);
    this.#owed -= due;
    return due;
  }
}
