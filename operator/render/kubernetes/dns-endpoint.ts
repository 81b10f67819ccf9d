import { isIPv6 } from 'node:net';
import type { V1ObjectMeta } from '@kubernetes/client-node';
import type { Shard } from '../../plan/shard.ts';
import { metadata, type Part } from './metadata.ts';
import type { Place } from './place.ts';

/** One DNS record set, as external-dns has it. */
interface RecordSet {
  readonly dnsName: string;
  readonly recordType: 'SRV' | 'A' | 'AAAA';
  readonly recordTTL: number;
  readonly targets: readonly string[];
}

interface DnsEndpoint {
  readonly apiVersion: 'externaldns.k8s.io/v1alpha1';
  readonly kind: 'DNSEndpoint';
  readonly metadata: V1ObjectMeta;
  readonly spec: { readonly endpoints: readonly RecordSet[] };
}

/** Below drain.dnsGrace's default, so that no phone comes to a proxy that has stopped to take new work, s. */
const ttl = 20;
const services = { UDP: '_sip._udp', TCP: '_sip._tcp', TLS: '_sips._tcp', WS: undefined, WSS: undefined } as const;

/**
 * The records that the names of the proxies should have (RFC 3263 4.2).
 * @param addresses what the shard's proxies advertise, numeric
 */
function recordSets({ fqdn, listeners }: Pick<Shard, 'fqdn' | 'listeners'>, addresses: readonly string[]): RecordSet[] {
  const host = fqdn.a ?? fqdn.srv;
  if (host === undefined || addresses.length === 0) return [];
  const sorted = addresses.toSorted();
  const srv = listeners.flatMap(({ transport, port, side }): RecordSet[] => {
    const service = services[transport];
    if (fqdn.srv === undefined || service === undefined || side === 'Internal') return [];
    return [
      { dnsName: `${service}.${fqdn.srv}`, recordType: 'SRV', recordTTL: ttl, targets: [`0 50 ${port} ${host}.`] },
    ];
  });
  const families = [
    ['A', sorted.filter((address) => !isIPv6(address))],
    ['AAAA', sorted.filter((address) => isIPv6(address))],
  ] as const;
  const hosts = families.flatMap(([recordType, targets]): RecordSet[] =>
    targets.length === 0 ? [] : [{ dnsName: host, recordType, recordTTL: ttl, targets }],
  );
  return [...srv, ...hosts];
}

/** The same as lines of a zone file, for status. */
export function dnsRecords(shard: Pick<Shard, 'fqdn' | 'listeners'>, addresses: readonly string[]): string[] {
  return recordSets(shard, addresses).flatMap(({ dnsName, recordType, recordTTL, targets }) =>
    targets.map((target) => `${dnsName}. ${recordTTL} IN ${recordType} ${target}`),
  );
}

/** What external-dns makes DNS records from. */
export function dnsEndpoint(shard: Shard, part: Part, place: Place, addresses: readonly string[]): DnsEndpoint[] {
  const endpoints = shard.dnsEndpoint ? recordSets(shard, addresses) : [];
  if (endpoints.length === 0) return [];
  return [
    {
      apiVersion: 'externaldns.k8s.io/v1alpha1',
      kind: 'DNSEndpoint',
      metadata: metadata(part, place),
      spec: { endpoints },
    },
  ];
}
