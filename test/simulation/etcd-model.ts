import type { Host, Network } from './network.ts';
import type { EtcdClientModel } from './store-model.ts';

/** How long a process is taken to live after its last sign of life, as proxy/store/lease.ts has it, ms. */
export const PRESENCE_TTL = 10_000;
/** How many events of the past a watch can resume from. */
const HISTORY = 2000;

interface Held {
  readonly value: string;
  readonly revision: number;
  readonly lease: Lease | undefined;
}

export interface Lease {
  endsAt: number;
}

interface Change {
  readonly revision: number;
  readonly key: string;
  readonly value: string | undefined;
}

/** One data centre's etcd: linearisable, with leases, watches that resume, and compaction. */
export class EtcdModel {
  readonly geoLocation: string;
  readonly host: Host;
  readonly network: Network;
  revision = 1;
  /** Which cluster this is: another one after it was replaced. */
  identity = 1;
  /** Counts how often it was set back to what it was before, and stayed this cluster: by its term and past one sees it. */
  past = 1;
  running = true;
  /** ms on top of each request, up to. */
  slow = 0;
  readonly held = new Map<string, Held>();
  readonly clients = new Set<EtcdClientModel>();
  history: Change[] = [];
  #backup = new Map<string, Held>();
  #savedAt = 1;

  constructor(geoLocation: string, host: Host, network: Network) {
    this.geoLocation = geoLocation;
    this.host = host;
    this.network = network;
    this.#cleanLater();
    network.clock.every(20_000, () => {
      this.#backup = new Map(this.held);
      this.#savedAt = this.revision;
    });
  }

  commit(key: string, value: string | undefined, lease: Lease | undefined): void {
    this.revision++;
    if (value === undefined) this.held.delete(key);
    else this.held.set(key, { value, revision: this.revision, lease });
    this.history.push({ revision: this.revision, key, value });
    if (this.history.length > HISTORY) this.history.splice(0, HISTORY / 2);
    for (const client of this.clients) client.pumpLater();
  }

  stop(): void {
    this.running = false;
    for (const client of this.clients) client.lostTouch('Unreachable');
  }

  /** A new leader gives every lease its time again. */
  start(): void {
    this.running = true;
    const until = this.network.clock.now + PRESENCE_TTL;
    for (const { lease } of this.held.values())
      if (lease !== undefined && lease.endsAt > 0) lease.endsAt = Math.max(lease.endsAt, until);
  }

  /** Replaced by an empty one, or by what was saved up to 20 s ago. */
  lose(restore: boolean): void {
    this.identity++;
    this.revision = 1;
    this.#begin(restore);
  }

  /** Its members' disks are set back to a snapshot up to 20 s old: its cluster id stays, and its revisions come again. */
  setBack(): void {
    this.past++;
    this.revision = this.#savedAt;
    this.#begin(true);
  }

  #begin(restore: boolean): void {
    this.history = [];
    const saved = restore ? this.#backup : new Map<string, Held>();
    this.held.clear();
    for (const [key, { value, lease }] of saved) {
      // a presence lease comes back with its full time, and nobody keeps it alive
      const isPresence = key.startsWith('proxy/') || key.startsWith('health/');
      const again = isPresence ? { endsAt: this.network.clock.now + PRESENCE_TTL } : lease;
      this.held.set(key, { value, revision: ++this.revision, lease: again });
    }
    for (const client of this.clients) client.lostTouch('Unreachable');
  }

  compact(): void {
    this.history = [];
  }

  /** The first revision that a watch can begin at. */
  get compacted(): number {
    return this.history[0]?.revision ?? this.revision + 1;
  }

  #cleanLater(): void {
    this.network.clock.after(1000 * this.network.pace, () => {
      this.#clean();
      this.#cleanLater();
    });
  }

  #clean(): void {
    if (!this.running || this.host.paused) return;
    const { now } = this.network.clock;
    for (const [key, { lease }] of this.held)
      if (lease !== undefined && lease.endsAt <= now) this.commit(key, undefined, undefined);
  }
}
