import type { V1NetworkPolicy, V1NetworkPolicyPort } from '@kubernetes/client-node';
import type { Shard } from '../../plan/shard.ts';
import { metadata, selector, type Part } from './metadata.ts';
import type { Place } from './place.ts';
import { protocolOf } from './ports.ts';

/**
 * Who may reach the proxies: anyone at their listeners, only pods of this Kubernetes cluster at the admin port.
 * Most networks ignore it for pods with HostNetwork.
 */
export function networkPolicy(shard: Shard, part: Part, place: Place): V1NetworkPolicy {
  const listeners = shard.listeners.map(({ transport, port }): V1NetworkPolicyPort => ({
    protocol: protocolOf(transport),
    port,
  }));
  const admin: V1NetworkPolicyPort[] = [{ protocol: 'TCP', port: shard.adminPort }];
  // The client's types call the field `_from`, since from is a word of other languages; on the wire it is `from`.
  const ingress = [{ ports: listeners }, { ports: admin, from: [{ namespaceSelector: {} }] }];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(part, place),
    spec: { podSelector: { matchLabels: selector(part) }, policyTypes: ['Ingress'], ingress },
  };
}
