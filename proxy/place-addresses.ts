import { isIP } from 'node:net';

/** The place of a configuration as it is written, with its open places filled in: nothing of it is checked yet. */
type WrittenPlace = Readonly<Record<string, unknown>>;

/**
 * A dual-stack pod knows its addresses as one text, `10.2.0.7,fd00::7`, and what it is reached at as another. The first
 * address is the one bound, every other one is bound, too, and each tells others the address of its own family.
 */
export function placeOfEachFamily(place: WrittenPlace): WrittenPlace {
  const { address, advertise, also, ...rest } = place;
  const bound = listed(address);
  const told = listed(advertise);
  if (bound.length < 2 && told.length < 2) return place;
  const [first, ...others] = bound.map((each) => ({
    address: each,
    ...advertisedIn(isIP(each), told),
  }));
  return { ...rest, ...first, also: [...others, ...(Array.isArray(also) ? (also as unknown[]) : [])] };
}

function listed(text: unknown): string[] {
  return typeof text === 'string' ? text.split(',') : [];
}

function advertisedIn(family: number, told: readonly string[]): { advertise?: string } {
  const advertise = told.find((each) => isIP(each) === family);
  return advertise === undefined ? {} : { advertise };
}
