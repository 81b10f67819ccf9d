import { NOWHERE, type Timer, type TimerWheel } from '../transaction/timers.ts';
import type { Connection } from '../transport/hop.ts';

/** Keeps a phone's connection open as long as a binding needs it (RFC 5626): a held one is never closed as idle. */
export class FlowHolds {
  readonly #timers: TimerWheel;
  readonly #holds = new Map<number, Hold>();

  constructor(timers: TimerWheel) {
    this.#timers = timers;
  }

  /** `until` in ms; the latest of several counts. */
  hold(connection: Connection, until: number): void {
    let hold = this.#holds.get(connection.number);
    if (hold === undefined) {
      hold = new Hold(this, connection);
      this.#holds.set(connection.number, hold);
      connection.holds++;
    }
    if (this.#timers.timeOf(hold) < until) this.#timers.schedule(hold, until);
  }

  /** Its time is over, or it is closed. */
  release(connection: Connection): void {
    const hold = this.#holds.get(connection.number);
    if (hold === undefined) return;
    this.#timers.cancel(hold);
    this.#holds.delete(connection.number);
    connection.holds--;
  }

  has(connection: Connection): boolean {
    return this.#holds.has(connection.number);
  }

  get size(): number {
    return this.#holds.size;
  }
}

class Hold implements Timer {
  place = NOWHERE;
  readonly #holds: FlowHolds;
  readonly #connection: Connection;
  constructor(holds: FlowHolds, connection: Connection) {
    this.#holds = holds;
    this.#connection = connection;
  }
  expire(): void {
    this.#holds.release(this.#connection);
  }
}
