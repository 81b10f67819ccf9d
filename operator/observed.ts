import type { Problem } from './conditions.ts';
import type { DeploymentState } from './deployment-state.ts';
import type { StoreView } from './observe.ts';
import type { Plan } from './plan/plan.ts';
import type { Shard } from './plan/shard.ts';

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
