import type { Socket } from 'node:net';
import type { Hop } from './hop.ts';
import type { WireUser } from './wire.ts';

/** What lies between a TCP socket and SIP: nothing, TLS, WebSocket or both. */
export interface StreamProtocol {
  /** Makes an accepted socket carry SIP: ends in user.opened() or user.broken(). */
  accept(socket: Socket, user: WireUser): void;
  /** The same for a socket of ours that is connected. Undefined: nobody is dialled. */
  readonly dial?: (socket: Socket, hop: Hop, user: WireUser) => void;
  /** The name that a connection must be proven to lead to before it is used for this hop. Undefined: none. */
  serverName(hop: Hop): string | undefined;
  close(): void;
}
