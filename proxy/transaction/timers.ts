/** Stands for no time: a small whole number, as times are that V8 need not keep in an object of their own. */
export const NEVER = -1;

/** One thing that is to happen at a given time. It is itself the wheel's node, so scheduling it allocates nothing. */
export abstract class Timer {
  /** When it is due, in ms on the wheel's clock; NEVER while it is not scheduled. */
  at = NEVER;
  /** The wheel's own: the tick it fires at and its neighbours in the slot's ring. */
  tick = 0;
  before: Timer = this;
  after: Timer = this;

  /** It is due. `now` is the time given to `advance`, so it may be later than `at`, never earlier. */
  abstract expire(now: number): void;
}

/** The head of a slot's ring; never due. */
class Ring extends Timer {
  override expire(): void {}

  get empty(): boolean {
    return this.after === this;
  }

  push(timer: Timer): void {
    const last = this.before;
    last.after = timer;
    timer.before = last;
    timer.after = this;
    this.before = timer;
  }
}

function unlink(timer: Timer): void {
  timer.before.after = timer.after;
  timer.after.before = timer.before;
  timer.before = timer;
  timer.after = timer;
}

/** 41 s at 10 ms a slot: every timer of RFC 3261 17 fits into one turn; a longer one is passed over until its turn. */
const SLOTS = 4096;
const UNKNOWN = -1;

/**
 * A hashed timer wheel on given time: `schedule` and `cancel` are O(1), and its own memory is fixed however many timers
 * it holds. It reads no clock: time is what `advance` is told.
 */
export class TimerWheel {
  readonly #start: number;
  readonly #granularity: number;
  readonly #slots: Ring[] = Array.from({ length: SLOTS }, () => new Ring());
  /** Due and not yet fired: not empty between calls only if an `expire` threw. */
  readonly #due = new Ring();
  #tick = 0;
  #size = 0;
  /** The tick of the soonest timer, where known; Infinity: none. */
  #soonest = Infinity;

  /** `now` and all later times in ms; a timer fires at most `granularityMs` late. */
  constructor(now: number, granularityMs = 10) {
    this.#start = now;
    this.#granularity = granularityMs;
  }

  /** How many timers are scheduled. */
  get size(): number {
    return this.#size;
  }

  /** Schedules `timer` for `at`, in place of the time it had. What is past already is due at the next tick. */
  schedule(timer: Timer, at: number): void {
    if (!(at >= 0 && at < Infinity)) throw new RangeError(`a timer can't be scheduled at ${at}`);
    this.cancel(timer);
    const tick = Math.max(Math.ceil((at - this.#start) / this.#granularity), this.#tick + 1);
    timer.at = at;
    timer.tick = tick;
    this.#slot(tick).push(timer);
    this.#size++;
    if (this.#soonest !== UNKNOWN && tick < this.#soonest) this.#soonest = tick;
  }

  /** Nothing happens if it is not scheduled. */
  cancel(timer: Timer): void {
    if (timer.at === NEVER) return;
    unlink(timer);
    timer.at = NEVER;
    this.#size--;
    if (timer.tick === this.#soonest) this.#soonest = UNKNOWN;
  }

  /**
   * Fires what is due at `now`, sooner ticks first. A timer scheduled meanwhile fires in a later call, so a timer that
   * schedules itself again can't hold this one up. If an `expire` throws, the rest fires in the next call.
   */
  advance(now: number): void {
    const target = Math.floor((now - this.#start) / this.#granularity);
    if (target > this.#tick) this.#collect(target);
    while (!this.#due.empty) {
      const timer = this.#due.after;
      this.cancel(timer);
      timer.expire(now);
    }
  }

  /** When `advance` will next have something to fire, in ms; undefined: never. */
  next(): number | undefined {
    if (this.#size === 0) return undefined;
    if (!this.#due.empty) return this.#timeOf(this.#tick);
    if (this.#soonest === UNKNOWN) this.#soonest = this.#findSoonest();
    return this.#timeOf(this.#soonest);
  }

  /** Moves what is due up to tick `target` from the slots to `#due`. */
  #collect(target: number): void {
    const first = this.#tick + 1;
    this.#tick = target;
    if (this.#soonest > target || this.#size === 0) return;
    this.#soonest = UNKNOWN;
    // One turn visits every slot, however far the clock jumped
    const last = Math.min(target, first + SLOTS - 1);
    for (let tick = first; tick <= last; tick++) {
      const slot = this.#slot(tick);
      for (let timer = slot.after; timer !== slot;) {
        const following = timer.after;
        if (timer.tick <= target) {
          unlink(timer);
          this.#due.push(timer);
        }
        timer = following;
      }
    }
  }

  #findSoonest(): number {
    const first = this.#tick + 1;
    let soonest = Infinity;
    for (let tick = first; tick < first + SLOTS; tick++) {
      const slot = this.#slot(tick);
      for (let timer = slot.after; timer !== slot; timer = timer.after) {
        if (timer.tick === tick) return tick;
        soonest = Math.min(soonest, timer.tick);
      }
    }
    return soonest;
  }

  #slot(tick: number): Ring {
    const slot = this.#slots[tick % SLOTS];
    if (slot === undefined) throw new RangeError(`no slot for tick ${tick}`);
    return slot;
  }

  #timeOf(tick: number): number {
    return this.#start + tick * this.#granularity;
  }
}
