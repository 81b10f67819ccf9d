/**
 * When the simulated world begins, ms since the epoch: seconds before the next ten minutes, so that a store which is
 * lost later makes token keys of other names.
 */
export const EPOCH = 1_700_000_395_000;

/** Something that will happen; `run` undefined: it was called off. */
export interface Appointment {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Virtual time: a heap of what is to happen. What is due at one time happens in the order in which it was asked for. */
export class Clock {
  now = EPOCH;
  readonly #heap: Appointment[] = [];
  #order = 0;

  at(time: number, run: () => void): Appointment {
    const appointment = { at: Math.max(time, this.now), order: this.#order++, run };
    this.#up(appointment);
    return appointment;
  }

  after(ms: number, run: () => void): Appointment {
    return this.at(this.now + ms, run);
  }

  every(ms: number, run: () => void, first = ms): void {
    this.after(first, () => {
      run();
      this.every(ms, run);
    });
  }

  /** Goes to the next appointment up to `end` and keeps it; false: there is none, and it is `end` now. */
  step(end: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > end) {
        this.now = Math.max(this.now, end);
        return false;
      }
      this.#pop();
      if (next.run === undefined) continue;
      this.now = next.at;
      next.run();
      return true;
    }
  }

  #up(appointment: Appointment): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(appointment);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isSooner(appointment, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = appointment;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isSooner(right, below)) {
        child++;
        below = right;
      }
      if (!isSooner(below, last)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
  }
}

function isSooner(a: Appointment, b: Appointment): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
