import type { ListenerFile, MemberFile, ProxyConfigFile, ServerFile, StoreFile } from '../../proxy/config-file.ts';
import type { ClusterDN, ListenerSpec, Member, ProxySet, SipCluster, SipServer } from '../sip-cluster.ts';
import type { ExposedPort, Facts } from './facts.ts';
import { adminSecretName } from './name.ts';
import { adminPortBeside, portOf } from './ports.ts';
import type { StorePlan } from './store.ts';

/**
 * The configuration of one shard's proxies, with open places for what only their place knows.
 * @param stores those that they follow, their own data centre's first
 * @param name the shard's
 */
export function planProxyConfig(
  resource: SipCluster,
  switchName: string,
  dn: ClusterDN,
  set: ProxySet,
  stores: readonly StorePlan[],
  facts: Facts,
  name: string,
): ProxyConfigFile {
  const listeners = set.listeners.map((spec) => listener(spec, set, facts, name));
  return {
    namespace: resource.metadata.namespace ?? 'default',
    cluster: resource.metadata.name,
    switch: switchName,
    dn: dn.name,
    geoLocation: set.geoLocation,
    place: { name: '${POD_NAME}', address: bound(set, facts), ...advertised(set, facts, name) },
    domains: dn.domains,
    fqdn: dn.fqdn,
    recordRoute: dn.recordRoute,
    listeners,
    admin: {
      port: facts.adminPort ?? adminPortBeside(listeners),
      // On one machine whoever reaches the port could as well read the token.
      ...(!facts.reachedDirectly && { token: directory(adminSecretName(resource.metadata.name)) }),
    },
    oosCheck: dn.oosCheck,
    overload: dn.overload,
    limits: dn.limits,
    registration: dn.registration,
    drain: dn.drain,
    remoteServers: dn.remoteServers,
    trust: dn.trust,
    servers: dn.sipServers.map(server),
    proxiesIn: dn.proxies.map((proxies) => proxies.geoLocation),
    stores: stores.map((store) => reached(store, facts)),
    log: { level: 'info' },
  };
}

/** All addresses of the pod where the manifest says of which families they are. */
function bound({ exposure: { ipFamilies } }: ProxySet, { reachedDirectly }: Facts): string {
  return ipFamilies === undefined || reachedDirectly ? '${POD_IP}' : '${POD_IPS}';
}

/** What they tell others, where that is not the address they bind. */
function advertised(set: ProxySet, facts: Facts, name: string): Partial<ProxyConfigFile['place']> {
  const { advertise, exposure } = set;
  if (facts.reachedDirectly) return {};
  if (advertise?.address !== undefined) {
    const internal = advertise.internalAddress;
    return { advertise: advertise.address, ...(internal !== undefined && { internal }) };
  }
  if (advertise === undefined && exposure.type === 'LoadBalancer') {
    const addresses = set.listeners
      .filter(({ side }) => side !== 'Internal')
      .map((spec) => exposedPort(spec, facts, name)?.addresses?.join(','));
    const [first] = addresses;
    if (first !== undefined && !addresses.includes(undefined)) return { advertise: first };
  }
  // A proxy that finds no ADVERTISE says so instead of leaking its pod's address: a load balancer may have none yet.
  const ownAddressWillDo = advertise === undefined && ['HostNetwork', 'PodNetwork'].includes(exposure.type);
  return ownAddressWillDo ? {} : { advertise: '${ADVERTISE}' };
}

/** What they tell of one listener, where it is another address or port than the proxy's as a whole. */
function listenerAdvertised(
  spec: ListenerSpec,
  { advertise, exposure }: ProxySet,
  facts: Facts,
  name: string,
): ListenerFile['advertise'] {
  if (facts.reachedDirectly || advertise !== undefined) return undefined;
  if (exposure.type !== 'LoadBalancer' && exposure.type !== 'NodePort') return undefined;
  // No Service carries it: SIP Servers and proxies reach it at the pod.
  if (spec.side === 'Internal') return { address: '${POD_IP}' };
  const found = exposedPort(spec, facts, name);
  if (exposure.type === 'NodePort') return found?.nodePort === undefined ? undefined : { port: found.nodePort };
  const apart = exposure.service?.mixedProtocols === false;
  const [address] = found?.addresses ?? [];
  return apart && address !== undefined ? { address } : undefined;
}

function exposedPort(spec: ListenerSpec, { exposed }: Facts, name: string): ExposedPort | undefined {
  const protocol = spec.transport === 'UDP' ? 'UDP' : 'TCP';
  return exposed?.[name]?.find((port) => port.protocol === protocol && port.port === portOf(spec));
}

function listener(spec: ListenerSpec, set: ProxySet, facts: Facts, name: string): ListenerFile {
  const advertise = listenerAdvertised(spec, set, facts, name);
  return {
    transport: spec.transport,
    port: portOf(spec),
    side: spec.side,
    ...(advertise && { advertise }),
    ...(spec.tlsSecretName !== undefined && { tls: directory(spec.tlsSecretName) }),
  };
}

function server({ name, geoLocation, weight, primary, backup }: SipServer): ServerFile {
  const members = [member('primary', primary), ...(backup ? [member('backup', backup)] : [])];
  return { name, geoLocation, weight, members };
}

function member(role: MemberFile['role'], { host, port, transport, tls }: Member): MemberFile {
  return {
    role,
    host,
    port: portOf({ transport, ...(port !== undefined && { port }) }),
    transport,
    ...(tls && {
      tls: {
        ...(tls.name !== undefined && { name: tls.name }),
        ...(tls.caSecretName !== undefined && { ca: directory(tls.caSecretName) }),
        ...(tls.clientSecretName !== undefined && { client: directory(tls.clientSecretName) }),
      },
    }),
  };
}

function reached({ geoLocation, endpoints, tlsSecretName, authSecretName }: StorePlan, facts: Facts): StoreFile {
  if (facts.memoryStores) return { geoLocation, memory: true };
  return {
    geoLocation,
    endpoints,
    ...(tlsSecretName !== undefined && { tls: directory(tlsSecretName) }),
    ...(authSecretName !== undefined && { auth: directory(authSecretName) }),
  };
}

const directory = (secretName: string): string => `\${SECRETS}/${secretName}`;
