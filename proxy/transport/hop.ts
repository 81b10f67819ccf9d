/** SIP transports (RFC 3261 18, RFC 7118). */
export type Transport = 'UDP' | 'TCP' | 'TLS' | 'WS' | 'WSS';

/** One socket a proxy listens on. */
export interface Listener {
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;
  /** Which side may use it (the manifest's `side`): a SIP Server is never recognised on an External one. */
  readonly side: 'Both' | 'Internal' | 'External';
  /** What Via and Record-Route of messages sent from here say. */
  readonly advertisedAddress: string;
  readonly advertisedPort: number;
}

/** A stream connection (RFC 5626's flow where a phone opened it). */
export interface Connection {
  /** Unique in this process; the number of the flow in bindings and tokens. */
  readonly number: number;
  readonly transport: Transport;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly inbound: boolean;
  readonly open: boolean;
  /** Its peer sends no more, and so it is not open, but the answers to what that asked are still sent over it. */
  readonly lingers?: boolean;
  /** Live bindings and open transactions that need it; a held one is never closed as idle. */
  holds: number;
  /**
   * Its peer was told to send keep-alives, ms apart at most (RFC 5626 4.4): once it does, one that is overdue ends the
   * connection. Undefined: it was not.
   */
  keepAlive?: number | undefined;
  /**
   * TLS: the SIP identities (RFC 5922 7.1) in the certificate that the peer showed, in lower case; none unless the
   * certificate was verified.
   */
  readonly certificateNames?: readonly string[];
  /** What leads over it, from the listener that it came in by. */
  readonly hop?: Hop;
}

/**
 * Where a message came from, or where one goes. Messages that arrive over UDP from one peer share one Hop object
 * where possible, so it may be compared and cached by identity.
 */
export interface Hop {
  readonly transport: Transport;
  /** Remote numeric IP address. */
  readonly address: string;
  readonly port: number;
  /** The local listener that received it or is to send it. */
  readonly listener: Listener;
  /** Streams: the connection to use; without it one is looked up by address and port, or opened. */
  readonly connection?: Connection | undefined;
  /** UDP: something has come from there by this listener. */
  heard?: boolean;
  /** TLS: the name that led to this address and that the peer's certificate must hold (RFC 5922 4). */
  readonly serverName?: string | undefined;
}

/** UDP's 16-bit length less its own header and that of IPv4; IPv6 does not count its fixed header. */
const MOST_BY_UDP = { ipv4: 65_507, ipv6: 65_527 } as const;

/** Whether a message of `length` bytes can be sent there at all. */
export function fits(length: number, { transport, address }: Hop): boolean {
  if (length <= MOST_BY_UDP.ipv4 || transport !== 'UDP') return true;
  return length <= MOST_BY_UDP.ipv6 && address.includes(':');
}
