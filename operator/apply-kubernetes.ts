import { differences, type Difference } from './kubernetes/managed-fields.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { label, manager } from './render/kubernetes/metadata.ts';

/** What apply needs of the API server. */
export interface ApplyEdge {
  /** The object of that kind and name as it is; undefined: there is none. */
  read(wanted: KubernetesObject): Promise<KubernetesObject | undefined>;
  /** Server-side apply by our field manager, forced. */
  apply(wanted: KubernetesObject): Promise<KubernetesObject>;
  /** Deletes exactly that object, by its uid. */
  remove(object: KubernetesObject): Promise<void>;
}

export type Outcome =
  | { readonly result: 'Created' | 'Unchanged' }
  /** `repaired`: what others had changed of what is ours. */
  | { readonly result: 'Updated'; readonly changed: readonly Difference[]; readonly repaired: readonly Difference[] }
  /** An object of that name is somebody else's: it is left as it is. */
  | { readonly result: 'NameConflict' };

/**
 * Makes one object be as wanted; sends nothing if it is already.
 * @param live the object as the watch has it; undefined: the watch, which sees only what has our label, has none
 * @param uid of the SipCluster
 */
export async function applyObject(
  wanted: KubernetesObject,
  live: KubernetesObject | undefined,
  uid: string,
  edge: ApplyEdge,
): Promise<Outcome> {
  // What has not our label is in no watch of ours, and a forced apply would take it over.
  const is = live ?? (await edge.read(wanted));
  if (is === undefined) {
    await edge.apply(wanted);
    return { result: 'Created' };
  }
  if (!isOurs(is, uid)) return { result: 'NameConflict' };
  const changed = differences(wanted, is, manager);
  if (changed.length === 0) return { result: 'Unchanged' };
  await edge.apply(wanted);
  return { result: 'Updated', changed, repaired: changed.filter(({ managers }) => managers.length > 0) };
}

/** Ours is what carries our label and is owned by that very SipCluster: another of the same name, before it, had another uid. */
export function isOurs({ metadata }: KubernetesObject, uid: string): boolean {
  return (
    metadata.labels?.[label.managedBy] === manager &&
    (metadata.ownerReferences ?? []).some((owner) => owner.uid === uid)
  );
}

/**
 * What is surely ours and wanted no more.
 * @param geoLocations those that this operator covers; undefined: all. What belongs to another is another operator's.
 */
export function orphans(
  live: Iterable<KubernetesObject>,
  wanted: readonly KubernetesObject[],
  uid: string,
  geoLocations: readonly string[] | undefined,
): KubernetesObject[] {
  const names = new Set(wanted.map(nameOf));
  return [...live].filter((object) => {
    const { labels, deletionTimestamp } = object.metadata;
    const geoLocation = labels?.[label.geoLocation];
    const covered = geoLocation !== undefined && (geoLocations?.includes(geoLocation) ?? true);
    return isOurs(object, uid) && covered && deletionTimestamp === undefined && !names.has(nameOf(object));
  });
}

function nameOf({ kind, metadata }: KubernetesObject): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}
