import { aspects } from './aspects.ts';
import { conditions } from './conditions.ts';
import type { StoreView } from './observe.ts';
import { advertised, type Observed } from './observed.ts';
import type { Shard } from './plan/shard.ts';
import { dnsRecords } from './render/kubernetes/dns-endpoint.ts';
import type { ClusterDNStatus, ProxySetStatus, SipCluster, SipClusterStatus, SipServerStatus } from './sip-cluster.ts';
import { matrix } from './status.ts';

/**
 * The status of a resource: what is, beside what should be.
 * @param now ms since the epoch
 */
export function resourceStatus(resource: SipCluster, observed: Observed, now: number): SipClusterStatus {
  const { shards } = observed.plan;
  const switches = resource.spec.switches.map(({ name, clusterDNs }) => ({
    name,
    clusterDNs: clusterDNs.map((dn) => {
      const own = shards.filter((shard) => shard.switch === name && shard.dn === dn.name);
      const views = observed.views.filter((view) => view.switch === name && view.dn === dn.name);
      return clusterDnStatus(dn.name, own, views, observed, now);
    }),
  }));
  const sets = switches.flatMap(({ clusterDNs }) => clusterDNs.flatMap(({ proxies }) => proxies ?? []));
  const counted = resource.spec.switches.flatMap(({ name, clusterDNs }) =>
    clusterDNs.map((dn) => counts(observed.views.filter((view) => view.switch === name && view.dn === dn.name))),
  );
  const pairs = switches.flatMap(({ clusterDNs }) => clusterDNs.flatMap(({ sipServers }) => sipServers ?? []));
  const generation = resource.metadata.generation ?? 0;
  return {
    observedGeneration: generation,
    geoLocations: resource.spec.geoLocations
      .map(({ name }) => name)
      .filter((name) => shards.some((shard) => shard.geoLocation === name)),
    conditions: conditions(
      aspects(resource, observed, switches),
      resource.status?.conditions ?? [],
      generation,
      new Date(now).toISOString(),
    ),
    summary: {
      proxiesReady: sum(sets, ({ ready }) => ready),
      proxiesDesired: sum(sets, ({ desired }) => desired),
      serversInService: pairs.filter(isServing).length,
      servers: pairs.length,
      registrations: rounded(sum(counted, ({ registrations }) => registrations)),
      calls: rounded(sum(counted, ({ calls }) => calls)),
    },
    switches,
  };
}

function clusterDnStatus(
  name: string,
  shards: readonly Shard[],
  views: readonly StoreView[],
  observed: Observed,
  now: number,
): ClusterDNStatus {
  const [shard] = shards;
  const health = views.flatMap((view) => view.health);
  const sipServers = shard === undefined ? [] : matrix(shard.config.servers, health, now);
  return {
    name,
    proxies: shards.map((each) => proxySetStatus(each, views, observed)),
    sipServers: sipServers.map(crdPair),
  };
}

/** Over 50 pairs only those that disagree are listed: an empty list says nothing then. */
function crdPair({ observers, ...pair }: ReturnType<typeof matrix>[number]): SipServerStatus {
  return { ...pair, ...(observers.length > 0 && { observers }) };
}

function proxySetStatus(shard: Shard, views: readonly StoreView[], { deployments }: Observed): ProxySetStatus {
  const { geoLocation, name } = shard;
  const addresses = advertised(shard, views);
  return {
    geoLocation,
    desired: shard.replicas,
    ready: Math.min(deployments.get(name)?.ready ?? 0, shard.replicas),
    addresses,
    dnsRecords: dnsRecords(shard, addresses),
    ...countsHere(views.filter((view) => view.geoLocation === geoLocation)),
  };
}

/** What came by way of a data centre's proxies: the one that knows most is not behind. Nothing of an older release. */
function countsHere(views: readonly StoreView[]): Pick<ProxySetStatus, 'registrations' | 'calls'> {
  const known = views.flatMap((view) => view.proxies.flatMap(({ counts: { here } }) => here ?? []));
  if (known.length === 0) return {};
  return {
    registrations: rounded(Math.max(...known.map(({ registrations }) => registrations))),
    calls: rounded(Math.max(...known.map(({ calls }) => calls))),
  };
}

/** Every proxy of a DN knows all its registrations and calls, of every data centre: the one that knows most is not behind. */
function counts(views: readonly StoreView[]): { registrations: number; calls: number } {
  const known = views.flatMap((view) => view.proxies.map((proxy) => proxy.counts));
  return {
    registrations: Math.max(0, ...known.map(({ registrations }) => registrations)),
    calls: Math.max(0, ...known.map(({ calls }) => calls)),
  };
}

function isServing({ state }: SipServerStatus): boolean {
  return state === 'InService' || state === 'Degraded' || state === 'DualPrimary';
}

/** Three digits: small changes of a large number are not worth a write. */
function rounded(count: number): number {
  if (count < 1000) return count;
  const unit = 10 ** (Math.floor(Math.log10(count)) - 2);
  return Math.round(count / unit) * unit;
}

function sum<T>(list: readonly T[], of: (item: T) => number | undefined): number {
  return list.reduce((total, item) => total + (of(item) ?? 0), 0);
}
