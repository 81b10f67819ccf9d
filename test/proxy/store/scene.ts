import { MemoryCluster, type MemoryStore } from '../../../proxy/store/memory.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { HOUR, MINUTE, NOW, binding, proxyRecord, saved, silent, until } from './records.ts';

export interface Proxy {
  readonly name: string;
  readonly geoLocation: string;
  readonly skew: number;
  readonly replica: Replica;
  readonly links: ReadonlyMap<string, MemoryStore>;
}

export const DATA_CENTRES = ['dc1', 'dc2', 'dc3'];

/** Proxies of several data centres with their stores in memory, in a time that is given. */
export class Scene {
  now = NOW;
  readonly cluster = new MemoryCluster({ now: () => this.now });
  readonly proxies: Proxy[] = [];

  /** A proxy of a data centre, that sees time `skew` ms ahead. */
  proxyOf(geoLocation: string, name: string, skew = 0, limits?: { bindings: number; calls: number }): Proxy {
    const stores = [geoLocation, ...DATA_CENTRES.filter((other) => other !== geoLocation)].map((geo) =>
      this.cluster.store(geo),
    );
    const [own, ...others] = stores;
    if (own === undefined) throw new Error('no store');
    const replica = new Replica({
      proxy: name,
      boot: 'b1',
      own,
      others,
      now: () => this.now + skew,
      log: silent,
      ...(limits === undefined ? {} : { limits }),
    });
    const proxy = {
      name,
      geoLocation,
      skew,
      replica,
      links: new Map(stores.map((store) => [store.geoLocation, store])),
    };
    this.proxies.push(proxy);
    replica.start();
    return proxy;
  }

  /** They have read all stores, and know of one another. */
  async ready(...some: Proxy[]): Promise<void> {
    await until(() => some.every(({ replica }) => replica.ready && replica.complete));
    for (const { replica, name, geoLocation } of some) replica.publishProxy(proxyRecord(name, { geoLocation }));
    await until(() => some.every(({ replica }) => some.every(({ name }) => replica.proxies.has(name))));
  }

  /** Lets news arrive and what is due be done. */
  async settle(): Promise<void> {
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.#expire();
    }
  }

  /** As until(), while what is due every second is done. */
  comesTo(condition: () => boolean): Promise<void> {
    return until(() => {
      this.#expire();
      return condition();
    });
  }

  register(proxy: Proxy, part: Partial<Binding> & { callId?: string; cseq?: number } = {}): Promise<void> {
    const { callId = 'call-1', cseq = 1, ...rest } = part;
    const made = binding({ expires: this.now + HOUR, ...rest });
    return saved(proxy.replica, { ...made, stamp: proxy.replica.stamp(made.aor, made.id, callId, cseq, this.now) });
  }

  async unregister(proxy: Proxy, callId = 'call-1', cseq = 9): Promise<void> {
    const [known] = proxy.replica.bindings('alice@example.com', this.now);
    if (known === undefined) throw new Error('not registered');
    const stamp = proxy.replica.stamp(known.aor, known.id, callId, cseq, this.now);
    await saved(proxy.replica, { ...known, expires: known.expires + MINUTE, stamp, removed: true });
  }

  /** Alice's, as a proxy knows them. */
  contacts({ replica }: Proxy): string[] {
    return replica.bindings('alice@example.com', this.now).map(({ contact }) => contact);
  }

  /** Keys of the bindings in a data centre's store. */
  stored(geoLocation: string): string[] {
    return [...this.cluster.entries(geoLocation).keys()].filter((key) => key.startsWith('binding/'));
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.splice(0).map(({ replica }) => replica.close()));
  }

  #expire(): void {
    for (const { replica, skew } of this.proxies) replica.expire(this.now + skew);
  }
}
