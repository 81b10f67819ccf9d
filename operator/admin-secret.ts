import { randomBytes } from 'node:crypto';
import { adminSecretName } from './plan/name.ts';
import { clusterLabels, ownerReference } from './render/kubernetes/metadata.ts';
import type { Place } from './render/kubernetes/place.ts';
import type { KubernetesObject } from './kubernetes/object.ts';

/** A Secret with a new token for the admin ports of a SipCluster's proxies: its file is `token`. */
export function adminSecret(place: Place): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: adminSecretName(place.owner.name),
      namespace: place.namespace,
      labels: clusterLabels(place.owner.name),
      ownerReferences: [ownerReference(place)],
    },
    type: 'Opaque',
    data: { token: Buffer.from(randomBytes(32).toString('base64url')).toString('base64') },
  };
}
