import { fnv1aBits } from '../hash.ts';
import { uriPlace } from '../sip/uri.ts';

/** What says where a contact is, if nothing of that can be written in another way: the place that uriPlace() would make. */
const PLAIN_PLACE = /^sip:[^@:%]+@[a-z0-9.-]*[a-z0-9-](:[1-9][0-9]*)?(?=;|$)/;

/**
 * A hash of a contact as a column holds it: equal for equal URIs (RFC 3261 19.1.4). Parameters, which few of a place
 * differ by, are left to who compares them. What is no URI has one, too.
 */
export function contactHash(contact: string): number {
  const found = PLAIN_PLACE.exec(contact);
  if (found === null) return fnv1aBits(uriPlace(contact));
  const [place, port] = found;
  const hash = fnv1aBits(contact, undefined, 0, place.length);
  return port === undefined ? fnv1aBits(':0', hash) : hash;
}
