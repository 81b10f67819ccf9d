import { stringify } from 'yaml';
import type { Cast } from './cast.ts';
import { cluster, dataCentres, domain, namespace, pairs, proxiesName } from './places.ts';

/** What the story changes in it. */
export interface Changes {
  readonly image?: string;
  /** Weight of ss1. */
  readonly weight?: number;
  /** Time between two pings of a member. */
  readonly interval?: string;
  /** CPU that each proxy asks for. */
  readonly cpu?: string;
}

/** A SipCluster of two data centres in one Kubernetes cluster, with an etcd each that the operator runs. */
export function manifest(cast: Cast, { image, weight = 1, interval = '2s', cpu = '100m' }: Changes = {}): string {
  return stringify({
    apiVersion: 'sipcluster.io/v1alpha1',
    kind: 'SipCluster',
    metadata: { name: cluster, namespace },
    spec: {
      ...(image !== undefined && { image }),
      geoLocations: dataCentres.map((name) => ({ name, etcd: { managed: { replicas: 1, storage: '256Mi' } } })),
      switches: [
        {
          name: 'SIP_Cluster_Switch',
          clusterDNs: [
            {
              name: 'SIP_Cluster_DN',
              domains: [domain],
              fqdn: { srv: proxiesName },
              oosCheck: { interval, recheck: '1s', timeout: '1s' },
              // Names are believed for 5 s here: a proxy that ends takes new work a little longer.
              drain: { dnsGrace: '6s', window: '3s', limit: '12s' },
              proxies: dataCentres.map((geoLocation) => ({
                geoLocation,
                replicas: 2,
                exposure: { type: 'PodNetwork' },
                template: { resources: { requests: { cpu, memory: '128Mi' } } },
              })),
              sipServers: pairs.map((pair) => ({
                name: pair.name,
                geoLocation: pair.dataCentre,
                weight: pair.name === 'ss1' ? weight : 1,
                primary: { host: cast.address(pair, 'primary') },
                backup: { host: cast.address(pair, 'backup') },
              })),
            },
          ],
        },
      ],
    },
  });
}
