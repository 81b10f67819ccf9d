import type { Logger as Log } from 'pino';
import type { SipError } from '../sip/sip-error.ts';
import type { TransportCounters } from './counters.ts';
import type { Connection, Hop } from './hop.ts';
import type { TransportLimits } from './limits.ts';

/** What stands above the transports (RFC 3261 18: the transaction layer, or the core for what matches none). */
export interface TransportUser {
  /** A whole SIP message, one latin1 character per byte. Keep-alives never get here. */
  message(text: string, from: Hop): void;
  /** The framing of a stream is lost. An answer sent from within still goes out; then the connection is closed. */
  malformed(error: SipError, from: Hop): void;
  /**
   * What was sent to this hop may not have arrived: refused, timed out, closed, queue full. Of a connection that ends
   * it is called once, with the hop that names the connection, for all that was sent over it.
   */
  failed(hop: Hop, error: Error): void;
  /**
   * ICMP says that a datagram did not get to this hop, for this reason ('ECONNREFUSED'). `sent`: how it began, as much as
   * was quoted, and '' if nothing was. Whoever saw the datagram, or can guess it, can say so.
   */
  undelivered(hop: Hop, sent: string, reason: string): void;
  closed(connection: Connection): void;
}

/** What one listener needs of the whole. */
export interface TransportContext {
  readonly user: TransportUser;
  readonly log: Log;
  /** Replaced as a whole, so read it each time. */
  limits: TransportLimits;
  /** Whether UDP goes by native/udp.c where that is there. */
  readonly batched: boolean;
  readonly counters: TransportCounters;
  /** Addresses that are cut off; replaced as a whole, so read it each time. */
  blocked: ReadonlySet<string>;
  now(): number;
  /** Calls user.failed on a later turn, so that a send never re-enters its caller. */
  fail(hop: Hop, error: Error): void;
  /** Likewise user.closed. */
  closed(connection: Connection): void;
}
