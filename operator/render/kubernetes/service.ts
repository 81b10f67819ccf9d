import type { V1Service, V1ServicePort, V1ServiceSpec } from '@kubernetes/client-node';
import type { ListenerFile } from '../../../proxy/config-file.ts';
import type { Shard } from '../../plan/shard.ts';
import { metadata, selector, type Part } from './metadata.ts';
import type { Place } from './place.ts';
import { named, protocolOf } from './ports.ts';

const protocols = ['UDP', 'TCP'] as const;

/**
 * One headless Service a protocol, for clients in the cluster: `_sip._udp`, `_sip._tcp` and `_sips._tcp` of their names
 * are the SRV records of RFC 3263.
 */
export function headlessServices(shard: Shard, part: Part, place: Place): V1Service[] {
  return protocols.flatMap((protocol) => {
    const listeners = shard.listeners.filter(({ transport }) => protocolOf(transport) === protocol);
    if (listeners.length === 0) return [];
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(part, place, `-${protocol.toLowerCase()}`),
      spec: {
        clusterIP: 'None',
        selector: selector(part),
        ports: servicePorts(listeners),
        ...families(shard),
      },
    };
  });
}

/** The Services by which the proxies are reached from outside the cluster; none with HostNetwork and PodNetwork. */
export function exposureServices(shard: Shard, part: Part, place: Place): V1Service[] {
  const { type } = shard.exposure;
  if (type !== 'LoadBalancer' && type !== 'NodePort') return [];
  const mixed = shard.exposure.service?.mixedProtocols ?? true;
  const outside = shard.listeners.filter(({ side }) => side !== 'Internal');
  const sets = mixed
    ? [outside]
    : protocols.map((protocol) => outside.filter((listener) => protocolOf(listener.transport) === protocol));
  return sets
    .filter((listeners) => listeners.length > 0)
    .map((listeners) =>
      exposureService(
        shard,
        part,
        place,
        type,
        listeners,
        mixed ? '' : `-${protocolOf(listeners[0]?.transport ?? 'UDP').toLowerCase()}`,
      ),
    );
}

/** Local keeps the source address, which tells phones from SBCs, and never takes a way through a node without a proxy. */
function exposureService(
  shard: Shard,
  part: Part,
  place: Place,
  type: 'LoadBalancer' | 'NodePort',
  listeners: readonly ListenerFile[],
  suffix: string,
): V1Service {
  const { annotations, loadBalancerClass, loadBalancerSourceRanges } = shard.exposure.service ?? {};
  const spec: V1ServiceSpec = {
    type,
    externalTrafficPolicy: 'Local',
    selector: selector(part),
    ports: servicePorts(listeners),
    ...families(shard),
  };
  if (type === 'LoadBalancer' && loadBalancerClass !== undefined) spec.loadBalancerClass = loadBalancerClass;
  if (type === 'LoadBalancer' && loadBalancerSourceRanges !== undefined)
    spec.loadBalancerSourceRanges = [...loadBalancerSourceRanges];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(part, place, `-external${suffix}`, annotations),
    spec,
  };
}

function servicePorts(listeners: readonly ListenerFile[]): V1ServicePort[] {
  const protocolsUsed = new Set(listeners.map(({ transport }) => protocolOf(transport)));
  return named(listeners, ({ transport }) => {
    const service = serviceName[transport];
    // Ports of one Service differ in name; `sip` alone is the name that SRV look-ups of a single protocol find.
    return protocolsUsed.size > 1 && transport === 'UDP' ? `${service}-udp` : service;
  }).map(({ name, port, transport }) => ({ name, port, targetPort: port, protocol: protocolOf(transport) }));
}

const serviceName = { UDP: 'sip', TCP: 'sip', TLS: 'sips', WS: 'ws', WSS: 'wss' } as const;

function families({ exposure: { ipFamilies } }: Shard): Pick<V1ServiceSpec, 'ipFamilies' | 'ipFamilyPolicy'> {
  if (ipFamilies === undefined || ipFamilies.length === 0) return {};
  return { ipFamilies: [...ipFamilies], ipFamilyPolicy: ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack' };
}
