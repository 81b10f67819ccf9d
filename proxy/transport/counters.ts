/** What the transports count since start, as plain numbers: metrics read them, nothing is computed per message. */
export interface TransportCounters {
  udpReceived: number;
  udpSent: number;
  tcpReceived: number;
  tcpSent: number;
  /** CRLFCRLF pings answered on streams (RFC 5626 4.4.1). */
  keepAlives: number;
  /** Datagrams of STUN, which this listener does not speak. */
  stunDropped: number;
  /** Received or to be sent while the peer's address was cut off by `block`. */
  blockedDropped: number;
  /** Larger than a datagram can be. */
  tooLargeDropped: number;
  /** The kernel takes no more datagrams for now and the queue before it is full. */
  sendQueueDropped: number;
  sendFailed: number;
  connectionsAccepted: number;
  connectionsOpened: number;
  connectFailed: number;
  connectTimedOut: number;
  /** Inbound ones above the limit. */
  connectionsRefused: number;
  closedIdle: number;
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
    keepAlives: 0,
    stunDropped: 0,
    blockedDropped: 0,
    tooLargeDropped: 0,
    sendQueueDropped: 0,
    sendFailed: 0,
    connectionsAccepted: 0,
    connectionsOpened: 0,
    connectFailed: 0,
    connectTimedOut: 0,
    connectionsRefused: 0,
    closedIdle: 0,
    closedHalfOpen: 0,
    closedSlow: 0,
    closedUnread: 0,
    closedMalformed: 0,
  };
}
