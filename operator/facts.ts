import { isIP } from 'node:net';
import type { Problem } from './conditions.ts';
import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import type { StoreView } from './observe.ts';
import type { ExposedPort, Facts } from './plan/facts.ts';
import type { Plan } from './plan/plan.ts';
import { label } from './render/kubernetes/metadata.ts';
import type { SipCluster } from './sip-cluster.ts';

/** Where Services of ours are reached from outside, by the shard's name; only numeric addresses can be written into SIP messages. */
export function exposedPorts(objects: readonly KubernetesObject[]): Record<string, readonly ExposedPort[]> {
  const found: Record<string, ExposedPort[]> = {};
  for (const { kind, metadata, spec, status } of objects) {
    const part = metadata.labels?.[label.part];
    if (kind !== 'Service' || part === undefined || !metadata.name.startsWith(`${part}-external`)) continue;
    const addresses = ingressOf(status);
    const ports: readonly unknown[] = isRecord(spec) && Array.isArray(spec['ports']) ? spec['ports'] : [];
    const exposed = ports.filter(isRecord).map(({ port, protocol, nodePort }): ExposedPort => ({
      protocol: protocol === 'UDP' ? 'UDP' : 'TCP',
      port: Number(port),
      ...(typeof nodePort === 'number' && { nodePort }),
      ...(addresses.length > 0 && { addresses }),
    }));
    found[part] = [...(found[part] ?? []), ...exposed].toSorted(
      (a, b) => a.port - b.port || (a.protocol < b.protocol ? -1 : 1),
    );
  }
  return found;
}

/** The first of each family. */
function ingressOf(status: unknown): string[] {
  const balancer = isRecord(status) && isRecord(status['loadBalancer']) ? status['loadBalancer'] : {};
  const ingress: readonly unknown[] = Array.isArray(balancer['ingress']) ? balancer['ingress'] : [];
  const addresses = ingress.map((entry) => (isRecord(entry) ? String(entry['ip']) : ''));
  return [4, 6].flatMap((family) => addresses.find((ip) => isIP(ip) === family) ?? []);
}

/** Shards whose proxies would have to tell an address or port that the cluster has not given yet. */
export function pendingAddresses({ shards }: Plan): string[] {
  return shards
    .filter(({ exposure: { type }, config: { place, listeners } }) => {
      if (place.advertise !== '${ADVERTISE}') return false;
      if (type === 'LoadBalancer') return true;
      return type === 'NodePort' && listeners.some(({ side, advertise }) => side !== 'Internal' && !advertise);
    })
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
