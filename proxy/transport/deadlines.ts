import type { TransportCounters } from './counters.ts';
import type { TransportLimits } from './limits.ts';

/** What became of a connection's time: it is to be ended, and counted as this. */
export interface Overdue {
  readonly counter: keyof TransportCounters;
  readonly why: string;
}

/** What of a connection its deadlines depend on. */
interface Watched {
  readonly inbound: boolean;
  /** Connected, hands shaken. */
  readonly ready: boolean;
  readonly holds: number;
  readonly keepAlive?: number | undefined;
}

/** A keep-alive is overdue when this many times its interval has passed: one may have been on its way. */
const GRACE = 1.5;

/** When a stream connection has had its time. Times in ms; no clock, no socket. */
export class Deadlines {
  readonly #openedAt: number;
  /** Something was sent or received. */
  #activeAt: number;
  /** The peer was last heard of. */
  #heardAt: number;
  #pingedAt: number;
  #pongMissing = false;
  /** When a message that is not complete yet was first seen to be so; 0 if there is none. */
  #partialSince = 0;
  /** Since when its peer does not read what fills the socket's buffer; 0: it does. */
  #unreadSince = 0;
  #proven = false;
  #sendsKeepAlives = false;

  constructor(now: number) {
    this.#openedAt = now;
    this.#activeAt = now;
    this.#heardAt = now;
    this.#pingedAt = now;
  }

  get unread(): boolean {
    return this.#unreadSince !== 0;
  }

  used(now: number): void {
    this.#activeAt = now;
  }

  heard(now: number): void {
    this.#activeAt = now;
    this.#heardAt = now;
  }

  /** A message has come whole. @returns whether it is the first */
  proven(): boolean {
    const first = !this.#proven;
    this.#proven = true;
    return first;
  }

  keptAlive(): void {
    this.#sendsKeepAlives = true;
  }

  pong(now: number): void {
    this.#heardAt = now;
    this.#pongMissing = false;
    this.#partialSince = 0;
  }

  pinged(now: number): void {
    this.#pingedAt = now;
    this.#pongMissing = true;
  }

  /** A message has begun that only bytes to come complete. */
  partly(now: number): void {
    if (this.#partialSince === 0) this.#partialSince = now;
  }

  whole(): void {
    this.#partialSince = 0;
  }

  /** @param now 0: it reads again */
  notRead(now: number): void {
    this.#unreadSince = now;
  }

  /** For how long it has carried nothing. */
  idleFor(now: number): number {
    return now - this.#activeAt;
  }

  pingDue(now: number, limits: TransportLimits): boolean {
    return now - this.#pingedAt >= limits.pingInterval;
  }

  /** Which of its deadlines has passed. */
  overdue(now: number, limits: TransportLimits, watched: Watched): Overdue | undefined {
    const { keepAlive } = watched;
    if (!watched.ready && !watched.inbound) {
      if (now - this.#openedAt < limits.connectTimeout) return undefined;
      return { counter: 'connectTimedOut', why: `no connection within ${limits.connectTimeout} ms` };
    }
    if (watched.inbound && !this.#proven && now - this.#openedAt >= limits.messageTimeout)
      return { counter: 'closedHalfOpen', why: `no message within ${limits.messageTimeout} ms` };
    if (this.#partialSince !== 0 && now - this.#partialSince >= limits.messageTimeout)
      return { counter: 'closedSlow', why: `a message that takes longer than ${limits.messageTimeout} ms` };
    if (this.#unreadSince !== 0 && now - this.#unreadSince >= limits.unreadTimeout)
      return { counter: 'closedUnread', why: `its peer has not read for ${limits.unreadTimeout} ms` };
    // RFC 5626 4.4.1; of a phone that sends none the kernel's own keep-alives tell
    if (keepAlive !== undefined && this.#sendsKeepAlives && now - this.#heardAt >= keepAlive * GRACE)
      return { counter: 'closedSilent', why: `no keep-alive within ${keepAlive * GRACE} ms` };
    if (watched.holds <= 0 && now - this.#activeAt >= limits.idleTimeout)
      return { counter: 'closedIdle', why: `idle for ${limits.idleTimeout} ms` };
    if (this.#pongMissing && this.pingDue(now, limits))
      return { counter: 'closedSilent', why: `no answer to a ping within ${limits.pingInterval} ms` };
    return undefined;
  }
}
