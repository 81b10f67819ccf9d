/** A Service that wants to be reached from outside the cluster. */
export interface BalancedService {
  readonly name: string;
  /** What it was given. */
  readonly address: string | undefined;
  /** The address that it asks for, of none that others are given. */
  readonly wants?: string | undefined;
}

/** How Services are read and written. */
export interface BalancerEdge {
  /** Those of `type: LoadBalancer`. */
  services(): Promise<readonly BalancedService[]>;
  assign(name: string, address: string): Promise<void>;
}

/** ms between two looks. */
const period = 250;

/**
 * A cluster's load balancer as far as Kubernetes sees one: each Service of `type: LoadBalancer` gets an address. Packets for
 * it are led to a node by a route, as a load balancer on bare metal does, and from there to a pod by kube-proxy.
 */
export class LoadBalancerStandIn {
  readonly #edge: BalancerEdge;
  readonly #free: string[];
  readonly #given = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;

  /** @param addresses what it may give, each to one Service that asks for none */
  constructor(edge: BalancerEdge, addresses: readonly string[]) {
    this.#edge = edge;
    this.#free = [...addresses];
    this.#timer = setInterval(() => {
      this.#looking ??= this.look()
        .catch(() => undefined) // the API server is away: the next look may find it
        .finally(() => (this.#looking = undefined));
    }, period);
  }

  /** Gives an address to each Service that has none. */
  async look(): Promise<void> {
    const services = await this.#edge.services();
    const names = new Set(services.map(({ name }) => name));
    for (const [name, address] of this.#given) {
      if (names.has(name)) continue;
      this.#given.delete(name);
      this.#free.push(address);
    }
    for (const { name, address, wants } of services) {
      if (address !== undefined) continue;
      if (wants !== undefined) {
        await this.#edge.assign(name, wants);
        continue;
      }
      const given = this.#given.get(name) ?? this.#free.shift();
      if (given === undefined) continue; // pending, as in a cluster whose pool is used up
      this.#given.set(name, given);
      await this.#edge.assign(name, given);
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }
}
