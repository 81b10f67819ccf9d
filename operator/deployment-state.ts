import { isRecord, type KubernetesObject } from './kubernetes/object.ts';

/** How far a Deployment is. */
export interface DeploymentState {
  readonly desired: number;
  /** Ready now, whether for minReadySeconds or not. */
  readonly ready: number;
  /** Pods of the newest template. */
  readonly updated: number;
  /** Not all pods are of the newest template and available, or it has not been looked at. */
  readonly rolling: boolean;
  /** Why it goes no further, if so. */
  readonly stuck?: string;
}

/** Undefined: there is no Deployment. */
export function deploymentState(deployment: KubernetesObject | undefined): DeploymentState | undefined {
  if (deployment === undefined) return undefined;
  const spec = isRecord(deployment['spec']) ? deployment['spec'] : {};
  const status = isRecord(deployment['status']) ? deployment['status'] : {};
  const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const desired = count(spec['replicas']);
  const seen = count(status['observedGeneration']) >= (deployment.metadata.generation ?? 0);
  const updated = seen ? count(status['updatedReplicas']) : 0;
  const conditions: readonly unknown[] = Array.isArray(status['conditions']) ? status['conditions'] : [];
  const stuck = seen
    ? conditions.find(
        (condition) => isRecord(condition) && condition['type'] === 'Progressing' && condition['status'] === 'False',
      )
    : undefined;
  return {
    desired,
    ready: count(status['readyReplicas']),
    updated,
    rolling:
      !seen || updated < desired || count(status['availableReplicas']) < desired || count(status['replicas']) > desired,
    ...(isRecord(stuck) && { stuck: String(stuck['message']) }),
  };
}

/**
 * By the shard's name; without those that have no Deployment.
 * @param deployment finds a Deployment by its name
 */
export function deploymentStates(
  shards: readonly { readonly name: string }[],
  deployment: (name: string) => KubernetesObject | undefined,
): Map<string, DeploymentState> {
  const states = shards.map(({ name }) => [name, deploymentState(deployment(name))] as const);
  return new Map(states.filter((entry): entry is readonly [string, DeploymentState] => entry[1] !== undefined));
}
