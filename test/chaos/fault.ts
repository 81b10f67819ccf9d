import type { DataCentre } from './places.ts';
import type { World } from './world.ts';

/** What can go wrong, and what the design promises of it. */
export interface Fault {
  /** As it is called on the command line: `primary-killed`. */
  readonly name: string;
  /** What is done, for the table. */
  readonly what: string;
  /** What is promised, for the table. */
  readonly promise: string;
  /**
   * ms from the fault until set-ups must succeed again; 0: only those may be lost that are under way when it comes;
   * absent: none may be lost at all.
   */
  readonly bound?: number;
  /** How far a proxy's clock is off in the meantime, ms: a registration may end by so much earlier. */
  readonly skew?: number;
  /** Data centres whose calls across have no path while it lasts. */
  readonly parts?: boolean;
  /** What has to be there before anybody calls. */
  prepare?(world: World): Promise<void>;
  inflict(world: World): Promise<void>;
  /** Whether the proxies have done what they have to do; absent: there is nothing to switch. */
  switched?(world: World): Promise<boolean>;
  /** How long it lasts beyond the switch, ms. */
  readonly lasts: number;
  heal(world: World): Promise<void>;
  /** What must hold once it is healed, and the reason if it does not. */
  complaint?(world: World): Promise<string | undefined>;
  /** Puts back what healing leaves changed, when all is counted and nobody calls. */
  restore?(world: World): Promise<void>;
}

/** Whether every proxy of the data centre sees this member active. */
export async function sees(
  world: World,
  dataCentre: DataCentre,
  pair: string,
  active: 'primary' | 'backup',
): Promise<boolean> {
  const observers = world.proxies.filter(({ place }) => place.dataCentre === dataCentre);
  const statuses = await Promise.all(observers.map((proxy) => proxy.status()));
  return statuses.every((status) => status?.pairs.some((seen) => seen.name === pair && seen.active === active));
}
