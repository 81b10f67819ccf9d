import { keyOf, unescapeUser, type SipUri } from '../sip/uri.ts';
import type { Contact } from './contact.ts';

/** The AOR of a REGISTER's To: `user@host`, user unescaped; scheme, port and parameters mean nothing here. */
export function aorOf(to: SipUri): string {
  return to.user === '' ? to.host : `${unescapeUser(to.user)}@${to.host}`;
}

export interface Identity {
  /** With the AOR it is the binding's identity. */
  readonly id: string;
  readonly instance: string | undefined;
  readonly regId: number | undefined;
}

/**
 * What tells a contact's binding from the AOR's others: instance-id and reg-id (RFC 5626 6), or else its URI.
 * @param outbound whether the request may use flows; if not, its reg-id means nothing
 */
export function identityOf(contact: Contact, outbound: boolean): Identity {
  const { instance, regId } = contact;
  return outbound && instance !== undefined && regId !== undefined
    ? { id: `${instance};${regId}`, instance, regId }
    : { id: contactKey(contact), instance, regId: undefined };
}

/** keyOf() leaves other parameters out, but phones tell their contacts apart by them (`;line=2`, `;rinstance=…`). */
export function contactKey({ uri }: Contact): string {
  if (uri.params === '') return keyOf(uri);
  const others = uri.params
    .split(';')
    .map((text) => text.trim())
    .filter((text) => text !== '' && !/^(transport|maddr)\s*(=|$)/i.test(text))
    .map((text) => text.replace(/^[^=]*/, (name) => name.toLowerCase()))
    .toSorted();
  return [keyOf(uri), ...others].join(';');
}
