import { errorCode } from './error-code.ts';

/** One look-up that was made: its records, or why there are none. */
export interface Answer<Value> {
  readonly records: readonly Value[];
  readonly error: Error | undefined;
}

/** Records and for how many seconds they hold. */
export interface Fetched<Value> {
  readonly records: readonly Value[];
  readonly ttl: number;
}

interface Entry<Value> {
  answer: Answer<Value> | undefined;
  expires: number;
  /** From then on it is asked for again when it is used, so that nobody waits for a name in use. */
  renewal: number;
  pending: Promise<void> | undefined;
}

/** s; a TTL of 0 would ask for every message. */
const shortestTtl = 1;
const longestTtl = 3_600;
/** ms that "no such name" and "no answer" are believed: short, for somebody may be putting it right. */
const failureHolds = 5_000;
/**
 * "No answer", as many times longer as it was waited for: the next questions about a host take as long each, and the
 * first must not have to be asked again when they are through (RFC 9520 3.2).
 */
const failureHoldsTimes = 4;
/** ms; RFC 9520 3.2: no failure is believed for longer. The clock goes on while this process is stopped. */
const failureHoldsAtMost = 300_000;
/** ms since it was last asked for in vain that an answer which has run out is still used without waiting. */
const staleHolds = 60_000;
/** ms; that a name has no record of a kind, as most have no AAAA, changes less often; and the longest either is believed. */
const absenceHolds = 60_000;
const absenceHoldsAtMost = 300_000;
/** Of the time that an answer holds, the last part in which it is asked for again while it is still used. */
const renewalShare = 0.1;
const maxAnswers = 4_096;

/**
 * DNS answers of one kind for as long as their TTL says, at most `maxAnswers` of them. While DNS does not answer at
 * all, an answer that has run out is still used (RFC 8767): calls go on when the name servers don't.
 */
export class AnswerCache<Value> {
  readonly #ask: (name: string) => Promise<Fetched<Value>>;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(now: () => number, ask: (name: string) => Promise<Fetched<Value>>) {
    this.#now = now;
    this.#ask = ask;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer if it is known; else a promise that is fulfilled when it is, the same for all who wait for it. */
  get(name: string): Answer<Value> | Promise<void> {
    let entry = this.#entries.get(name);
    const now = this.#now();
    if (entry?.answer !== undefined && now < entry.expires) {
      if (now >= entry.renewal) entry.pending ??= this.#fill(entry, name);
      return entry.answer;
    }
    if (entry?.pending !== undefined) return entry.pending;
    if (entry === undefined) entry = { answer: undefined, expires: 0, renewal: 0, pending: undefined };
    else this.#entries.delete(name);
    this.#entries.set(name, entry);
    this.#forgetOldest();
    entry.pending = this.#fill(entry, name);
    return entry.pending;
  }

  async #fill(entry: Entry<Value>, name: string): Promise<void> {
    const asked = this.#now();
    try {
      const { records, ttl } = await this.#ask(name);
      this.#keep(entry, { records, error: undefined }, Math.min(Math.max(ttl, shortestTtl), longestTtl) * 1_000);
    } catch (caught) {
      const error = caught instanceof Error ? caught : new Error(String(caught));
      const now = this.#now();
      if (isAbsence(error)) {
        this.#keep(entry, { records: [], error }, absenceHolding(error));
      } else if (entry.answer !== undefined && (entry.answer.error === undefined || isAbsence(entry.answer.error))) {
        entry.expires = now + staleHolds;
        entry.renewal = now + failureHolds;
      } else {
        entry.answer = { records: [], error };
        const holds = Math.max(failureHolds, (now - asked) * failureHoldsTimes);
        entry.expires = now + Math.min(holds, failureHoldsAtMost);
        entry.renewal = entry.expires;
      }
    } finally {
      entry.pending = undefined;
    }
  }

  #keep(entry: Entry<Value>, answer: Answer<Value>, holds: number): void {
    entry.answer = answer;
    entry.expires = this.#now() + holds;
    entry.renewal = entry.expires - holds * renewalShare;
  }

  #forgetOldest(): void {
    if (this.#entries.size <= maxAnswers) return;
    for (const name of this.#entries.keys()) {
      this.#entries.delete(name);
      return;
    }
  }
}

/** DNS has answered: there is nothing. */
function isAbsence(error: Error): boolean {
  const code = errorCode(error);
  return code === 'ENODATA' || code === 'ENOTFOUND';
}

/** How long, ms, that is believed. */
function absenceHolding(error: Error): number {
  const told = 'ttl' in error && typeof error.ttl === 'number' ? error.ttl * 1_000 : undefined;
  const assumed = errorCode(error) === 'ENODATA' ? absenceHolds : failureHolds;
  return Math.min(Math.max(told ?? assumed, failureHolds), absenceHoldsAtMost);
}
