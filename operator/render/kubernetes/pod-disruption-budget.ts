import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import { metadata, selector, type Part } from './metadata.ts';
import type { Place } from './place.ts';

/** One at a time; pods that are not ready never hold up a node's drain. */
export function podDisruptionBudget(part: Part, place: Place): V1PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata(part, place),
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow', selector: { matchLabels: selector(part) } },
  };
}
