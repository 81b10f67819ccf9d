import type { ParseLimits } from './sip/message.ts';

/** What is taken of one message, of one who sends bad ones, and of connections. */
export interface LimitsConfig {
  /** Above: 513. */
  readonly messageBytes: number;
  /** Above: 400. */
  readonly headerFields: number;
  /** Characters; above: 414. */
  readonly requestUri: number;
  /** What Max-Breadth is lowered to (RFC 5393). */
  readonly maxBreadth: number;
  /** Of one Endpoint; the rest is not answered. */
  readonly badMessagesPerSecond: number;
  /** Of one Endpoint; above: 503. */
  readonly refusedRegistersPerSecond: number;
  readonly connections: number;
  /** Connections that have not brought a whole message yet. */
  readonly halfOpenConnections: number;
  /** ms */
  readonly idleTimeout: number;
}

/** The schema's: what holds where a configuration was not read from a file. */
export const DEFAULT_LIMITS: LimitsConfig = {
  messageBytes: 65_536,
  headerFields: 256,
  requestUri: 4_096,
  maxBreadth: 60,
  badMessagesPerSecond: 50,
  refusedRegistersPerSecond: 20,
  connections: 50_000,
  halfOpenConnections: 1_024,
  idleTimeout: 300_000,
};

/** As the parser takes them. */
export function messageLimits({ messageBytes, headerFields, requestUri }: LimitsConfig): ParseLimits {
  return { maxBytes: messageBytes, maxFields: headerFields, maxUri: requestUri };
}
