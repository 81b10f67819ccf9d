import { followUp } from './ack.ts';
import type { Message } from './message.ts';

/**
 * The CANCEL for a pending INVITE (RFC 3261 9.1), from the INVITE exactly as it was sent; `reasonLines` are whole
 * header lines, such as the Reason (RFC 3326) that came with the caller's CANCEL.
 */
export function cancelFor(sentInvite: Message, reasonLines: readonly string[] = []): string {
  return followUp(sentInvite, 'CANCEL', sentInvite, reasonLines);
}
