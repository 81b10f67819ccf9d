import { conditions, type Aspect, type Problem } from './conditions.ts';
import type { DeploymentState } from './deployment-state.ts';
import type { StoreView } from './observe.ts';
import type { Plan } from './plan/plan.ts';
import type { Shard } from './plan/shard.ts';
import { dnsRecords } from './render/kubernetes/dns-endpoint.ts';
import type { ClusterDNStatus, ProxySetStatus, SipCluster, SipClusterStatus, SipServerStatus } from './sip-cluster.ts';
import { matrix } from './status.ts';

/** All that is known of a resource when its status is written. */
export interface Observed {
  readonly plan: Plan;
  /** By the shard's name. */
  readonly deployments: ReadonlyMap<string, DeploymentState>;
  readonly views: readonly StoreView[];
  readonly problems: readonly Problem[];
  /** Shards whose load balancer has no address yet, and those that wait for another's roll. */
  readonly addressPending: readonly string[];
  readonly waiting: readonly string[];
  /** What keeps pods from being ready, by the shard's name. */
  readonly troubles: ReadonlyMap<string, readonly string[]>;
}

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
      aspects(resource, observed, pairs),
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

/** What the proxies of a shard advertise, each address once, sorted. */
export function advertised(shard: Shard, views: readonly StoreView[]): string[] {
  const own = views.filter(
    (view) => view.switch === shard.switch && view.dn === shard.dn && view.geoLocation === shard.geoLocation,
  );
  const records = own.flatMap((view) => view.proxies).filter((proxy) => proxy.state === 'Ready');
  return [...new Set(records.flatMap((proxy) => proxy.addresses.map(({ address }) => address)))].toSorted();
}

/** Proxies that do not run the configuration of the plan yet, by name, and those that refused it, with why. */
export function configurationLag(shard: Shard, views: readonly StoreView[]): { behind: string[]; refused: string[] } {
  const own = views.filter(
    (view) => view.switch === shard.switch && view.dn === shard.dn && view.geoLocation === shard.geoLocation,
  );
  const others = own
    .flatMap((view) => view.proxies)
    .filter(({ state, configuration }) => state === 'Ready' && configuration.hash !== shard.configHash);
  const refusing = others.filter(({ configuration }) => configuration.refused?.hash === shard.configHash);
  return {
    behind: others.filter((proxy) => !refusing.includes(proxy)).map(({ name }) => name),
    refused: refusing.map(({ name, configuration }) => `${name}: ${configuration.refused?.why ?? ''}`),
  };
}

function aspects(resource: SipCluster, observed: Observed, pairs: readonly SipServerStatus[]): Aspect[] {
  const { plan, deployments, views, problems } = observed;
  const states = plan.shards.map((shard) => ({
    shard,
    state: deployments.get(shard.name),
    lag: configurationLag(shard, views),
  }));
  const behind = states.flatMap(({ lag }) => lag.behind);
  const refused = states.flatMap(({ lag }) => lag.refused);
  const unready = states.filter(
    ({ shard, state }) => (state?.ready ?? 0) < shard.replicas || (state?.updated ?? 0) < shard.replicas,
  );
  const rolling = states.filter(({ state }) => state === undefined || state.rolling).map(({ shard }) => shard.name);
  const stuck = states.filter(({ state }) => state?.stuck !== undefined);
  const invalid = problems.filter(({ type }) => type === 'ConfigurationValid');

  const configuration: Aspect =
    invalid.length > 0
      ? aspect(
          'ConfigurationValid',
          'False',
          invalid[0]?.reason ?? '',
          invalid.map(({ message }) => message).join('; '),
        )
      : refused.length > 0
        ? aspect('ConfigurationValid', 'False', 'ConfigurationRefused', `proxies refuse it: ${some(refused)}`)
        : aspect('ConfigurationValid', 'True', 'Valid', 'it can be made as it is written');
  const stalled: Aspect =
    stuck.length > 0
      ? aspect(
          'Stalled',
          'True',
          'RollStuck',
          stuck.map(({ shard, state }) => `${shard.name}: ${state?.stuck ?? ''}`).join('; '),
        )
      : aspect(
          'Stalled',
          configuration.status === 'False' ? 'True' : 'False',
          configuration.reason,
          configuration.message,
        );

  const ready: Aspect =
    configuration.status === 'False'
      ? aspect('Ready', 'False', configuration.reason, configuration.message)
      : observed.addressPending.length > 0
        ? aspect(
            'Ready',
            'False',
            'AddressPending',
            `the cluster has given no address or node port yet for ${some(observed.addressPending)}`,
          )
        : unready.length > 0
          ? aspect(
              'Ready',
              'False',
              'ProxiesNotReady',
              unready
                .map(
                  ({ shard, state }) =>
                    `${shard.name}: ${state?.ready ?? 0} of ${shard.replicas} ready, ${state?.updated ?? 0} of the newest${(
                      observed.troubles.get(shard.name) ?? []
                    )
                      .slice(0, 1)
                      .map((trouble) => `; ${trouble}`)
                      .join('')}`,
                )
                .join('; '),
            )
          : behind.length > 0
            ? aspect('Ready', 'False', 'ConfigurationSpreading', `not on this configuration yet: ${some(behind)}`)
            : aspect('Ready', 'True', 'ProxiesReady', 'all proxies are ready and run this configuration');
  const reconciling: Aspect = resource.spec.paused
    ? aspect('Reconciling', 'False', 'Paused', '')
    : observed.waiting.length > 0 || rolling.length > 0
      ? aspect(
          'Reconciling',
          'True',
          'Rolling',
          `under way: ${some(rolling)}${observed.waiting.length > 0 ? `; waiting for that: ${some(observed.waiting)}` : ''}`,
        )
      : aspect(
          'Reconciling',
          behind.length > 0 ? 'True' : 'False',
          'ConfigurationSpreading',
          `not on this configuration yet: ${some(behind)}`,
        );
  return [ready, reconciling, stalled, configuration, stores(plan, observed), servers(pairs), byAddress(resource)];
}

function stores({ shards }: Plan, { views, problems }: Observed): Aspect {
  const missing = problems.filter(({ type }) => type === 'StoreAvailable');
  if (missing.length > 0)
    return aspect(
      'StoreAvailable',
      'False',
      missing[0]?.reason ?? '',
      missing.map(({ message }) => message).join('; '),
    );
  const own = new Set(shards.map(({ geoLocation }) => geoLocation));
  const down = views.filter((view) => own.has(view.geoLocation) && !view.available);
  if (down.length === 0)
    return aspect('StoreAvailable', 'True', 'Reached', 'the etcd of every data centre here is reached');
  const [first] = down;
  // Only at the start: nothing is known yet.
  if (first?.reason === 'NotYetReached')
    return aspect('StoreAvailable', 'Unknown', 'NotYetReached', 'the stores are being opened');
  const list = [...new Set(down.map(({ geoLocation, reason }) => `${geoLocation}: ${reason}`))];
  return aspect(
    'StoreAvailable',
    'False',
    first?.reason ?? 'Unreachable',
    `registrations are neither read nor written here: ${list.join('; ')}`,
  );
}

function servers(pairs: readonly SipServerStatus[]): Aspect {
  const out = pairs.filter(({ state }) => state === 'OutOfService').map(({ name }) => name);
  const dual = pairs.filter(({ state }) => state === 'DualPrimary').map(({ name }) => name);
  if (out.length > 0)
    return aspect('ServersAvailable', 'False', 'PairsOutOfService', `no member is in service: ${some(out)}`);
  if (dual.length > 0)
    return aspect(
      'ServersAvailable',
      'False',
      'DualPrimary',
      `both members say that they are in service: ${some(dual)}`,
    );
  const unknown = pairs.filter(({ state }) => state === 'Unknown').map(({ name }) => name);
  if (unknown.length > 0)
    return aspect('ServersAvailable', 'Unknown', 'NotObserved', `no proxy has said yet: ${some(unknown)}`);
  return aspect('ServersAvailable', 'True', 'PairsInService', 'every pair has a member in service');
}

function byAddress({ spec }: SipCluster): Aspect {
  const without = spec.switches
    .flatMap((s) => s.clusterDNs)
    .filter(({ fqdn }) => fqdn.srv === undefined && fqdn.a === undefined);
  const message = `no fqdn for ${some(without.map(({ name }) => name))}: calls there don't outlive the proxy that they were set up through`;
  return aspect('RecordRouteByAddress', without.length > 0 ? 'True' : 'False', 'NoFqdn', message);
}

function aspect(type: string, status: Aspect['status'], reason: string, message: string): Aspect {
  return { type, status, reason, message };
}

function isServing({ state }: SipServerStatus): boolean {
  return state === 'InService' || state === 'Degraded' || state === 'DualPrimary';
}

/** Names for a message, which must not grow with the installation. */
function some(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
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
