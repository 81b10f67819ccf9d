import type { SipCluster } from '../sip-cluster.ts';
import type { Facts } from './facts.ts';
import { planShard, type Shard } from './shard.ts';
import { covers, planStore, type StorePlan } from './store.ts';

/** What must run, and be reached, for one SipCluster. */
export interface Plan {
  /** One for each (switch, DN, geo-location) that this operator covers, in the manifest's order. */
  readonly shards: readonly Shard[];
  /** Every data centre's; none where stores live in memory. */
  readonly stores: readonly StorePlan[];
}

/** The plan for a resource whose defaults are applied. Pure: the same resource and facts give the same plan. */
export function plan(resource: SipCluster, facts: Facts = {}): Plan {
  const stores = resource.spec.geoLocations.map((geo) => planStore(resource, geo, facts));
  const shards = resource.spec.switches.flatMap(({ name, clusterDNs }) =>
    clusterDNs.flatMap((dn) =>
      dn.proxies
        .filter((set) => covers(facts, set.geoLocation))
        .map((set) => planShard(resource, name, dn, set, stores, facts)),
    ),
  );
  return { shards, stores: facts.memoryStores ? [] : stores };
}
