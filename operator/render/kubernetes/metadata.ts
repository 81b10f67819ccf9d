import { createHash } from 'node:crypto';
import type { V1ObjectMeta, V1OwnerReference } from '@kubernetes/client-node';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { Place } from './place.ts';

/** The group of our labels and annotations. */
const group = 'sipcluster.io';

export const label = {
  managedBy: 'app.kubernetes.io/managed-by',
  cluster: `${group}/cluster`,
  geoLocation: `${group}/geo-location`,
  switch: `${group}/switch`,
  dn: `${group}/dn`,
  /** What selectors go by: a shard's name, or a store's. */
  part: `${group}/part`,
} as const;

export const annotation = {
  /** On pods: the hash of the configuration that they should run; a change of it makes the kubelet sync the volume. */
  configuration: `${group}/configuration`,
  /** On the pod template: changes with whatever needs a restart. */
  restart: `${group}/restart`,
  /** On pods of an etcd: `new`, or `existing` for a member that was removed and added again. */
  clusterState: `${group}/initial-cluster-state`,
  /** On pods and nodes: the address to advertise. */
  address: `${group}/address`,
} as const;

/** The value of the label `managed-by`, and the field manager's name. */
export const manager = 'sipcluster';

/** What an object belongs to. */
export interface Part {
  /** The shard's name, or the store's. */
  readonly name: string;
  readonly geoLocation: string;
  readonly component: 'proxy' | 'etcd';
  /** Further labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What every object of a SipCluster carries, by which the operator finds it again. */
export function clusterLabels(cluster: string): Record<string, string> {
  return { [label.managedBy]: manager, [label.cluster]: labelValue(cluster) };
}

/** Labels of an object, and of pods. */
export function labels(part: Part, place: Place): Record<string, string> {
  return {
    ...clusterLabels(place.owner.name),
    'app.kubernetes.io/name': 'sipcluster',
    'app.kubernetes.io/instance': labelValue(place.owner.name),
    'app.kubernetes.io/component': part.component,
    [label.geoLocation]: part.geoLocation,
    [label.part]: part.name,
    ...part.labels,
  };
}

/** Finds a part's pods; a Deployment's can never be changed, so it holds nothing that may. */
export function selector(part: Part): Record<string, string> {
  return { [label.part]: part.name };
}

/** @param suffix what follows the part's name in the object's, as `-udp` */
export function metadata(
  part: Part,
  place: Place,
  suffix = '',
  annotations?: Readonly<Record<string, string>>,
): V1ObjectMeta {
  return {
    name: `${part.name}${suffix}`,
    namespace: place.namespace,
    labels: labels(part, place),
    ...(annotations !== undefined && Object.keys(annotations).length > 0 && { annotations: { ...annotations } }),
    ownerReferences: [ownerReference(place)],
  };
}

/** Deletion is the garbage collector's: nothing blocks it. */
export function ownerReference({ owner }: Place): V1OwnerReference {
  return { apiVersion: `${group}/v1alpha1`, kind: 'SipCluster', name: owner.name, uid: owner.uid, controller: true };
}

/** A label's value has at most 63 characters, a resource's name 253. */
function labelValue(name: string): string {
  if (name.length <= 63) return name;
  return `${name.slice(0, 54)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** As JSON has it: without what is undefined. */
export function asObject(rendered: { apiVersion?: string; kind?: string }): KubernetesObject {
  return JSON.parse(JSON.stringify(rendered)) as KubernetesObject;
}
