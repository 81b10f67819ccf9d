import {
  StoreError,
  writeByPromise,
  type KeyChange,
  type Life,
  type Outcome,
  type Store,
  type StoreFollower,
} from '../../proxy/store/store.ts';
import { PRESENCE_TTL, type EtcdModel, type Lease } from './etcd-model.ts';
import type { Host } from './network.ts';

/** As proxy/store/lease.ts has them, ms. */
const BEAT = 2500;
const BUCKET = 30_000;
const GRACE = 60_000;
/** As proxy/store/group.ts tries a write, ms. */
const DEADLINE = 5000;
const AGAIN = 500;
/** How often it looks whether it is in touch, ms. */
const LOOK = 3000;
/** Silence after which a watch counts as out of touch. */
const SILENCE = 10_000;

/** A proxy's view of one etcd: the Store contract, with deadlines, retries and a watch that resumes. */
export class EtcdClientModel implements Store {
  readonly geoLocation: string;
  readonly #etcd: EtcdModel;
  readonly #host: Host;
  readonly #now: () => number;
  #follower: StoreFollower | undefined;
  #available: boolean | undefined;
  #identity = 0;
  #past = 0;
  /** The last revision that the follower was told of; undefined: list first. */
  #cursor: number | undefined;
  #heardAt: number;
  #pumping = false;
  #arrival = 0;
  #closed = false;
  #presenceLease: Lease | undefined;
  readonly #presence = new Map<string, string>();
  /** Planted bugs: what this client does wrong. */
  readonly wrong = {
    forgetsLease: false,
    skips: (): boolean => false,
    neverListsAgain: false,
    takesAnyForTheOldOne: false,
    resumesWhatWasSetBack: false,
    leasesEndEarly: false,
  };

  /** `now`: the proxy's own clock. */
  constructor(etcd: EtcdModel, host: Host, now: () => number) {
    this.geoLocation = etcd.geoLocation;
    this.#etcd = etcd;
    this.#host = host;
    this.#now = now;
    this.#heardAt = etcd.network.clock.now;
    etcd.clients.add(this);
  }

  follow(follower: StoreFollower): void {
    this.#follower = follower;
    this.#tick();
    this.#beatLater();
  }

  put(key: string, value: string, life?: Life): Promise<void> {
    if (life === 'presence') this.#presence.set(key, value);
    return this.#request(`put ${key}`, () => this.#etcd.commit(key, value, this.#leaseFor(life)));
  }

  remove(key: string, held?: string): Promise<void> {
    this.#presence.delete(key);
    return this.#request(`remove ${key}`, () => {
      const known = this.#etcd.held.get(key);
      if (known === undefined || (held !== undefined && known.value !== held)) return;
      this.#etcd.commit(key, undefined, undefined);
    });
  }

  write(change: KeyChange, outcome: Outcome): void {
    writeByPromise(this, change, outcome);
  }

  create(key: string, value: string, life?: Life): Promise<boolean> {
    return this.#request(`create ${key}`, () => {
      if (this.#etcd.held.has(key)) return false;
      if (life === 'presence') this.#presence.set(key, value);
      this.#etcd.commit(key, value, this.#leaseFor(life));
      return true;
    });
  }

  close(): Promise<void> {
    this.die();
    if (this.#presenceLease !== undefined && this.#reachable) this.#presenceLease.endsAt = 0;
    return Promise.resolve();
  }

  /** Its process was killed. */
  die(): void {
    this.#closed = true;
    this.#etcd.clients.delete(this);
  }

  /** The connection broke. */
  lostTouch(reason: string): void {
    if (this.#closed) return;
    this.#host.happens(() => this.#tell(false, reason));
  }

  /** Events are delivered a while after they are committed. */
  pumpLater(): void {
    if (this.#pumping || this.#available !== true) return;
    this.#pumping = true;
    const { clock } = this.#etcd.network;
    this.#arrival = Math.max(this.#arrival, clock.now + this.#delay());
    clock.at(this.#arrival, () => this.#host.happens(() => this.#pump()));
  }

  get #reachable(): boolean {
    const { network, host, running } = this.#etcd;
    return running && network.isOpen(this.#host, host) && network.isOpen(host, this.#host);
  }

  #delay(): number {
    const { network, host, slow } = this.#etcd;
    return network.latency(this.#host, host) + (slow === 0 ? 0.3 : network.random.between(0, slow));
  }

  #request<T>(what: string, act: () => T): Promise<T> {
    const { network, host } = this.#etcd;
    const { clock } = network;
    const deadline = clock.now + DEADLINE;
    return new Promise<T>((resolve, reject) => {
      let result: { readonly value: T } | undefined;
      const settle = (run: () => void): void => this.#host.happens(() => void (this.#closed || run()));
      const attempt = (): void => {
        if (this.#closed) return;
        if (clock.now >= deadline) {
          settle(() => reject(new StoreError('Deadline', `${what} in ${this.geoLocation}: no answer in time`)));
        } else if (!this.#etcd.running || !network.isOpen(this.#host, host)) {
          clock.after(AGAIN, attempt);
        } else {
          clock.after(this.#delay(), () => {
            // a connection that broke in between: the request may or may not have been carried out
            if (this.#etcd.running) result ??= { value: act() };
            const done = result;
            if (done !== undefined && network.isOpen(host, this.#host)) {
              clock.after(network.latency(host, this.#host), () => settle(() => resolve(done.value)));
            } else clock.after(AGAIN, attempt);
          });
        }
      };
      attempt();
    });
  }

  #leaseFor(life: Life | undefined): Lease | undefined {
    const { now } = this.#etcd.network.clock;
    if (life === undefined || (life === 'presence' && this.wrong.forgetsLease)) return undefined;
    if (life !== 'presence') {
      if (this.wrong.leasesEndEarly) return { endsAt: now + Math.max(1000, (life.expires - this.#now()) / 3) };
      const end = Math.ceil(life.expires / BUCKET) * BUCKET + GRACE;
      return { endsAt: now + Math.max(1000, end - this.#now()) };
    }
    if (this.#presenceLease === undefined || this.#presenceLease.endsAt <= now)
      this.#presenceLease = { endsAt: now + PRESENCE_TTL };
    return this.#presenceLease;
  }

  #beatLater(): void {
    const { clock } = this.#etcd.network;
    // a lease outlives the longest of these
    clock.after(BEAT * Math.min(this.#etcd.network.pace, 3), () => {
      if (this.#closed) return;
      this.#host.happens(() => this.#beat());
      this.#beatLater();
    });
  }

  #beat(): void {
    const { now } = this.#etcd.network.clock;
    const lease = this.#presenceLease;
    if (this.#closed || lease === undefined || !this.#reachable) return;
    const gone = [...this.#presence.keys()].some((key) => this.#etcd.held.get(key)?.lease !== lease);
    if (lease.endsAt > now && !gone) {
      lease.endsAt = now + PRESENCE_TTL;
      return;
    }
    // lost: all under it is written again under a new one
    this.#presenceLease = undefined;
    for (const [key, value] of this.#presence) this.put(key, value, 'presence').catch(() => undefined);
  }

  #tick(): void {
    if (this.#closed) return;
    const { clock } = this.#etcd.network;
    this.#host.happens(() => {
      if (this.#closed) return;
      if (this.#reachable) {
        this.#heardAt = clock.now;
        if (this.#available !== true || this.#isBehind) this.#catchUpLater();
      } else if (clock.now - this.#heardAt > SILENCE) this.#tell(false, 'Unreachable');
    });
    clock.after(LOOK * this.#etcd.network.pace, () => this.#tick());
  }

  get #isBehind(): boolean {
    return this.#cursor !== this.#etcd.revision && !this.#pumping;
  }

  #catchUpLater(): void {
    this.#etcd.network.clock.after(this.#delay(), () => this.#host.happens(() => this.#pump()));
  }

  #pump(): void {
    this.#pumping = false;
    const follower = this.#follower;
    if (this.#closed || follower === undefined || !this.#reachable) return;
    const etcd = this.#etcd;
    const isSetBack = this.#past !== etcd.past && !this.wrong.resumesWhatWasSetBack;
    const another = this.#identity !== etcd.identity || isSetBack;
    const compacted = this.#cursor !== undefined && this.#cursor + 1 < etcd.compacted && !this.wrong.neverListsAgain;
    if (this.#cursor === undefined || another || compacted) {
      // a compaction may be a restore that went on from a greater revision
      const restored = (another || compacted) && this.#identity !== 0 && !this.wrong.takesAnyForTheOldOne;
      this.#identity = etcd.identity;
      this.#past = etcd.past;
      this.#cursor = etcd.revision;
      follower.listing(restored);
      for (const [key, { value }] of etcd.held) follower.put(key, value);
      this.#tell(true, '');
      follower.loaded();
    } else {
      for (const { revision, key, value } of etcd.history) {
        if (revision <= this.#cursor) continue;
        this.#cursor = revision;
        if (this.wrong.skips()) continue;
        if (value === undefined) follower.remove(key);
        else follower.put(key, value);
      }
    }
    this.#tell(true, '');
  }

  #tell(available: boolean, reason: string): void {
    if (this.#available === available || this.#closed) return;
    this.#available = available;
    this.#follower?.available(available, reason);
  }
}
