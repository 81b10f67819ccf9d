import type { Confirmed } from '../peers/phone-registration.ts';

/** A contact that a proxy holds for a user. */
export interface Held {
  readonly contact: string;
  /** When it ends, ms since 1970. */
  readonly until: number;
}

/** A contact may end that much sooner than its phone reckons, ms: a registration before it ends sooner by more. */
const TOLERANCE = 1000;

/**
 * What is wrong with what a proxy holds for a user, against what the phone's last 200 confirmed: a contact that is
 * gone, that was removed and is there, or whose last refresh is unknown. Undefined: nothing.
 *
 * @param skew how far a proxy's clock was off, ms
 */
export function wrong(held: readonly Held[], confirmed: Confirmed | undefined, skew = 0): string | undefined {
  const known = held.find(({ contact }) => contact === confirmed?.contact);
  const stale = held.filter((one) => one !== known).map(({ contact }) => contact);
  if (stale.length > 0) return `holds ${stale.join(', ')}, which was removed`;
  if (confirmed?.contact === undefined) return undefined;
  if (known === undefined) return `does not hold ${confirmed.contact}`;
  const early = confirmed.until - known.until;
  if (early <= TOLERANCE + skew) return undefined;
  return `lets ${confirmed.contact} end ${Math.round(early / 1000)} s before its time`;
}
