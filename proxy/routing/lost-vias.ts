import { Edit } from '../sip/edit.ts';
import { Header } from '../sip/header.ts';
import { Message, RELAXED_LIMITS } from '../sip/message.ts';
import type { ClientOwner } from '../transaction/layer.ts';
import { Copying } from './copying.ts';
import { FurtherSuccess } from './further-success.ts';

/**
 * A response whose only Via is ours, with those of its request given back: some servers answer with the topmost one of
 * several, SIPp's scenarios for PRACK, UPDATE and CANCEL among them. RFC 3261 16.7 step 3 forbids to pass it on as it
 * came, for it would reach nobody that knows it; what it should have been is known from the request that it answers.
 * Undefined: it answers none that was forwarded.
 * @param owner of the client transaction that it matches
 */
export function withLostVias(response: Message, owner: ClientOwner | undefined): Message | undefined {
  const vias = owner instanceof Copying ? viasOf(owner) : owner instanceof FurtherSuccess ? owner.lostVias : undefined;
  if (vias === undefined) return undefined;
  const all = [response.value(Header.Via), ...vias].join(', ');
  return new Message(new Edit(response).replace(response.find(Header.Via), all).render(), RELAXED_LIMITS);
}

function viasOf(copy: Copying): readonly string[] {
  copy.lostVias ??= copy.context.received.message.values(Header.Via);
  return copy.lostVias;
}
