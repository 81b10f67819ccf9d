/** What was observed, or made elsewhere, that a plan depends on. An empty one will do. */
export interface Facts {
  /** The data centres that this operator covers; absent: all. */
  readonly geoLocations?: readonly string[];
  /**
   * Where stores are reached from here, by geo-location, if not where the manifest or a store's own name says: client
   * URLs. With http ones the manifest's etcd Secrets are not used.
   */
  readonly storeEndpoints?: Readonly<Record<string, readonly string[]>>;
  /** Stores live in the process of the proxies: nothing is run or reached. */
  readonly memoryStores?: boolean;
  /** Addresses that load balancers were given, by the shard's name. */
  readonly loadBalancers?: Readonly<Record<string, string>>;
  /** Every proxy is reached at the address it binds, whatever exposure and advertise say: processes, not pods. */
  readonly reachedDirectly?: boolean;
  /** The proxies' admin port; absent: 9060, or the next that no listener has. */
  readonly adminPort?: number;
  /** The image of proxies whose manifest names none. */
  readonly image?: string;
}
