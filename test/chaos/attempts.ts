import type { DataCentre } from './places.ts';

/** An answer that takes longer was delayed by the fault, ms. */
const PROMPT = 900;

/** What became of one attempt: between which data centres, when it began, how long it took, the reason if it failed. */
export interface Attempt {
  /** `hang-up`: of a call that was set up; `held`: in one that is up all the time. */
  readonly what: 'call' | 'register' | 'hang-up' | 'held';
  /** Of the caller. */
  readonly from: DataCentre;
  /** Of the callee; a REGISTER goes no further than its own. */
  readonly to: DataCentre;
  /** `performance.now()` */
  readonly at: number;
  /** ms */
  readonly took: number;
  readonly failure: string | undefined;
}

/** What the attempts are judged by. Times as `performance.now()`. */
export interface Course {
  readonly at: number;
  readonly healed: number;
  /** Whether it cuts data centres off from each other. */
  readonly parts: boolean;
  /** When what is promised holds again: who begins later must not lose. Undefined: nobody may lose at all. */
  readonly holds: number | undefined;
}

export interface Judgement {
  readonly setups: number;
  /** Set-ups that had no path, so that nothing is promised of them; `setups` is without them. */
  readonly setupsAcross: number;
  /** Begun before the promise holds again, or under way then. */
  readonly setupsLost: number;
  /** None of these may be. */
  readonly setupsLostLate: number;
  /** Calls set up meanwhile, of which no hang-up was cut; and of these those whose hang-up had no answer. */
  readonly calls: number;
  readonly callsLost: number;
  readonly registers: number;
  readonly registersLost: number;
  /** ms from the fault to the begin of the last set-up or REGISTER that failed or was delayed. */
  readonly disturbed: number;
  /** What became of each attempt that failed, and of each that was late, by when it began: for the reader. */
  readonly failures: readonly string[];
  readonly delays: readonly string[];
}

/** What a fault did to what was attempted around it. Only what has to cross a cut is set aside, while it is cut. */
export function judge(attempts: readonly Attempt[], course: Course): Judgement {
  const { at, healed, parts, holds } = course;
  const across = (attempt: Attempt): boolean =>
    parts && attempt.from !== attempt.to && attempt.at + attempt.took > at && attempt.at < healed;
  const judged = attempts.filter((attempt) => !across(attempt)).toSorted((a, b) => a.at - b.at);
  const of = (what: Attempt['what']): Attempt[] => judged.filter((attempt) => attempt.what === what);
  const [setups, hangUps, registers] = [of('call'), of('hang-up'), of('register')];
  const lost = setups.filter(hasFailed);
  const late = lost.filter((attempt) => holds === undefined || attempt.at > holds);
  const disturbed = [...setups, ...registers].filter((attempt) => attempt.at > at).filter(wasDisturbed);
  const told = ({ what, from, to, at: began }: Attempt): string =>
    `${what} from ${from} to ${to} begun at ${Math.round(began - at)} ms`;
  return {
    setups: setups.length,
    setupsAcross: attempts.filter((attempt) => attempt.what === 'call' && across(attempt)).length,
    setupsLost: lost.length - late.length,
    setupsLostLate: late.length,
    calls: hangUps.length,
    callsLost: hangUps.filter(hasFailed).length,
    registers: registers.length,
    registersLost: registers.filter(hasFailed).length,
    disturbed: disturbed.reduce((last, attempt) => Math.max(last, attempt.at - at), 0),
    failures: judged.filter(hasFailed).map((attempt) => `${told(attempt)}: ${attempt.failure}`),
    delays: disturbed
      .filter((attempt) => !hasFailed(attempt))
      .map((attempt) => `${told(attempt)}: answered after ${Math.round(attempt.took)} ms`),
  };
}

function hasFailed({ failure }: Attempt): boolean {
  return failure !== undefined;
}

function wasDisturbed(attempt: Attempt): boolean {
  return hasFailed(attempt) || attempt.took > PROMPT;
}
