import { stringify } from 'yaml';
import { dataCentres, domain, etcdMembers, nameOf, pairs, proxiesName } from './places.ts';

/** What the design promises follows from these: a silent member is found within both together. */
export const oosCheck = { interval: 2000, timeout: 1000 } as const;

/** Two data centres with an etcd of three members each; TLS listeners by the Secret `sip-tls`. */
export function manifest(): string {
  return stringify({
    apiVersion: 'sipcluster.io/v1alpha1',
    kind: 'SipCluster',
    metadata: { name: 'chaos', namespace: 'voice' },
    spec: {
      geoLocations: dataCentres.map((name) => ({
        name,
        etcd: {
          endpoints: etcdMembers
            .filter(({ dataCentre }) => dataCentre === name)
            .map(({ address }) => `http://${address}:2379`),
        },
      })),
      switches: [
        {
          name: 'SIP_Cluster_Switch',
          clusterDNs: [
            {
              name: 'SIP_Cluster_DN',
              domains: [domain],
              fqdn: { srv: proxiesName },
              oosCheck: { interval: `${oosCheck.interval}ms`, recheck: '1s', timeout: `${oosCheck.timeout}ms` },
              drain: { dnsGrace: '2s', window: '4s', limit: '20s' },
              proxies: dataCentres.map((geoLocation) => ({
                geoLocation,
                replicas: 2,
                listeners: [
                  { transport: 'UDP', port: 5060 },
                  { transport: 'TCP', port: 5060 },
                  { transport: 'TLS', port: 5061, tlsSecretName: 'sip-tls' },
                ],
              })),
              sipServers: pairs.map(({ name, dataCentre, primary, backup }) => ({
                name,
                geoLocation: dataCentre,
                primary: { host: nameOf(primary), port: 5060 },
                backup: { host: nameOf(backup), port: 5060 },
              })),
            },
          ],
        },
      ],
    },
  });
}
