import type { Message } from '../sip/message.ts';
import type { Cidrs } from '../transport/cidr.ts';
import type { Hop } from '../transport/hop.ts';
import type { Member } from '../upstream/pair.ts';
import type { Identity } from './identity.ts';
import type { SenderClass } from './received.ts';

export interface Trust {
  readonly sbcs: Cidrs;
  readonly servers: Cidrs;
}

export interface Members {
  memberAt(address: string, port: number): Member | undefined;
}

/** The pair member that sent a message: by its address and port over UDP, by address and the top Via's port on a stream. */
export function memberOf(message: Message, from: Hop, members: Members): Member | undefined {
  if (from.listener.side === 'External') return undefined;
  if (from.transport === 'UDP') return members.memberAt(from.address, from.port);
  return members.memberAt(from.address, message.via.port === 0 ? 5060 : message.via.port);
}

/** Who sent it. `handedOver`: it carries a valid hand-over token. */
export function classify(
  from: Hop,
  member: Member | undefined,
  handedOver: boolean,
  trust: Trust,
  identity: Identity,
): SenderClass {
  if (member !== undefined) return 'Server';
  if (handedOver && identity.proxyAt(from.address) !== undefined) return 'Proxy';
  if (from.listener.side !== 'External' && trust.servers.has(from.address)) return 'Server';
  return trust.sbcs.has(from.address) ? 'Sbc' : 'Endpoint';
}
