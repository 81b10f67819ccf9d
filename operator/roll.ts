import type { DeploymentState } from './deployment-state.ts';
import type { Shard } from './plan/shard.ts';

/**
 * Shards that may not get a new pod template now: another of their geo-location is still rolling, and one at a time does.
 * One that rolls itself may, since that may be what gets it going again; of several that would begin, the first does.
 * @param changing names of the shards whose template differs from what runs
 */
export function waitingShards(
  shards: readonly Shard[],
  states: ReadonlyMap<string, DeploymentState>,
  changing: ReadonlySet<string>,
): string[] {
  const busy = new Map<string, string>();
  for (const { geoLocation, name } of shards) {
    if (states.get(name)?.rolling === true && !busy.has(geoLocation)) busy.set(geoLocation, name);
  }
  return shards.flatMap(({ geoLocation, name }) => {
    if (!changing.has(name)) return [];
    const other = busy.get(geoLocation);
    if (other !== undefined && other !== name) return states.get(name)?.rolling === true ? [] : [name];
    busy.set(geoLocation, name);
    return [];
  });
}
