import { DEFAULT_LIMITS, type ParseLimits } from '../sip/message.ts';

/** Bounds of everything that traffic fills or keeps waiting. Times in ms, sizes in bytes. */
export interface TransportLimits {
  /** Of one message on a stream: it is not gathered beyond them. */
  readonly message: ParseLimits;
  /** Hops remembered per listener. */
  readonly hops: number;
  /** Datagrams handed to the kernel and not yet taken by it, per listener. */
  readonly datagramsQueued: number;
  /** ICMP errors a second that are acted on, per listener: anybody can send any number, of datagrams that never were. */
  readonly icmpErrors: number;
  /** Where the listener's socket is not told of them: UDP sockets at once that listen for what the network says of silent peers. */
  readonly icmpSockets: number;
  /** How long each does. */
  readonly icmpTimeout: number;
  /** Open stream connections, inbound and outbound together; one more ends some that nothing holds. */
  readonly connections: number;
  /** Inbound connections that have not yet sent a whole message; one more ends the oldest of them. */
  readonly halfOpen: number;
  /** Unsent bytes on one connection. */
  readonly writeQueue: number;
  /** How long a peer may take to read what has filled the socket's own buffer; nothing is read from it meanwhile. */
  readonly unreadTimeout: number;
  readonly connectTimeout: number;
  /** For the first whole message of an inbound connection, and for the rest of one that was begun. */
  readonly messageTimeout: number;
  /** A connection that nothing holds and that carried nothing for so long is closed. */
  readonly idleTimeout: number;
  /** For so long a peer that sends no more gets the answers to what it asked: as long as a transaction takes that is no INVITE. */
  readonly lingerTimeout: number;
  /** Between two pings of a WebSocket (RFC 6455 5.5.2); one that was not answered by the next ends it. */
  readonly pingInterval: number;
  /** What a connection may take to send what is queued when it is being closed. */
  readonly closeTimeout: number;
}

export const defaultLimits: TransportLimits = {
  message: DEFAULT_LIMITS,
  hops: 65_536,
  datagramsQueued: 4_096,
  icmpErrors: 500,
  icmpSockets: 64,
  icmpTimeout: 4_000,
  connections: 50_000,
  halfOpen: 1_024,
  writeQueue: 1_048_576,
  unreadTimeout: 10_000,
  connectTimeout: 4_000,
  messageTimeout: 30_000,
  idleTimeout: 300_000,
  lingerTimeout: 32_000,
  pingInterval: 25_000,
  closeTimeout: 2_000,
};
