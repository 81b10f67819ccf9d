import type { Transport } from './hop.ts';

/** What the transports count since start, as plain numbers: metrics read them, nothing is computed per message. */
export interface TransportCounters {
  udpReceived: number;
  udpSent: number;
  tcpReceived: number;
  tcpSent: number;
  tlsReceived: number;
  tlsSent: number;
  wsReceived: number;
  wsSent: number;
  wssReceived: number;
  wssSent: number;
  /** CRLFCRLF pings answered on streams (RFC 5626 4.4.1). */
  keepAlives: number;
  /** STUN binding requests (RFC 5626 4.4.2). */
  stunAnswered: number;
  /** Datagrams that begin as STUN does and are no binding request. */
  stunDropped: number;
  /** Received or to be sent while the peer's address was cut off by `block`. */
  blockedDropped: number;
  /** Larger than a datagram can be. */
  tooLargeDropped: number;
  /** The kernel takes no more datagrams for now and the queue before it is full. */
  sendQueueDropped: number;
  sendFailed: number;
  /** By node:dgram: requests sent again so that ICMP errors come back. */
  icmpWatched: number;
  /** ICMP errors, and those beyond the number that is acted on. */
  icmpErrors: number;
  icmpIgnored: number;
  connectionsAccepted: number;
  connectionsOpened: number;
  connectFailed: number;
  connectTimedOut: number;
  /** Inbound ones above the limit. */
  connectionsRefused: number;
  closedIdle: number;
  /** TLS handshakes of others that failed. */
  handshakesFailed: number;
  /** Clients' certificates that no authority of the listener vouches for: they count as if none was shown. */
  certificatesUntrusted: number;
  /** HTTP requests on a WebSocket port that are no opening of SIP over WebSocket. */
  upgradesRefused: number;
  /** WebSockets that did not answer a ping. */
  closedSilent: number;
  /** No whole message within the time given. */
  closedHalfOpen: number;
  /** A message that was begun and not ended within the time given. */
  closedSlow: number;
  /** A peer that does not read what it is sent. */
  closedUnread: number;
  closedMalformed: number;
}

export function transportCounters(): TransportCounters {
  return {
    udpReceived: 0,
    udpSent: 0,
    tcpReceived: 0,
    tcpSent: 0,
    tlsReceived: 0,
    tlsSent: 0,
    wsReceived: 0,
    wsSent: 0,
    wssReceived: 0,
    wssSent: 0,
    keepAlives: 0,
    stunAnswered: 0,
    stunDropped: 0,
    blockedDropped: 0,
    tooLargeDropped: 0,
    sendQueueDropped: 0,
    sendFailed: 0,
    icmpWatched: 0,
    icmpErrors: 0,
    icmpIgnored: 0,
    connectionsAccepted: 0,
    connectionsOpened: 0,
    connectFailed: 0,
    connectTimedOut: 0,
    connectionsRefused: 0,
    handshakesFailed: 0,
    certificatesUntrusted: 0,
    upgradesRefused: 0,
    closedSilent: 0,
    closedIdle: 0,
    closedHalfOpen: 0,
    closedSlow: 0,
    closedUnread: 0,
    closedMalformed: 0,
  };
}

/** Counts messages of streams by transport. */
export const receivedBy = {
  UDP: 'udpReceived',
  TCP: 'tcpReceived',
  TLS: 'tlsReceived',
  WS: 'wsReceived',
  WSS: 'wssReceived',
} as const satisfies Record<Transport, keyof TransportCounters>;

export const sentBy = {
  UDP: 'udpSent',
  TCP: 'tcpSent',
  TLS: 'tlsSent',
  WS: 'wsSent',
  WSS: 'wssSent',
} as const satisfies Record<Transport, keyof TransportCounters>;
