import type { DeploymentState } from './deployment-state.ts';
import { differences } from './kubernetes/managed-fields.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import type { Shard } from './plan/shard.ts';
import { label, manager } from './render/kubernetes/metadata.ts';

/** How long after its grace period a pod may still be there, ms: one of a lost node stays for ever, and holds nothing up. */
const tidied = 60_000;

/**
 * Shards that may not get a new pod template now: another of their geo-location is still rolling, and one at a time does.
 * One that rolls itself may, since that may be what gets it going again; of several that would begin, the first does.
 * @param changing names of the shards whose template differs from what runs
 * @param ending names of those of which a pod still ends: a roll that begins would end another beside it
 */
export function waitingShards(
  shards: readonly Shard[],
  states: ReadonlyMap<string, DeploymentState>,
  changing: ReadonlySet<string>,
  ending: ReadonlySet<string>,
): string[] {
  const busy = new Map<string, string>();
  for (const { geoLocation, name } of shards) {
    if (states.get(name)?.rolling === true && !busy.has(geoLocation)) busy.set(geoLocation, name);
  }
  return shards.flatMap(({ geoLocation, name }) => {
    if (!changing.has(name)) return [];
    const begins = states.get(name)?.rolling !== true;
    if (begins && ending.has(name)) return [name];
    const other = busy.get(geoLocation);
    if (other !== undefined && other !== name) return begins ? [name] : [];
    busy.set(geoLocation, name);
    return [];
  });
}

/**
 * Names of the shards whose pods would be replaced.
 * @param objects as they should be
 * @param deployment finds a Deployment that is there by its name
 */
export function changingShards(
  objects: readonly KubernetesObject[],
  deployment: (name: string) => KubernetesObject | undefined,
): Set<string> {
  const changing = objects.filter((object) => {
    const live = object.kind === 'Deployment' ? deployment(object.metadata.name) : undefined;
    return (
      live !== undefined && differences(object, live, manager).some(({ path }) => path.startsWith('spec.template'))
    );
  });
  return new Set(changing.map(({ metadata }) => metadata.name));
}

/**
 * Names of the shards of which a pod was told to end, and is not gone.
 * @param now ms since the epoch
 */
export function endingShards(objects: readonly KubernetesObject[], now: number): ReadonlySet<string> {
  const ending = objects.filter(({ kind, metadata: { deletionTimestamp } }) => {
    // It is the time by which the pod has to be gone.
    return kind === 'Pod' && deletionTimestamp !== undefined && now < Date.parse(deletionTimestamp) + tidied;
  });
  return new Set(ending.map(({ metadata }) => metadata.labels?.[label.part] ?? ''));
}
