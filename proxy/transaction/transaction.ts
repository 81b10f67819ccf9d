import type { Hop } from '../transport/hop.ts';
import { NEVER, NOWHERE, type Timer, type TimerWheel } from './timers.ts';

/** What is there now and what has happened since the start. */
export interface TransactionCounts {
  /** Transactions there are now, lingering ones included. */
  clients: number;
  servers: number;
  /** Those that linger. */
  lingering: number;
  /** Those that were ended while they lingered, because there were too many. */
  endedEarly: number;
  /** Requests answered 503 because there were too many transactions. */
  refused: number;
  /** Messages sent again: by timers A, E and G, and because a request or a final response came again. */
  resent: number;
}

/** Waits end at multiples of this, ms. */
const TOGETHER = 50;

/** What every transaction shares. Times in ms. */
export interface Setting {
  readonly timers: TimerWheel;
  /** RFC 3261 17.1.1.1: round-trip estimate, 500. */
  readonly t1: number;
  /** Longest interval between retransmissions of a non-INVITE request or an INVITE's final response, 4000. */
  readonly t2: number;
  /** How long a message stays in the network, 5000. */
  readonly t4: number;
  readonly counts: TransactionCounts;
  /** When the layer began, ms on the clock of `timers`. */
  readonly epoch: number;
  /**
   * Whole ms since then: tens of thousands of transactions wait, each with several times, and V8 makes an object of each
   * that is no whole number of 32 bits. After 24 days it does.
   */
  now(): number;
  send(text: string, hop: Hop): void;
  /** The same of a request that got no answer. */
  resend(text: string, hop: Hop): void;
}

/**
 * The timers of a transaction. Every machine needs at most two at once: one that sends again (A, E, G) and one that ends
 * a state (all others); so the transaction is the only node in the wheel, due at the sooner of the two.
 */
export abstract class Transaction implements Timer {
  place = NOWHERE;
  readonly setting: Setting;
  readonly hop: Hop;
  /** A reliable transport needs no retransmissions and no waiting for them (RFC 3261 17). */
  readonly reliable: boolean;
  #repeatAt = NEVER;
  #repeatEvent = 0;
  #interval = 0;
  #endAt = NEVER;
  #endEvent = 0;
  #lingers = false;

  constructor(setting: Setting, hop: Hop) {
    this.setting = setting;
    this.hop = hop;
    this.reliable = hop.transport !== 'UDP';
    if (hop.connection !== undefined) hop.connection.holds++;
  }

  /** Runs an event; false: ignored in its state. */
  protected abstract fire(event: number): boolean;

  /** The interval of the last `repeat`. */
  get interval(): number {
    return this.#interval;
  }

  /** Fires `event` after `interval`, unless the transport is reliable. */
  repeat(event: number, interval: number): void {
    if (this.reliable) return;
    this.#interval = interval;
    this.once(event, interval);
  }

  /** Fires `event` after `delay`, on any transport, in the place of `repeat`. */
  once(event: number, delay: number): void {
    this.#repeatEvent = event;
    this.#repeatAt = this.setting.now() + delay;
    this.#arm();
  }

  stopRepeating(): void {
    this.#repeatAt = NEVER;
    this.#arm();
  }

  /** Fires `event` at `at`, in place of what was to end the state before. */
  until(event: number, at: number): void {
    this.#endEvent = event;
    this.#endAt = at;
    this.#arm();
  }

  /**
   * Nothing more to send again: only waits until `event` after `delay`, which fires at once if that is 0. Many end at one
   * time then, so that a proxy with little to do is woken for all of them at once.
   */
  wait(event: number, delay: number): void {
    this.#repeatAt = NEVER;
    if (delay === 0) {
      this.#endAt = NEVER;
      this.fire(event);
    } else {
      this.until(event, Math.ceil((this.setting.now() + delay) / TOGETHER) * TOGETHER);
    }
  }

  /**
   * All is done, and only what comes again is absorbed, for 64*T1 until `event`: half a minute, in which nearly all
   * transactions are that there are.
   */
  linger(event: number): void {
    this.#lingers = true;
    this.setting.counts.lingering++;
    this.wait(event, 64 * this.setting.t1);
  }

  get lingers(): boolean {
    return this.#lingers;
  }

  /** It lingers, and is to do so no longer. */
  endEarly(): void {
    if (this.#lingers) this.fire(this.#endEvent);
  }

  stopTimers(): void {
    this.#repeatAt = NEVER;
    this.#endAt = NEVER;
    this.#arm();
  }

  expire(wheelNow: number): void {
    const now = wheelNow - this.setting.epoch;
    if (this.#endAt !== NEVER && this.#endAt <= now) {
      const event = this.#endEvent;
      this.#endAt = NEVER;
      this.fire(event);
    } else if (this.#repeatAt !== NEVER && this.#repeatAt <= now) {
      const event = this.#repeatEvent;
      this.#repeatAt = NEVER;
      this.fire(event);
    }
    this.#arm();
  }

  /** Lets go of the timers and the connection; the sides call it once when the machine has come to its end. */
  protected release(): void {
    this.stopTimers();
    if (this.#lingers) this.setting.counts.lingering--;
    if (this.hop.connection !== undefined) this.hop.connection.holds--;
  }

  #arm(): void {
    const due = soonest(this.#repeatAt, this.#endAt);
    const { timers, epoch } = this.setting;
    if (due === NEVER) timers.cancel(this);
    else if (due + epoch !== timers.timeOf(this)) timers.schedule(this, due + epoch);
  }
}

function soonest(a: number, b: number): number {
  if (a === NEVER || b === NEVER) return Math.max(a, b);
  return Math.min(a, b);
}
