import type { Fault } from './fault.ts';
import { proxies } from './places.ts';
import type { World } from './world.ts';

/** One proxy after the other is replaced by another release's, and then back: two releases run side by side. */
export function releaseRolled(release: string): Fault {
  return {
    name: 'release-rolled',
    what: 'proxies replaced by another release’s one by one, and back',
    promise: 'none lost',
    prepare: (world) => rolls(world, release),
    inflict: async (world) => {
      await rolls(world);
      await rolls(world, release);
    },
    lasts: 1000,
    heal: (world) => rolls(world),
  };
}

async function rolls(world: World, release?: string): Promise<void> {
  for (const { name } of proxies) await world.replaces(name, release);
}
