import type { V1Service } from '@kubernetes/client-node';
import { metadata, selector, type Part } from './metadata.ts';
import type { Place } from './place.ts';

/** Names for the members; those that aren't ready too, since members need each other's to become so. */
export function storeService(part: Part, place: Place): V1Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadata(part, place),
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: selector(part),
      ports: [
        { name: 'client', port: 2379, targetPort: 'client', protocol: 'TCP' },
        { name: 'peer', port: 2380, targetPort: 'peer', protocol: 'TCP' },
      ],
    },
  };
}
