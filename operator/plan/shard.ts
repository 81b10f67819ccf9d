import { configHash } from '../../proxy/config.ts';
import type { ListenerFile, ProxyConfigFile } from '../../proxy/config-file.ts';
import type { ClusterDN, Exposure, PodTemplate, ProxySet, SipCluster } from '../sip-cluster.ts';
import type { Facts } from './facts.ts';
import { shardName } from './name.ts';
import { planProxyConfig } from './proxy-config.ts';
import type { StorePlan } from './store.ts';

/** The proxies of one (switch, DN, geo-location). */
export interface Shard {
  readonly name: string;
  readonly switch: string;
  readonly dn: string;
  readonly geoLocation: string;
  readonly replicas: number;
  /** Absent: the operator's own. */
  readonly image?: string;
  readonly listeners: readonly ListenerFile[];
  readonly adminPort: number;
  readonly exposure: Exposure;
  /** Which address of its node each proxy finds in the variable ADVERTISE. */
  readonly advertiseFrom?: 'NodeInternalIP' | 'NodeExternalIP' | 'NodeAnnotation';
  readonly dnsEndpoint: boolean;
  /** Names of the proxies for which DNS records are due. */
  readonly fqdn: ClusterDN['fqdn'];
  readonly template: PodTemplate;
  /** A duration: how long a proxy may take to end. */
  readonly drainLimit: string;
  /** Secrets that each proxy finds as directories of their names in the directory that the variable SECRETS names. */
  readonly secrets: readonly string[];
  /** Names of the stores, its own data centre's first. */
  readonly stores: readonly string[];
  /**
   * Every proxy's configuration, as its file has it. Open places: `${POD_NAME}`, `${POD_IP}` or `${POD_IPS}`, `${SECRETS}`, and
   * `${ADVERTISE}` where the proxy's own place decides what it advertises.
   */
  readonly config: ProxyConfigFile;
  /** Changes with anything in `config`: what proxies publish that they run. */
  readonly configHash: string;
  /** Changes only with what a running proxy can't take live. */
  readonly restartHash: string;
}

/**
 * The shard of one set of proxies.
 * @param stores every data centre's
 */
export function planShard(
  resource: SipCluster,
  switchName: string,
  dn: ClusterDN,
  set: ProxySet,
  stores: readonly StorePlan[],
  facts: Facts,
): Shard {
  const { geoLocation } = set;
  const name = shardName(resource.metadata.name, switchName, dn.name, geoLocation);
  const proxiesIn = new Set(dn.proxies.map((proxies) => proxies.geoLocation));
  // Only data centres with proxies of this DN have anything of it in their etcd.
  const follows = stores
    .filter((store) => proxiesIn.has(store.geoLocation))
    .toSorted((a, b) => Number(b.geoLocation === geoLocation) - Number(a.geoLocation === geoLocation));
  const config = planProxyConfig(resource, switchName, dn, set, follows, facts, name);
  const image = resource.spec.image ?? facts.image;
  const secrets = secretsOf(config);
  const { namespace, cluster, switch: switchOf, place, listeners, admin, stores: reached } = config;
  return {
    name,
    switch: switchName,
    dn: dn.name,
    geoLocation,
    replicas: set.replicas,
    ...(image !== undefined && { image }),
    listeners,
    adminPort: admin.port,
    exposure: set.exposure,
    ...(set.advertise?.from !== undefined && !facts.reachedDirectly && { advertiseFrom: set.advertise.from }),
    dnsEndpoint: set.dnsEndpoint,
    fqdn: dn.fqdn,
    template: set.template,
    drainLimit: dn.drain.limit,
    secrets,
    stores: follows.map((store) => store.name),
    config,
    configHash: configHash(config),
    // What is bound, mounted or opened at the start. The drain's limit is the pods' grace period.
    restartHash: configHash({
      identity: [namespace, cluster, switchOf, dn.name, geoLocation],
      image,
      place,
      listeners,
      admin,
      stores: reached,
      secrets,
      limit: dn.drain.limit,
    }),
  };
}

/** The Secrets that a configuration's directories stand for, sorted. */
function secretsOf({ admin, listeners, servers, stores }: ProxyConfigFile): string[] {
  const members = servers.flatMap((server) => server.members);
  const directories = [
    admin.token,
    ...listeners.map((listener) => listener.tls),
    ...members.flatMap((member) => [member.tls?.ca, member.tls?.client]),
    ...stores.flatMap((store) => [store.tls, store.auth]),
  ];
  return [...new Set(directories.flatMap((path) => path?.replace('${SECRETS}/', '') ?? []))].toSorted();
}
