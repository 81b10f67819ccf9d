import type { GeoLocation, ManagedEtcd, SipCluster } from '../sip-cluster.ts';
import type { Facts } from './facts.ts';
import { storeName } from './name.ts';

/** One data centre's etcd: to run here, or only to reach. */
export interface StorePlan {
  readonly name: string;
  readonly geoLocation: string;
  /** Client URLs as they are reached from here. */
  readonly endpoints: readonly string[];
  /** What this operator is to run; absent: somebody else does. */
  readonly run?: ManagedEtcd;
  readonly tlsSecretName?: string;
  readonly authSecretName?: string;
}

/** Whether this operator covers that data centre. */
export function covers(facts: Facts, geoLocation: string): boolean {
  return facts.geoLocations?.includes(geoLocation) ?? true;
}

export function planStore(resource: SipCluster, { name: geoLocation, etcd }: GeoLocation, facts: Facts): StorePlan {
  const name = storeName(resource.metadata.name, geoLocation);
  const run = covers(facts, geoLocation) ? etcd.managed : undefined;
  const known = facts.storeEndpoints?.[geoLocation];
  // One that runs here is reached by its name; one that runs in another cluster as the manifest says.
  const own = [`https://${name}:2379`];
  const endpoints = known ?? etcd.endpoints ?? (run ? own : (etcd.managed?.endpoints ?? own));
  const plain = known?.every((endpoint) => endpoint.startsWith('http:')) ?? false;
  return {
    name,
    geoLocation,
    endpoints,
    ...(run && { run }),
    ...(etcd.tlsSecretName !== undefined && !plain && { tlsSecretName: etcd.tlsSecretName }),
    ...(etcd.authSecretName !== undefined && !plain && { authSecretName: etcd.authSecretName }),
  };
}
