import { isIP } from 'node:net';
import type { Problem } from './conditions.ts';
import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import type { StoreView } from './observe.ts';
import type { Facts } from './plan/facts.ts';
import type { Plan } from './plan/plan.ts';
import { label } from './render/kubernetes/metadata.ts';
import type { SipCluster } from './sip-cluster.ts';

/** The addresses that load balancers have given, by the shard's name; only numeric ones can be written into SIP messages. */
export function loadBalancers(objects: readonly KubernetesObject[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { kind, metadata, status } of objects) {
    const part = metadata.labels?.[label.part];
    if (kind !== 'Service' || part === undefined || !metadata.name.startsWith(`${part}-external`)) continue;
    const balancer = isRecord(status) && isRecord(status['loadBalancer']) ? status['loadBalancer'] : {};
    const ingress: readonly unknown[] = Array.isArray(balancer['ingress']) ? balancer['ingress'] : [];
    const addresses = ingress
      .map((entry) => (isRecord(entry) ? String(entry['ip']) : ''))
      .filter((ip) => isIP(ip) !== 0);
    if (addresses[0] !== undefined) found[part] ??= addresses[0];
  }
  return found;
}

/** Shards whose proxies would have to tell a load balancer's address that is not known yet. */
export function pendingAddresses({ shards }: Plan): string[] {
  return shards
    .filter(({ exposure, config }) => exposure.type === 'LoadBalancer' && config.place.advertise === '${ADVERTISE}')
    .map(({ name }) => name);
}

/** Data centres that another Kubernetes cluster runs already, by what its operator says in their etcd. */
export function claimedByOthers({ spec }: SipCluster, views: readonly StoreView[]): Problem[] {
  return spec.geoLocations.flatMap(({ name }): Problem[] => {
    const claim = views.find((view) => view.geoLocation === name && typeof view.claim === 'object')?.claim;
    if (typeof claim !== 'object') return [];
    const message = `spec.geoLocations[${name}]: the Kubernetes cluster ${claim.other} runs it already, as its etcd says; give this operator its own --geo-location, or delete the SipCluster there`;
    return [{ type: 'ConfigurationValid', reason: 'GeoLocationConflict', message }];
  });
}

/** An operator that covers only some data centres leaves the others' etcd to others, whose names must be known. */
export function unreachableStores({ spec }: SipCluster, { geoLocations }: Facts): Problem[] {
  if (geoLocations === undefined) return [];
  const incomplete = spec.geoLocations.filter(
    ({ etcd }) =>
      etcd.managed !== undefined && (etcd.managed.endpoints === undefined || etcd.tlsSecretName === undefined),
  );
  return incomplete.map(({ name }) => ({
    type: 'ConfigurationValid',
    reason: 'EtcdNotReachableFromOtherClusters',
    message: `spec.geoLocations[${name}].etcd: with an operator a data centre, a managed etcd needs managed.endpoints and tlsSecretName, by which the other clusters reach it`,
  }));
}
