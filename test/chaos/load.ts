import { SipRefusal } from '../peers/sip-refusal.ts';
import { within } from '../peers/deadline.ts';
import type { PhoneCall } from '../peers/phone-call.ts';
import type { Phone } from '../peers/phone.ts';
import { phones, type DataCentre } from './places.ts';

/** Calls set up a second while the load runs, and REGISTERs. */
const RATE = 10;
/** What a phone waits for an answer of its proxies before the person gives up, ms. */
const PATIENCE = 20_000;

/** What became of one attempt: when it began, after how long it was answered, and the reason if it failed. */
export interface Attempt {
  /** `hang-up`: of a call that was set up; `held`: in one that is up all the time. */
  readonly what: 'call' | 'register' | 'hang-up' | 'held';
  /** `performance.now()` */
  readonly at: number;
  readonly took: number;
  readonly failure: string | undefined;
}

export interface HeldCall {
  readonly caller: PhoneCall;
  readonly from: DataCentre;
  readonly to: DataCentre;
}

/** Phones that call each other and register all the time, and what came of it. */
export class Load {
  readonly attempts: Attempt[] = [];
  readonly held: HeldCall[] = [];
  readonly #phones: ReadonlyMap<DataCentre, readonly Phone[]>;
  readonly #running = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;

  constructor(all: readonly Phone[]) {
    this.#phones = Map.groupBy(all, ({ user }) => (user.startsWith('anna') ? 'dc1' : 'dc2'));
  }

  /** Calls that stay up until they are ended: half of them across data centres. */
  async holds(count: number): Promise<void> {
    const made = Array.from({ length: count }, async (_, n) => {
      const from: DataCentre = n % 2 === 0 ? 'dc1' : 'dc2';
      const to: DataCentre = n % 4 < 2 ? from : from === 'dc1' ? 'dc2' : 'dc1';
      const caller = await this.#phone(from, n).calls(this.#phone(to, n + 7).user);
      this.held.push({ caller, from, to });
    });
    await Promise.all(made);
  }

  begins(): void {
    this.#timer = setInterval(() => {
      const turn = this.#turn++;
      const from: DataCentre = turn % 2 === 0 ? 'dc1' : 'dc2';
      const to: DataCentre = turn % 8 < 6 ? from : from === 'dc1' ? 'dc2' : 'dc1';
      const caller = this.#phone(from, turn);
      const callee = this.#phone(to, turn + 3);
      this.#attempt('call', async () => {
        const call = await caller.calls(callee.user);
        setTimeout(() => this.#note('hang-up', () => call.hangsUp()), 500);
      });
      this.#attempt('register', () => this.#phone(turn % 2 === 0 ? 'dc2' : 'dc1', turn).registers());
    }, 1000 / RATE);
  }

  /** Resolves when everything that it began has come to an end. */
  async ends(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Each of these calls is put on hold and taken back: how many were answered. */
  async uses(calls: readonly HeldCall[]): Promise<number> {
    const used = await Promise.all(
      calls.map(({ caller }) =>
        within(PATIENCE, 'hold', caller.holds()).then(
          () => 1,
          (error: unknown) => this.#failed('held', error),
        ),
      ),
    );
    return used.reduce((sum: number, one) => sum + one, 0);
  }

  /** Each of these calls is hung up: how many were lost, that is whose BYE had no answer. */
  async hangsUp(calls: readonly HeldCall[]): Promise<number> {
    const ended = await Promise.all(
      calls.map(({ caller }) =>
        within(PATIENCE, 'BYE', caller.hangsUp()).then(
          () => 0,
          (error: unknown) => {
            this.#failed('held', error);
            return 1;
          },
        ),
      ),
    );
    return ended.reduce((sum: number, one) => sum + one, 0);
  }

  #phone(dataCentre: DataCentre, n: number): Phone {
    const here = this.#phones.get(dataCentre) ?? [];
    const phone = here[n % (phones.length / 2)];
    if (phone === undefined) throw new Error(`no phone ${n} in ${dataCentre}`);
    return phone;
  }

  #failed(what: Attempt['what'], error: unknown): number {
    this.attempts.push({ what, at: performance.now(), took: 0, failure: message(error) });
    return 0;
  }

  #attempt(what: Attempt['what'], run: () => Promise<void>): void {
    this.#note(what, run);
  }

  #note(what: Attempt['what'], run: () => Promise<void>): void {
    const at = performance.now();
    const noted = within(PATIENCE, what, run()).then(
      () => this.attempts.push({ what, at, took: performance.now() - at, failure: undefined }),
      (error: unknown) => this.attempts.push({ what, at, took: performance.now() - at, failure: message(error) }),
    );
    const running = noted.then(() => void this.#running.delete(running));
    this.#running.add(running);
  }
}

function message(error: unknown): string {
  if (error instanceof SipRefusal) return error.message;
  return error instanceof Error ? error.message : String(error);
}
