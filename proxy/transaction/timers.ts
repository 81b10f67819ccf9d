/** Stands for no time. */
export const NEVER = -1;
/** The place of a timer that is not scheduled. */
export const NOWHERE = -1;

/**
 * One thing that is to happen at a given time. No base class: V8 would look up again, for each of those that share its
 * constructor, where what they share is to be stored.
 */
export interface Timer {
  /** The wheel's own: where it has the timer. NOWHERE at first. */
  place: number;
  /** It is due. `now` is the time given to `advance`, so it may be later than what was scheduled, never earlier. */
  expire(now: number): void;
}

/** 41 s at 10 ms a slot: every timer of RFC 3261 17 fits into one turn; a longer one is passed over until its turn. */
const SLOTS = 4096;
/** The ring of what is due and not yet fired: not empty between calls only if an `expire` threw. */
const DUE = SLOTS;
/** Places below are the heads of rings, one for each slot and that. */
const FIRST = SLOTS + 1;
const UNKNOWN = -1;

/**
 * A hashed timer wheel on given time: `schedule` and `cancel` are O(1), and its memory is that of the most timers it has
 * held at once. It reads no clock: time is what `advance` is told. Rings are linked by numbers, which cost the garbage
 * collector nothing: each link between an old object and a new one would be a thing to remember for it.
 */
export class TimerWheel {
  readonly #start: number;
  readonly #granularity: number;
  readonly #timers: (Timer | undefined)[] = Array.from<undefined>({ length: FIRST });
  /** By place: the ring's neighbours, when it is due (ms on the wheel's clock), and the tick it fires at. */
  #before = new Int32Array(FIRST);
  #after = new Int32Array(FIRST);
  #at = new Float64Array(FIRST);
  #ticks = new Float64Array(FIRST);
  /** The first of the places that are free again, linked by `after`, and those never used. */
  #free = NOWHERE;
  #end = FIRST;
  #tick = 0;
  #size = 0;
  /** The tick of the soonest timer, where known; Infinity: none. */
  #soonest = Infinity;

  /** `now` and all later times in ms; a timer fires at most `granularityMs` late. */
  constructor(now: number, granularityMs = 10) {
    this.#start = now;
    this.#granularity = granularityMs;
    for (let ring = 0; ring < FIRST; ring++) {
      this.#before[ring] = ring;
      this.#after[ring] = ring;
    }
  }

  /** How many timers are scheduled. */
  get size(): number {
    return this.#size;
  }

  /** When `timer` is due, ms on the wheel's clock; NEVER while it is not scheduled. */
  timeOf({ place }: Timer): number {
    return place === NOWHERE ? NEVER : (this.#at[place] ?? NEVER);
  }

  /** Schedules `timer` for `at`, in place of the time it had. What is past already is due at the next tick. */
  schedule(timer: Timer, at: number): void {
    if (!(at >= 0 && at < Infinity)) throw new RangeError(`a timer can't be scheduled at ${at}`);
    const tick = Math.max(Math.ceil((at - this.#start) / this.#granularity), this.#tick + 1);
    let { place } = timer;
    if (place === NOWHERE) {
      place = this.#take(timer);
      timer.place = place;
    } else this.#leave(place);
    this.#at[place] = at;
    this.#ticks[place] = tick;
    this.#push(tick & (SLOTS - 1), place);
    // not where it is UNKNOWN, which is below all ticks
    if (tick < this.#soonest) this.#soonest = tick;
  }

  /** Nothing happens if it is not scheduled. */
  cancel(timer: Timer): void {
    const { place } = timer;
    if (place === NOWHERE) return;
    timer.place = NOWHERE;
    this.#leave(place);
    this.#timers[place] = undefined;
    this.#after[place] = this.#free;
    this.#free = place;
    this.#size--;
  }

  /**
   * Fires what is due at `now`, sooner ticks first. A timer scheduled meanwhile fires in a later call, so a timer that
   * schedules itself again can't hold this one up. If an `expire` throws, the rest fires in the next call.
   */
  advance(now: number): void {
    const target = Math.floor((now - this.#start) / this.#granularity);
    if (target > this.#tick) this.#collect(target);
    for (let place = this.#next(DUE); place !== DUE; place = this.#next(DUE)) {
      const timer = this.#timers[place];
      if (timer === undefined) throw new RangeError(`no timer at place ${place}`);
      this.cancel(timer);
      timer.expire(now);
    }
  }

  /** Those that are `wanted`, at most `count`, sooner ones first; one that is due more than a turn of the wheel from now may be among them too soon. */
  upcoming<Wanted extends Timer>(wanted: (timer: Timer) => timer is Wanted, count: number): Wanted[] {
    const found: Wanted[] = [];
    const first = this.#tick + 1;
    for (let tick = first; tick < first + SLOTS && found.length < count; tick++) {
      const slot = tick & (SLOTS - 1);
      for (let place = this.#next(slot); place !== slot && found.length < count; place = this.#next(place)) {
        const timer = this.#timers[place];
        if (timer !== undefined && wanted(timer)) found.push(timer);
      }
    }
    return found;
  }

  /** When `advance` will next have something to fire, in ms; undefined: never. */
  next(): number | undefined {
    if (this.#size === 0) return undefined;
    if (this.#next(DUE) !== DUE) return this.#timeOf(this.#tick);
    if (this.#soonest === UNKNOWN) this.#soonest = this.#findSoonest();
    return this.#timeOf(this.#soonest);
  }

  /** Moves what is due up to tick `target` from the slots to the due ones. */
  #collect(target: number): void {
    const first = this.#tick + 1;
    this.#tick = target;
    if (this.#soonest > target || this.#size === 0) return;
    this.#soonest = UNKNOWN;
    // One turn visits every slot, however far the clock jumped
    const last = Math.min(target, first + SLOTS - 1);
    for (let tick = first; tick <= last; tick++) {
      const slot = tick & (SLOTS - 1);
      for (let place = this.#next(slot); place !== slot;) {
        const following = this.#next(place);
        if ((this.#ticks[place] ?? 0) <= target) {
          this.#unlink(place);
          this.#push(DUE, place);
        }
        place = following;
      }
    }
  }

  #findSoonest(): number {
    const first = this.#tick + 1;
    let soonest = Infinity;
    for (let tick = first; tick < first + SLOTS; tick++) {
      const slot = tick & (SLOTS - 1);
      for (let place = this.#next(slot); place !== slot; place = this.#next(place)) {
        const its = this.#ticks[place] ?? 0;
        if (its === tick) return tick;
        soonest = Math.min(soonest, its);
      }
    }
    return soonest;
  }

  /** A place for `timer`, in no ring yet. */
  #take(timer: Timer): number {
    let place = this.#free;
    if (place === NOWHERE) {
      place = this.#end++;
      if (place === this.#after.length) this.#grow();
    } else this.#free = this.#next(place);
    this.#timers[place] = timer;
    this.#size++;
    return place;
  }

  #grow(): void {
    const size = this.#after.length * 2;
    const [before, after] = [new Int32Array(size), new Int32Array(size)];
    const [at, ticks] = [new Float64Array(size), new Float64Array(size)];
    before.set(this.#before);
    after.set(this.#after);
    at.set(this.#at);
    ticks.set(this.#ticks);
    this.#before = before;
    this.#after = after;
    this.#at = at;
    this.#ticks = ticks;
  }

  /** Out of its ring. */
  #leave(place: number): void {
    this.#unlink(place);
    if (this.#ticks[place] === this.#soonest) this.#soonest = UNKNOWN;
  }

  #push(ring: number, place: number): void {
    const last = this.#before[ring] ?? ring;
    this.#after[last] = place;
    this.#before[place] = last;
    this.#after[place] = ring;
    this.#before[ring] = place;
  }

  #unlink(place: number): void {
    const before = this.#before[place] ?? place;
    const after = this.#after[place] ?? place;
    this.#after[before] = after;
    this.#before[after] = before;
  }

  #next(place: number): number {
    return this.#after[place] ?? place;
  }

  #timeOf(tick: number): number {
    return this.#start + tick * this.#granularity;
  }
}
