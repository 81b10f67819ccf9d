import type { Hop } from './hop.ts';

/** A UDP socket that a listener sends from and receives by. */
export interface UdpSocket {
  /** Whether ICMP errors come to its user. */
  readonly tellsIcmp: boolean;
  /** Datagrams that the kernel has not taken yet. */
  readonly queued: number;
  /** A latin1 character a byte. False: too many wait already. What fails later is told to the user. */
  send(text: string, hop: Hop): boolean;
  sendBytes(bytes: Buffer, hop: Hop): boolean;
  close(): Promise<void>;
}

export interface UdpSocketUser {
  /** Who a datagram is from. */
  hop(address: string, port: number): Hop;
  /** One datagram: bytes[start, end), which are another's when this returns. */
  received(bytes: Buffer, start: number, end: number, from: Hop): void;
  /** Sending to there failed; of receiving, the port is 0. Never from within send(). */
  failed(error: Error, address: string, port: number): void;
  /**
   * ICMP: a datagram to there did not arrive, for this reason (errno). bytes[start, end), which are another's when this
   * returns: how it began, or nothing.
   */
  undelivered(bytes: Buffer, start: number, end: number, errno: number, address: string, port: number): void;
}
