import { stringify } from 'yaml';
import { dataCentres, domain, pairs, proxiesName, type DataCentre } from './places.ts';

/** The demo's SipCluster as YAML; `etcd` gives each data centre's endpoint as seen from the reader's. */
export function manifest(etcd: Readonly<Record<DataCentre, string>>): string {
  return stringify({
    apiVersion: 'sipcluster.io/v1alpha1',
    kind: 'SipCluster',
    metadata: { name: 'demo', namespace: 'voice' },
    spec: {
      geoLocations: dataCentres.map((name) => ({ name, etcd: { endpoints: [etcd[name]] } })),
      switches: [
        {
          name: 'SIP_Cluster_Switch',
          clusterDNs: [
            {
              name: 'SIP_Cluster_DN',
              domains: [domain],
              fqdn: { srv: proxiesName },
              oosCheck: { interval: '2s', recheck: '1s', timeout: '1s' },
              proxies: dataCentres.map((geoLocation) => ({
                geoLocation,
                replicas: 2,
                listeners: [
                  { transport: 'UDP', port: 5060 },
                  { transport: 'TCP', port: 5060 },
                ],
              })),
              sipServers: pairs.map(({ name, dataCentre, primary, backup }) => ({
                name,
                geoLocation: dataCentre,
                primary: { host: primary },
                backup: { host: backup },
              })),
            },
          ],
        },
      ],
    },
  });
}
