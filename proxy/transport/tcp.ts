import type { StreamProtocol } from './stream-protocol.ts';
import { SocketWire } from './wire.ts';

/** RFC 3261 18 over TCP: a connected socket carries SIP as it is. */
export const tcp: StreamProtocol = {
  accept: (socket, user) => user.opened(new SocketWire(socket, user)),
  dial: (socket, _hop, user) => user.opened(new SocketWire(socket, user)),
  serverName: () => undefined,
  close: () => undefined,
};
