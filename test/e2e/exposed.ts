import { stringify } from 'yaml';
import type { Cast } from './cast.ts';
import { domain, namespace, pairs, type PairPlace } from './places.ts';

/** SipClusters whose DNs are reached from outside the cluster, each in its own way. */
export const outside = 'outside';
/** Apart, since it never comes to an end here: one node takes one of its two proxies, and nothing else of it may roll. */
export const onHost = 'onhost';
const geoLocation = 'dc1';

export interface Exposed {
  /** Its SipCluster. */
  readonly cluster: typeof outside | typeof onHost;
  readonly type: 'NodePort' | 'LoadBalancer' | 'HostNetwork';
  readonly dn: string;
  /** Port of its proxies. */
  readonly port: number;
  /** The one that serves it. */
  readonly pair: PairPlace;
  readonly caller: string;
  readonly callee: string;
}

const [first, second, third] = pairs;
if (first === undefined || second === undefined || third === undefined) throw new Error('it takes three pairs');

export const exposures: readonly Exposed[] = [
  { cluster: outside, type: 'NodePort', dn: 'nodeport', port: 5060, pair: first, caller: 'alice', callee: 'bob' },
  { cluster: outside, type: 'LoadBalancer', dn: 'balanced', port: 5060, pair: second, caller: 'carol', callee: 'dave' },
  { cluster: onHost, type: 'HostNetwork', dn: 'host', port: 5060, pair: third, caller: 'erin', callee: 'frank' },
];

/** Name of a DN's objects. */
export function partOf({ cluster, dn }: Exposed): string {
  return `${cluster}-sw-${dn}-${geoLocation}`;
}

/** Name of a DN's proxies in the cluster, by the operator's own headless Service: its SRV records are of the first listener. */
export function proxiesOfDn(exposed: Exposed): string {
  return `${partOf(exposed)}-udp.${namespace}.svc.cluster.local`;
}

/** What can be wrong with it though the API server takes it. */
export interface Wrong {
  /** Secret of a TLS listener of the first DN. */
  readonly tlsSecretName?: string;
  /** A host of the second DN's pair that has no address. */
  readonly host?: string;
}

export function exposedManifest(cast: Cast, { tlsSecretName, host }: Wrong = {}): string {
  const dn = (exposed: Exposed, index: number): object => {
    const { type, dn: name, port, pair } = exposed;
    return {
      name,
      domains: [domain],
      // SIP Servers are led by it to the pods, phones outside to the node or the load balancer: each has a DNS of its own.
      fqdn: { srv: proxiesOfDn(exposed) },
      oosCheck: { interval: '2s', recheck: '1s', timeout: '1s' },
      drain: { dnsGrace: '3s', window: '1s', limit: '5s' },
      proxies: [
        {
          geoLocation,
          replicas: 2,
          listeners: [
            // SIP Servers come straight to the pod: the NAT of a Service may change the port that they are known by.
            { transport: 'UDP', port: 5070, side: 'Internal' },
            ...(['UDP', 'TCP'] as const).map((transport) => ({ transport, port, side: 'External' })),
            ...(index === 0 && tlsSecretName !== undefined
              ? [{ transport: 'TLS', port: 5061, tlsSecretName, side: 'External' }]
              : []),
          ],
          exposure: { type },
          template: { resources: { requests: { cpu: '50m', memory: '128Mi' } } },
        },
      ],
      sipServers: [
        {
          name: pair.name,
          geoLocation,
          primary: { host: cast.address(pair, 'primary') },
          backup: { host: index === 1 && host !== undefined ? host : cast.address(pair, 'backup') },
        },
      ],
    };
  };
  const sipCluster = (name: Exposed['cluster']): string =>
    stringify({
      apiVersion: 'sipcluster.io/v1alpha1',
      kind: 'SipCluster',
      metadata: { name, namespace },
      spec: {
        geoLocations: [{ name: geoLocation, etcd: { managed: { replicas: 1, storage: '256Mi' } } }],
        switches: [{ name: 'sw', clusterDNs: exposures.filter(({ cluster }) => cluster === name).map(dn) }],
      },
    });
  return [sipCluster(outside), sipCluster(onHost)].join('---\n');
}
