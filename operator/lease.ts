import type { LeaseEdge, LeaseRecord } from './leader.ts';
import { ApiError } from './kubernetes/api-error.ts';
import type { KubernetesApi } from './kubernetes/api.ts';
import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import { resources } from './kubernetes/resources.ts';

/**
 * A Lease (coordination.k8s.io) as the leader election needs it.
 * @param wall ms since the epoch: only for people to read in the Lease
 */
export function leaseEdge(api: KubernetesApi, namespace: string, name: string, wall: () => number): LeaseEdge {
  return {
    read: async (signal) => {
      const lease = await api.read(resources.Lease, namespace, name, signal);
      const spec = isRecord(lease?.['spec']) ? lease['spec'] : {};
      return {
        holder: typeof spec['holderIdentity'] === 'string' ? spec['holderIdentity'] : '',
        seconds: typeof spec['leaseDurationSeconds'] === 'number' ? spec['leaseDurationSeconds'] : 0,
        transitions: typeof spec['leaseTransitions'] === 'number' ? spec['leaseTransitions'] : 0,
        version: lease?.metadata.resourceVersion,
      };
    },
    write: async (record, signal) => {
      const lease = written(record, namespace, name, wall());
      try {
        // What the server counts, the version, decides between two that write at once.
        await (record.version === undefined ? api.create(lease, signal) : api.replace(lease, signal));
        return true;
      } catch (error) {
        if (error instanceof ApiError && error.status === 409) return false;
        throw error;
      }
    },
  };
}

function written(
  { holder, seconds, transitions, version }: LeaseRecord,
  namespace: string,
  name: string,
  now: number,
): KubernetesObject {
  // The API's MicroTime has six digits.
  const time = new Date(now).toISOString().replace('Z', '000Z');
  const spec = {
    holderIdentity: holder,
    leaseDurationSeconds: seconds,
    leaseTransitions: transitions,
    renewTime: time,
    acquireTime: time,
  };
  const metadata = { name, namespace, ...(version !== undefined && { resourceVersion: version }) };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
}
