import { isIPv6 } from 'node:net';
import type { V1ObjectMeta } from '@kubernetes/client-node';
import type { Shard } from '../../plan/shard.ts';
import { metadata, type Part } from './metadata.ts';
import type { Place } from './place.ts';
import { protocolOf } from './ports.ts';

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
  const srv = listeners.flatMap(({ transport, port, side, advertise }): RecordSet[] => {
    const service = services[transport];
    if (fqdn.srv === undefined || service === undefined || side === 'Internal') return [];
    // Where each protocol has a load balancer of its own, each has a name of its own.
    const at = advertise?.address === undefined ? host : `${protocolOf(transport).toLowerCase()}.${host}`;
    const target = `0 50 ${advertise?.port ?? port} ${at}.`;
    return [{ dnsName: `${service}.${fqdn.srv}`, recordType: 'SRV', recordTTL: ttl, targets: [target] }];
  });
  const apart = listeners.flatMap(({ transport, side, advertise }): RecordSet[] =>
    side === 'Internal' || advertise?.address === undefined
      ? []
      : hostRecords(`${protocolOf(transport).toLowerCase()}.${host}`, [advertise.address]),
  );
  const names = new Map(
    [...srv, ...apart, ...hostRecords(host, sorted)].map((set) => [`${set.dnsName} ${set.recordType}`, set]),
  );
  return [...names.values()];
}

function hostRecords(dnsName: string, addresses: readonly string[]): RecordSet[] {
  const families = [
    ['A', addresses.filter((address) => !isIPv6(address))],
    ['AAAA', addresses.filter((address) => isIPv6(address))],
  ] as const;
  return families.flatMap(([recordType, targets]): RecordSet[] =>
    targets.length === 0 ? [] : [{ dnsName, recordType, recordTTL: ttl, targets }],
  );
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
