import { stringify } from 'yaml';
import type { Cast } from './cast.ts';
import { network } from './node/network.ts';
import { dataCentres, domain, namespace, pairs, type DataCentre } from './places.ts';

/** By this annotation a Service asks the load balancer stand-in for an address. */
export const addressWanted = 'load-balancer-stand-in/address';

/** The SipCluster of two data centres that reach each other by one address each. */
export const apart = 'apart';
/** Name of all its proxies: phones and SIP Servers of each data centre have a DNS that leads to those near them. */
export const proxiesApart = 'proxies.example.com';
/** Ports of its proxies: for SIP Servers, for phones, and for the proxies of the other data centre. */
export const ports = { servers: 5070, phones: 5060, proxies: 5062 } as const;
export const betweenProxies = 'between-proxies';

/** Name of a data centre's objects. */
export function partIn(dataCentre: DataCentre): string {
  return `${apart}-sw-dn-${dataCentre}`;
}

export function apartManifest(cast: Cast): string {
  const proxies = (geoLocation: DataCentre): object => ({
    geoLocation,
    replicas: 2,
    listeners: [
      { transport: 'UDP', port: ports.servers, side: 'Internal' },
      { transport: 'TLS', port: ports.proxies, side: 'Internal', tlsSecretName: betweenProxies },
      { transport: 'UDP', port: ports.phones, side: 'External' },
      { transport: 'TCP', port: ports.phones, side: 'External' },
    ],
    exposure: {
      type: 'LoadBalancer',
      service: { annotations: { [addressWanted]: network.apart[geoLocation].phones } },
    },
    advertise: { address: network.apart[geoLocation].phones, internalAddress: network.apart[geoLocation].proxies },
    template: { resources: { requests: { cpu: '50m', memory: '128Mi' } } },
  });
  return stringify({
    apiVersion: 'sipcluster.io/v1alpha1',
    kind: 'SipCluster',
    metadata: { name: apart, namespace },
    spec: {
      geoLocations: dataCentres.map((name) => ({ name, etcd: { managed: { replicas: 1, storage: '256Mi' } } })),
      switches: [
        {
          name: 'sw',
          clusterDNs: [
            {
              name: 'dn',
              domains: [domain],
              fqdn: { srv: proxiesApart },
              oosCheck: { interval: '2s', recheck: '1s', timeout: '1s' },
              drain: { dnsGrace: '3s', window: '1s', limit: '5s' },
              proxies: dataCentres.map(proxies),
              sipServers: pairs.map((pair) => ({
                name: pair.name,
                geoLocation: pair.dataCentre,
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

/** What a user makes beside it: a Service of one address for what comes from the other data centre. */
export function serviceBetween(dataCentre: DataCentre, selector: Readonly<Record<string, string>>): object {
  const annotations = { [addressWanted]: network.apart[dataCentre].proxies };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `${betweenProxies}-${dataCentre}`,
      namespace,
      annotations,
    },
    spec: {
      type: 'LoadBalancer',
      selector,
      ports: [{ name: 'sips', protocol: 'TCP', port: ports.proxies }],
    },
  };
}
