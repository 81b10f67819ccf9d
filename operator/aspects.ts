import { aspect, type Aspect, type ReasonOf } from './conditions.ts';
import { dnPath, fieldsNaming } from './field-names.ts';
import { some } from './some.ts';
import { configurationLag, type Observed } from './observed.ts';
import type { Shard } from './plan/shard.ts';
import type { SipCluster, SipServerStatus, SwitchStatus } from './sip-cluster.ts';
import { secretIn, unready } from './unready.ts';

/**
 * What conditions say of a resource.
 * @param switches as its status has them
 */
export function aspects(resource: SipCluster, observed: Observed, switches: readonly SwitchStatus[]): Aspect[] {
  const blocked = blockedBy(observed);
  return [
    ready(blocked, observed),
    reconciling(resource, observed),
    stalled(blocked, observed),
    blocked ?? configurationValid(observed),
    stores(resource, observed),
    servers(switches),
    byAddress(resource),
  ];
}

type Blocked = (Aspect & { readonly reason: ConfigurationReason }) | undefined;
type ConfigurationReason = Exclude<ReasonOf<'ConfigurationValid'>, 'Valid'>;

/** Why the configuration can't be made as it is written, if so. */
function blockedBy({ plan, views, problems }: Observed): Blocked {
  const invalid = problems.filter((problem) => problem.type === 'ConfigurationValid');
  const refused = plan.shards.flatMap((shard) => configurationLag(shard, views).refused);
  const reason = invalid[0]?.reason ?? (refused.length > 0 ? 'ConfigurationRefused' : undefined);
  if (reason === undefined) return undefined;
  const message = invalid.length > 0 ? joined(invalid) : `proxies refuse it: ${some(refused)}`;
  return { ...aspect('ConfigurationValid', 'False', reason, message), reason };
}

/** A certificate that running proxies refuse keeps nothing from working: the one before stays in use. */
function configurationValid({ plan, views }: Observed): Aspect {
  const refused = plan.shards.flatMap((shard) =>
    proxiesOf(shard, views).flatMap(({ name, complaints = [] }) =>
      complaints.map((complaint) => `${fieldOf(shard, complaint)}: ${name}: ${complaint}`),
    ),
  );
  if (refused.length > 0) return aspect('ConfigurationValid', 'False', 'CertificateRefused', some(refused));
  return aspect('ConfigurationValid', 'True', 'Valid', 'it can be made as it is written');
}

function proxiesOf(shard: Shard, views: Observed['views']): Observed['views'][number]['proxies'] {
  const own = views.filter(
    (view) => view.switch === shard.switch && view.dn === shard.dn && view.geoLocation === shard.geoLocation,
  );
  return own.flatMap((view) => view.proxies);
}

function fieldOf(shard: Shard, complaint: string): string {
  const secret = secretIn(shard, complaint);
  return (secret === undefined ? undefined : fieldsNaming(shard, secret)[0]) ?? dnPath(shard);
}

function stalled(blocked: Blocked, { plan, deployments }: Observed): Aspect {
  const stuck = plan.shards.flatMap(({ name }) => {
    const why = deployments.get(name)?.stuck;
    return why === undefined ? [] : [`${name}: ${why}`];
  });
  if (stuck.length > 0) return aspect('Stalled', 'True', 'RollStuck', stuck.join('; '));
  if (blocked !== undefined) return aspect('Stalled', 'True', blocked.reason, blocked.message);
  return aspect('Stalled', 'False', 'RollStuck', '');
}

function ready(blocked: Blocked, { plan, deployments, views, troubles, addressPending }: Observed): Aspect {
  if (blocked !== undefined) return aspect('Ready', 'False', blocked.reason, blocked.message);
  if (addressPending.length > 0) {
    const message = `the cluster has given no address or node port yet for ${some(addressPending)}`;
    return aspect('Ready', 'False', 'AddressPending', message);
  }
  const lacking = plan.shards.flatMap((shard) => {
    const { ready: up = 0, updated = 0 } = deployments.get(shard.name) ?? {};
    const enough = up >= shard.replicas && updated >= shard.replicas;
    return enough ? [] : [unready(shard, up, updated, troubles.get(shard.name) ?? [])];
  });
  const [first] = lacking.toSorted((a, b) => Number(isVague(a)) - Number(isVague(b)));
  if (first !== undefined) return aspect('Ready', 'False', first.reason, joined(lacking));
  const behind = plan.shards.flatMap((shard) => configurationLag(shard, views).behind);
  if (behind.length > 0) return aspect('Ready', 'False', 'ConfigurationSpreading', notYet(behind));
  return aspect('Ready', 'True', 'ProxiesReady', 'all proxies are ready and run this configuration');
}

function isVague({ reason }: { readonly reason: string }): boolean {
  return reason === 'ProxiesNotReady';
}

function reconciling({ spec }: SipCluster, { plan, deployments, views, waiting }: Observed): Aspect {
  if (spec.paused) return aspect('Reconciling', 'False', 'Rolling', '');
  const rolling = plan.shards.map(({ name }) => name).filter((name) => deployments.get(name)?.rolling ?? true);
  if (waiting.length > 0 || rolling.length > 0) {
    const now = rolling.length > 0 ? [`under way: ${some(rolling)}`] : ['pods of the last change still end'];
    const after = waiting.length > 0 ? [`waiting for that: ${some(waiting)}`] : [];
    return aspect('Reconciling', 'True', 'Rolling', [...now, ...after].join('; '));
  }
  const behind = plan.shards.flatMap((shard) => configurationLag(shard, views).behind);
  return aspect('Reconciling', behind.length > 0 ? 'True' : 'False', 'ConfigurationSpreading', notYet(behind));
}

function stores({ spec }: SipCluster, { plan, views, problems }: Observed): Aspect {
  const missing = problems.filter((problem) => problem.type === 'StoreAvailable');
  if (missing[0] !== undefined) return aspect('StoreAvailable', 'False', missing[0].reason, joined(missing));
  const own = new Set(plan.shards.map(({ geoLocation }) => geoLocation));
  const down = views.filter((view) => own.has(view.geoLocation) && !view.available);
  const [first] = down;
  if (first === undefined)
    return aspect('StoreAvailable', 'True', 'Reached', 'the etcd of every data centre here is reached');
  // Only at the start: nothing is known yet.
  if (first.reason === 'NotYetReached')
    return aspect('StoreAvailable', 'Unknown', 'NotYetReached', 'the stores are being opened');
  const list = down.map(({ geoLocation, reason }) => {
    const secret = spec.geoLocations.find(({ name }) => name === geoLocation)?.etcd.authSecretName;
    if (reason !== 'Unauthenticated') return `${geoLocation}: ${reason}`;
    return secret === undefined
      ? `spec.geoLocations[${geoLocation}].etcd: it asks for a user, and authSecretName names none`
      : `spec.geoLocations[${geoLocation}].etcd.authSecretName: etcd refuses the user of the Secret ${secret}`;
  });
  const message = `registrations are neither read nor written here: ${[...new Set(list)].join('; ')}`;
  return aspect('StoreAvailable', 'False', first.reason, message);
}

function servers(switches: readonly SwitchStatus[]): Aspect {
  const placed = switches.flatMap(({ name, clusterDNs = [] }) =>
    clusterDNs.flatMap((dn) =>
      (dn.sipServers ?? []).map((pair) => ({ pair, path: dnPath({ switch: name, dn: dn.name }) })),
    ),
  );
  const named = (state: SipServerStatus['state']): string[] =>
    placed.filter(({ pair }) => pair.state === state).map(({ pair }) => pair.name);
  const [out, dual, unknown] = [named('OutOfService'), named('DualPrimary'), named('Unknown')];
  const nameless = placed.flatMap(({ pair, path }) =>
    (pair.members ?? [])
      .filter(({ reason }) => reason === 'NameNotResolved')
      .map(({ role }) => `${path}.sipServers[${pair.name}].${role}.host`),
  );
  const messages = [
    ...(nameless.length > 0 ? [`DNS gives no address for ${some(nameless)}`] : []),
    ...(out.length > 0 ? [`no member is in service: ${some(out)}`] : []),
    ...(dual.length > 0 ? [`both members say that they are in service: ${some(dual)}`] : []),
  ];
  const reason = nameless.length > 0 ? 'HostNotResolved' : out.length > 0 ? 'PairsOutOfService' : 'DualPrimary';
  if (messages.length > 0) return aspect('ServersAvailable', 'False', reason, messages.join('; '));
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

function notYet(behind: readonly string[]): string {
  return `not on this configuration yet: ${some(behind)}`;
}

function joined(list: readonly { readonly message: string }[]): string {
  return some(
    list.map(({ message }) => message),
    '; ',
  );
}
