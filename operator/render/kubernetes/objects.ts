import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { Plan } from '../../plan/plan.ts';
import type { Shard } from '../../plan/shard.ts';
import type { StorePlan } from '../../plan/store.ts';
import { configMap } from './config-map.ts';
import { deployment } from './deployment.ts';
import { dnsEndpoint } from './dns-endpoint.ts';
import { asObject, label, type Part } from './metadata.ts';
import { networkPolicy } from './network-policy.ts';
import type { Place } from './place.ts';
import { podDisruptionBudget } from './pod-disruption-budget.ts';
import { exposureServices, headlessServices } from './service.ts';
import { serviceAccount } from './service-account.ts';
import { statefulSet } from './stateful-set.ts';
import { storeService } from './store-service.ts';

/**
 * All objects of a plan, in the order in which they are applied: what others refer to comes first.
 * @param addresses what each shard's proxies advertise, by the shard's name
 */
export function renderKubernetes(
  plan: Plan,
  place: Place,
  addresses: ReadonlyMap<string, readonly string[]> = new Map(),
): KubernetesObject[] {
  return [
    ...plan.stores.flatMap((store) => renderStore(store, place)),
    ...plan.shards.flatMap((shard) => renderShard(shard, place, addresses.get(shard.name) ?? [])),
  ];
}

/** The proxies of one (switch, DN, geo-location). */
function renderShard(shard: Shard, place: Place, addresses: readonly string[]): KubernetesObject[] {
  const part: Part = {
    name: shard.name,
    geoLocation: shard.geoLocation,
    component: 'proxy',
    labels: { [label.switch]: shard.switch, [label.dn]: shard.dn },
  };
  return [
    serviceAccount(part, place),
    configMap(shard, part, place),
    ...headlessServices(shard, part, place),
    ...exposureServices(shard, part, place),
    podDisruptionBudget(part, place),
    networkPolicy(shard, part, place),
    ...dnsEndpoint(shard, part, place, addresses),
    deployment(shard, part, place),
  ].map(asObject);
}

/** The etcd of one data centre, if this operator runs it. */
function renderStore(store: StorePlan, place: Place): KubernetesObject[] {
  if (store.run === undefined) return [];
  const part: Part = { name: store.name, geoLocation: store.geoLocation, component: 'etcd' };
  return [storeService(part, place), podDisruptionBudget(part, place), statefulSet(store, store.run, part, place)].map(
    asObject,
  );
}
