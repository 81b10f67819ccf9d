import type { Judgement } from './attempts.ts';

/** What one fault did to the calls and registrations of that time. */
export interface Outcome extends Omit<Judgement, 'calls'> {
  /** Those held all the time, and those that were set up meanwhile. */
  readonly callsUp: number;
  readonly registrationsLost: number;
  /** ms until the proxies had switched; undefined where there is nothing to switch. */
  readonly switched: number | undefined;
  /** What was promised and is not so. */
  readonly broken: readonly string[];
}

/** Whether nothing was lost that must not be. */
export function isAsPromised(outcome: Outcome): boolean {
  const { callsLost, setupsLostLate, registersLost, registrationsLost, broken } = outcome;
  return callsLost + setupsLostLate + registersLost + registrationsLost + broken.length === 0;
}
