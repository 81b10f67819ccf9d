import type { Logger as Log } from 'pino';
import { decodeHealth, decodeProxy } from '../proxy/store/codec.ts';
import type { EtcdClientOptions } from '../proxy/store/etcd-client.ts';
import { parseKey } from '../proxy/store/keys.ts';
import type { HealthRecord, ProxyRecord } from '../proxy/store/records.ts';
import { Watch } from '../proxy/store/watch.ts';
import { storeReason, type StoreReason } from './conditions.ts';
import { accessId, EtcdConnections, type EtcdConnection } from './etcd-connections.ts';
import { Ownership, type Claim } from './ownership.ts';
import type { Clock } from './watch.ts';

/** One shard's range in one data centre's etcd. */
export interface ObserveTarget {
  readonly switch: string;
  readonly dn: string;
  readonly geoLocation: string;
  /** The key range. */
  readonly prefix: string;
  readonly access: EtcdClientOptions;
  /** This operator runs that data centre, and says so there. */
  readonly own: boolean;
}

/** What the proxies of a data centre publish in its etcd. */
export interface StoreView {
  readonly switch: string;
  readonly dn: string;
  readonly geoLocation: string;
  /** What is published there has been read once, or can't be: before that, nothing can be said of it. */
  readonly judged: boolean;
  readonly available: boolean;
  /** Why it is not, or `Reached`. */
  readonly reason: StoreReason;
  readonly proxies: readonly ProxyRecord[];
  readonly health: readonly HealthRecord[];
  /** Whether this Kubernetes cluster may run it; absent: it is another's. */
  readonly claim?: Claim;
}

export interface ObserverOptions {
  /** Of the Kubernetes cluster: what is claimed, is claimed for it. */
  readonly uid: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Something of that SipCluster changed. */
  readonly changed: (cluster: string) => void;
}

/**
 * Reads what proxies publish, for the status of each SipCluster. It writes nothing there but who runs the data centre, and
 * reads no registrations.
 */
export class Observer {
  readonly #options: ObserverOptions;
  readonly #clusters = new Map<string, Map<string, Followed>>();
  readonly #connections = new EtcdConnections();
  #closed = false;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** Follows these, and nothing else, for that SipCluster. One whose access changed is opened again. */
  follow(cluster: string, targets: readonly ObserveTarget[]): void {
    // by a reconciliation that was under way when the operator ended: nobody would close what it opens
    if (this.#closed) return;
    const now = this.#clusters.get(cluster) ?? new Map<string, Followed>();
    const next = new Map<string, Followed>();
    for (const target of targets) {
      const id = idOf(target);
      const known = now.get(id);
      now.delete(id);
      next.set(id, known ?? this.#open(cluster, target));
    }
    for (const followed of now.values()) followed.close(true);
    this.#clusters.set(cluster, next);
  }

  #open(cluster: string, target: ObserveTarget): Followed {
    const connection = this.#connections.take(target.access);
    return new Followed(target, connection, this.#options, () => this.#options.changed(cluster));
  }

  views(cluster: string): readonly StoreView[] {
    return [...(this.#clusters.get(cluster)?.values() ?? [])].map((followed) => followed.view());
  }

  forget(cluster: string): void {
    for (const followed of this.#clusters.get(cluster)?.values() ?? []) followed.close(true);
    this.#clusters.delete(cluster);
  }

  /** What is claimed stays so until another operator of this Kubernetes cluster leads. */
  close(): void {
    this.#closed = true;
    for (const followed of [...this.#clusters.values()].flatMap((each) => [...each.values()])) followed.close(false);
    this.#clusters.clear();
  }
}

function idOf({ prefix, geoLocation, access }: ObserveTarget): string {
  return [prefix, geoLocation, accessId(access)].join(' ');
}

/** Presence and health of one target. */
class Followed {
  readonly #target: ObserveTarget;
  readonly #connection: EtcdConnection;
  readonly #watches: readonly Watch[];
  readonly #ownership: Ownership | undefined;
  readonly #proxies = new Map<string, ProxyRecord>();
  readonly #health = new Map<string, HealthRecord>();
  readonly #log: Log;
  #loaded = 0;
  #available = false;
  #reason: StoreReason = 'NotYetReached';
  #closed = false;

  constructor(
    target: ObserveTarget,
    connection: EtcdConnection,
    { log, clock, uid }: ObserverOptions,
    changed: () => void,
  ) {
    this.#target = target;
    this.#log = log.child({ store: target.geoLocation, switch: target.switch, dn: target.dn });
    this.#connection = connection;
    this.#watches = ['proxy/', 'health/'].map((kind) => this.#watch(kind, changed));
    for (const watch of this.#watches) watch.start();
    const { prefix, geoLocation } = target;
    const { client } = connection;
    if (target.own) this.#ownership = new Ownership({ client, prefix, geoLocation, uid, clock, log, changed });
    this.#ownership?.start();
  }

  view(): StoreView {
    const { switch: switchName, dn, geoLocation } = this.#target;
    return {
      switch: switchName,
      dn,
      geoLocation,
      judged: this.#loaded >= this.#watches.length || (!this.#available && this.#reason !== 'NotYetReached'),
      available: this.#available,
      reason: this.#reason,
      proxies: [...this.#proxies.values()],
      // An observer whose lease is gone is left out: its last word is not what it sees.
      health: [...this.#health.values()].filter(({ proxy }) => this.#proxies.has(proxy)),
      ...(this.#ownership && { claim: this.#ownership.claim }),
    };
  }

  /** @param giveUp nothing is run there any more: another Kubernetes cluster may */
  close(giveUp: boolean): void {
    this.#closed = true;
    Promise.all([...this.#watches.map((watch) => watch.close()), this.#ownership?.close(giveUp)])
      .catch((error: unknown) => this.#log.debug({ err: error }, 'a watch did not end in order'))
      .finally(() => this.#connection.release());
  }

  #watch(kind: string, changed: () => void): Watch {
    const tell = (): void => {
      if (!this.#closed) changed();
    };
    let listed: Set<string> | undefined;
    let once = false;
    return new Watch({
      client: this.#connection.client,
      prefix: this.#target.prefix + kind,
      log: this.#log,
      follower: {
        listing: () => (listed = new Set()),
        put: (name, value) => {
          listed?.add(name);
          this.#put(kind + name, value);
          if (listed === undefined) tell();
        },
        remove: (name) => {
          this.#remove(kind + name);
          tell();
        },
        loaded: () => {
          const records = kind === 'proxy/' ? this.#proxies : this.#health;
          for (const name of records.keys()) if (listed?.has(name) === false) records.delete(name);
          listed = undefined;
          if (!once) this.#loaded += 1;
          once = true;
          tell();
        },
        available: (available, reason) => {
          this.#available = available;
          this.#reason = available ? 'Reached' : storeReason(reason);
          tell();
        },
      },
    });
  }

  #put(text: string, value: string): void {
    const key = parseKey(text);
    if (key?.kind === 'proxy') {
      const record = decodeProxy(key, value);
      if (record !== undefined) this.#proxies.set(key.name, record);
    } else if (key?.kind === 'health') {
      const record = decodeHealth(key, value);
      if (record !== undefined) this.#health.set(key.name, record);
    }
  }

  #remove(text: string): void {
    const key = parseKey(text);
    if (key?.kind === 'proxy') this.#proxies.delete(key.name);
    else if (key?.kind === 'health') this.#health.delete(key.name);
  }
}
