/** One port of a Service of type LoadBalancer or NodePort, as far as the cluster has said where it is reached. */
export interface ExposedPort {
  readonly protocol: 'UDP' | 'TCP';
  readonly port: number;
  /** On every node. */
  readonly nodePort?: number;
  /** The load balancer's, numeric, one a family. */
  readonly addresses?: readonly string[];
}

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
  /** Where the cluster made ports reachable from outside, by the shard's name. */
  readonly exposed?: Readonly<Record<string, readonly ExposedPort[]>>;
  /** Every proxy is reached at the address it binds, whatever exposure and advertise say: processes, not pods. */
  readonly reachedDirectly?: boolean;
  /** The proxies' admin port; absent: 9060, or the next that no listener has. */
  readonly adminPort?: number;
  /** The image of proxies whose manifest names none. */
  readonly image?: string;
}
