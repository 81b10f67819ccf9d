import { NOWHERE, type Timer } from '../transaction/timers.ts';
import type { Copying } from './copying.ts';

/** RFC 3261 16.6 step 11: over three minutes, from the last provisional response on, ms. */
const TIMER_C = 185_000;
/** How long a phone has its turn while another waits for one, ms: to be picked up, and to answer anything else. */
const TURN = { invite: 20_000, other: 8_000 };

/** How long one branch may go without a final response; each branch has its own, so that none lives on by another's. */
export class BranchTimer implements Timer {
  place = NOWHERE;
  readonly #copy: Copying;
  /** Others wait for their turn. Else it is Timer C. */
  readonly #turn: boolean;

  private constructor(copy: Copying, turn: boolean) {
    this.#copy = copy;
    this.#turn = turn;
  }

  /** Undefined where nothing has to be timed: Timer F ends other methods than INVITE. */
  static begin(copy: Copying, othersWait: boolean): BranchTimer | undefined {
    const invite = copy.context.received.message.method === 'INVITE';
    if (!invite && !othersWait) return undefined;
    const timer = new BranchTimer(copy, othersWait);
    timer.#schedule(othersWait ? (invite ? TURN.invite : TURN.other) : TIMER_C);
    return timer;
  }

  /** A provisional response, other than 100, has come: Timer C begins again, but a turn lasts no longer for it. */
  heard(): void {
    if (!this.#turn) this.#schedule(TIMER_C);
  }

  expire(): void {
    if (!this.#turn) this.#copy.context.core.counts.timerC++;
    this.#copy.giveUp();
  }

  #schedule(delay: number): void {
    const { core } = this.#copy.context;
    core.timers.schedule(this, core.now() + delay);
  }
}
