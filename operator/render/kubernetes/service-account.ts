import type { V1ServiceAccount } from '@kubernetes/client-node';
import { metadata, type Part } from './metadata.ts';
import type { Place } from './place.ts';

/** One of the proxies' own, which no role is bound to and whose token is nowhere: proxies never talk to Kubernetes. */
export function serviceAccount(part: Part, place: Place): V1ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: metadata(part, place),
    automountServiceAccountToken: false,
  };
}
