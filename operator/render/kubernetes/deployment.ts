import type { V1Deployment, V1DeploymentStrategy } from '@kubernetes/client-node';
import type { Shard } from '../../plan/shard.ts';
import { graceSeconds } from './drain.ts';
import { metadata, selector, type Part } from './metadata.ts';
import type { Place } from './place.ts';
import { podTemplate } from './pod-template.ts';

/** Time that a new pod has beyond the drain of the one before it: image, start, load of the store, s. */
const startTime = 600;

/**
 * The shard's pods. A Deployment doesn't count pods that terminate, so a new one counts only once the one that it
 * replaces must be gone: no two of a shard terminate together.
 */
export function deployment(shard: Shard, part: Part, place: Place): V1Deployment {
  const grace = graceSeconds(shard);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(part, place),
    spec: {
      replicas: shard.replicas,
      revisionHistoryLimit: 3,
      minReadySeconds: grace,
      progressDeadlineSeconds: grace + startTime,
      strategy: strategy(shard),
      selector: { matchLabels: selector(part) },
      template: podTemplate(shard, part, place),
    },
  };
}

/** With HostNetwork a new pod needs the ports of the old one. */
function strategy({ exposure }: Shard): V1DeploymentStrategy {
  const inPlace = exposure.type === 'HostNetwork';
  return {
    type: 'RollingUpdate',
    rollingUpdate: inPlace ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: 1, maxUnavailable: 0 },
  };
}
