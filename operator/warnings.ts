import { parseDuration } from '../proxy/duration.ts';
import type { FieldPath } from './manifest.ts';
import { portOf } from './plan/ports.ts';
import type { BrokenRule } from './rules.ts';
import type { ClusterDN, GeoLocation, ProxySet, SipCluster, SipServer } from './sip-cluster.ts';

/** What the API server takes, but which is likely not what was meant, or not safe. Of a resource without errors. */
export function warningsOf({ spec }: SipCluster): BrokenRule[] {
  const used = new Set(
    spec.switches
      .flatMap((s) => s.clusterDNs)
      .flatMap((dn) => dn.proxies)
      .map((p) => p.geoLocation),
  );
  return [
    ...spec.geoLocations.flatMap((geo, g) => below(['spec', 'geoLocations', g], geoWarnings(geo, used))),
    ...spec.switches.flatMap((s, i) =>
      s.clusterDNs.flatMap((dn, d) => {
        const warnings = [...dnWarnings(dn), ...serverWarnings(dn), ...dn.proxies.flatMap(proxyWarnings)];
        return below(['spec', 'switches', i, 'clusterDNs', d], warnings);
      }),
    ),
  ];
}

function geoWarnings({ name, etcd }: GeoLocation, used: ReadonlySet<string>): BrokenRule[] {
  const list: BrokenRule[] = [];
  if (!used.has(name)) list.push(warning(['name'], name, `no proxies are in ${name}: its etcd will keep nothing`));
  const plain = etcd.endpoints?.findIndex((endpoint) => endpoint.startsWith('http:')) ?? -1;
  if (plain >= 0) {
    const message =
      'without TLS whoever sees the traffic can read registrations and sign routes: use https, but for tests';
    list.push(warning(['etcd', 'endpoints', plain], etcd.endpoints?.[plain], message));
  }
  return list;
}

function dnWarnings(dn: ClusterDN): BrokenRule[] {
  const list: BrokenRule[] = [];
  if (dn.domains.length === 0) {
    const message = "no domains: only addresses of record at the fqdn names and the proxies' own addresses are served";
    list.push(warning(['domains'], dn.domains, message));
  }
  if (dn.fqdn.srv === undefined && dn.fqdn.a === undefined) {
    const message = 'no fqdn.srv and no fqdn.a: calls will not outlive the proxy that they were set up through';
    list.push(warning(['fqdn'], dn.fqdn, message));
  }
  const { minExpires, maxExpires } = dn.registration;
  if (parseDuration(minExpires) > parseDuration(maxExpires)) {
    const message = `${maxExpires} is below minExpires, ${minExpires}: what phones must ask for is never granted`;
    list.push(warning(['registration', 'maxExpires'], maxExpires, message));
  }
  const { dnsGrace, window, limit } = dn.drain;
  if (parseDuration(limit) < parseDuration(dnsGrace) + parseDuration(window)) {
    const message = `${limit} is below dnsGrace and window together, ${dnsGrace} and ${window}: proxies will end before they have drained`;
    list.push(warning(['drain', 'limit'], limit, message));
  }
  dn.oosCheck.inService.forEach((codes, index) => {
    const [from, to] = codes.split('-');
    if (to !== undefined && from !== undefined && Number(to) < Number(from)) {
      list.push(
        warning(['oosCheck', 'inService', index], codes, `is taken for ${to}-${from}: the lower code comes first`),
      );
    }
  });
  return list;
}

function serverWarnings(dn: ClusterDN): BrokenRule[] {
  const list: BrokenRule[] = [];
  const served = new Set(dn.proxies.map((set) => set.geoLocation));
  const seen = new Map<string, string>();
  dn.sipServers.forEach((pair, index) => {
    const at = ['sipServers', index];
    if (!served.has(pair.geoLocation)) {
      const message = `no proxies of this DN are in ${pair.geoLocation}: nothing checks ${pair.name}, and no new call goes there`;
      list.push(warning([...at, 'geoLocation'], pair.geoLocation, message));
    }
    for (const role of ['primary', 'backup'] as const) {
      const member = pair[role];
      if (member === undefined) continue;
      const address = `${member.host}:${portOf(member)}`;
      const other = seen.get(address);
      if (other !== undefined) {
        list.push(
          warning(
            [...at, role, 'host'],
            member.host,
            `${address} is a member of ${other} as well: requests from it can't be told apart`,
          ),
        );
      }
      seen.set(address, other ?? pair.name);
      if (member.tls !== undefined && member.transport !== 'TLS') {
        list.push(warning([...at, role, 'tls'], undefined, `has no effect with transport ${member.transport}`));
      }
    }
  });
  dn.proxies.forEach(({ geoLocation }, index) => {
    const message = withoutWork(dn, geoLocation);
    if (message !== undefined) list.push(warning(['proxies', index, 'geoLocation'], geoLocation, message));
  });
  return list;
}

/** Why phones at the proxies of a data centre can't call, if so. */
function withoutWork({ sipServers, remoteServers }: ClusterDN, geoLocation: string): string | undefined {
  const local: readonly SipServer[] = sipServers.filter((pair) => pair.geoLocation === geoLocation);
  if (remoteServers === 'Never' && local.length === 0) {
    return `no SIP Server is in ${geoLocation} and remoteServers is Never: its phones can neither register nor call`;
  }
  if (local.length > 0 && local.every((pair) => pair.weight === 0)) {
    return `every SIP Server in ${geoLocation} has weight 0: none takes a new call`;
  }
  return undefined;
}

function proxyWarnings(set: ProxySet, index: number): BrokenRule[] {
  const list: BrokenRule[] = [];
  set.listeners.forEach(({ transport, side, tlsSecretName }, number) => {
    const at = ['listeners', number];
    if (transport === 'UDP' && side === 'Both') {
      const message =
        "trusts UDP source addresses: whoever can send from a SIP Server's address is taken for it; where that can't be ruled out give servers and phones a listener each, side Internal and External";
      list.push(warning([...at, 'side'], side, message));
    }
    if (tlsSecretName !== undefined && transport !== 'TLS' && transport !== 'WSS') {
      list.push(warning([...at, 'tlsSecretName'], tlsSecretName, `has no effect with transport ${transport}`));
    }
  });
  const { type, service } = set.exposure;
  const throughService = set.listeners.findIndex(({ transport, side }) => transport === 'UDP' && side === 'Both');
  if (throughService >= 0 && (type === 'LoadBalancer' || type === 'NodePort')) {
    const message = `SIP Servers that send to what is advertised come through the NAT of a ${type}, which may change the UDP port that they are known by: give them a listener of side Internal, which they reach at the pod`;
    list.push(warning(['listeners', throughService, 'side'], 'Both', message));
  }
  if (service !== undefined && type !== 'LoadBalancer' && type !== 'NodePort') {
    list.push(warning(['exposure', 'service'], undefined, `has no effect with type ${type}`));
  }
  return below(['proxies', index], list);
}

function warning(path: FieldPath, value: unknown, message: string): BrokenRule {
  return { path, value, message };
}

function below(path: FieldPath, list: readonly BrokenRule[]): BrokenRule[] {
  return list.map((found) => ({ ...found, path: [...path, ...found.path] }));
}
