import type { OosCheckConfig } from '../../proxy/config.ts';
import { reachedAt } from '../../proxy/reached-at.ts';
import { Core } from '../../proxy/routing/core.ts';
import { Identity } from '../../proxy/routing/identity.ts';
import type { Reach } from '../../proxy/routing/way.ts';
import { parseUri } from '../../proxy/sip/uri.ts';
import type { ProxyRecord } from '../../proxy/store/records.ts';
import { Replica } from '../../proxy/store/replica.ts';
import { TransactionLayer } from '../../proxy/transaction/layer.ts';
import { TimerWheel, type Timer } from '../../proxy/transaction/timers.ts';
import { trustOf } from '../../proxy/routing/classify.ts';
import type { Hop, Listener } from '../../proxy/transport/hop.ts';
import { Upstreams } from '../../proxy/upstream/upstreams.ts';
import type { Appointment } from './clock.ts';
import { PingerModel } from './pinger-model.ts';
import type { ProxyModel } from './proxy-model.ts';
import { EtcdClientModel } from './store-model.ts';
import { StreamSide } from './stream-side.ts';

/** As proxy/main.ts has them, ms. */
const TICK = 10;
const HEARTBEAT = 5000;
/** Often enough for a process not to look as if it had stood still, ms. */
const LIVES = 500;
const HOUSEKEEPING = 1000;
const FINISH = 6000;
/** `drain.dnsGrace`, 30 s by default: longer than it takes to see that a store is back, and to put back what it lacks. */
const GRACE = 4000;
/** How long it waits for a store that is away, ms: `drain.limit`. */
const LIMIT = 20_000;

/** One run of a proxy: everything of proxy/main.ts but sockets, on the simulated network and clock. */
export class ProxyProcess {
  readonly place: ProxyModel;
  readonly boot: string;
  readonly core: Core;
  readonly layer: TransactionLayer;
  readonly replica: Replica;
  readonly upstreams: Upstreams;
  readonly timers: TimerWheel;
  alive = true;
  state: ProxyRecord['state'] = 'Starting';
  readyAt = Number.POSITIVE_INFINITY;
  readonly stores: EtcdClientModel[];
  readonly #pinger: PingerModel;
  readonly #streams: StreamSide;
  readonly #listeners: Record<'UDP' | 'TCP', Listener>;
  readonly #hops = new Map<string, Hop>();
  #wake: Appointment | undefined;

  constructor(place: ProxyModel, boot: string) {
    const { config, host, log, world } = place;
    // what timers go by is never set; the time of day is
    const now = (): number => world.clock.now;
    const wall = (): number => place.now();
    const random = (): number => world.proxyRandom.next();
    this.place = place;
    this.boot = boot;
    this.timers = new WakingWheel(now(), (at) => this.#wakeAt(at));
    const { address } = host;
    const listener = (transport: 'UDP' | 'TCP'): Listener => ({
      transport,
      address,
      port: 5060,
      side: 'Both',
      advertisedAddress: config.place.advertise ?? address,
      advertisedPort: 5060,
    });
    this.#listeners = { UDP: listener('UDP'), TCP: listener('TCP') };
    this.#streams = new StreamSide(host, world.network, {
      message: (text, connection) =>
        this.#receive(text, this.#hop('TCP', connection.remoteAddress, connection.remotePort, connection)),
      failed: (hop) => this.core.incoming.failed(hop),
      closed: (connection) => this.core.flows.release(connection),
    });
    this.stores = config.stores.map(({ geoLocation }) => new EtcdClientModel(world.etcd(geoLocation), host, wall));
    const [own, ...others] = this.stores;
    if (own === undefined) throw new Error('a proxy needs a store');
    this.replica = new Replica({ proxy: place.name, boot, own, others, now: wall, log });
    this.#pinger = new PingerModel(host, world.network, boot, (member, result) => {
      this.upstreams.pinged(member, result);
      this.wake();
    });
    this.upstreams = new Upstreams({
      geoLocation: config.geoLocation,
      servers: config.servers,
      oosCheck: config.oosCheck,
      now,
      random,
      log,
      ping: (member, timeout) => this.#pinger.ping(member, timeout),
      resolve: (name) => Promise.reject(new Error(`no such host: ${name}`)),
      onSwitch: (pair, from, to) => {
        world.trace.note(place.host, `${pair.name}: ${from?.role ?? 'none'} -> ${to?.role ?? 'none'}`);
        this.core.pairSwitched(pair, to);
        if (from === undefined) return;
        this.#streams.closeTo(from.address, this.upstreams.stateOf(from) === 'Down' ? 'all' : 'opening');
      },
      onChange: () => this.#publishHealth(),
    });
    const reach: Reach = {
      proxy: place.name,
      boot,
      geoLocation: config.geoLocation,
      proxies: this.replica.proxies,
      connection: (number) => this.#streams.connection(number),
      hop: (transport, to, port, connection) =>
        transport === 'UDP' || transport === 'TCP' ? this.#hop(transport, to, port, connection) : undefined,
      inward: (transport, to, port) => reach.hop(transport, to, port),
    };
    const send = (text: string, hop: Hop): void => this.send(text, hop);
    this.core = new Core({
      config,
      boot,
      log,
      now,
      wall,
      random,
      timers: this.timers,
      replica: this.replica,
      upstreams: this.upstreams,
      identity: this.#identity(),
      trust: trustOf(config),
      outside: { send, resolve: async (uri) => this.#resolve(uri), reach },
    });
    this.layer = new TransactionLayer({ send, now, timers: this.timers, user: this.core.incoming, log });
    this.core.attach(this.layer);
    this.replica.onProxies(() => {
      this.core.identity = this.#identity();
      this.core.proxiesChanged();
    });
    this.replica.onHealth((record) => {
      if (record.proxy !== place.name) this.upstreams.hint(record);
      this.wake();
    });
  }

  start(): void {
    const { host, world } = this.place;
    host.sockets.set(5060, { receive: (text, address, port) => this.#receive(text, this.#hop('UDP', address, port)) });
    host.acceptors.set(5060, (end) => this.#streams.accept(end));
    this.replica.onReady(() => {
      this.state = 'Ready';
      this.readyAt = world.clock.now;
      world.trace.note(host, 'ready');
      this.upstreams.start(this.replica.health.values());
      this.#publishProxy();
      this.#publishHealth();
      this.wake();
    });
    this.replica.start();
    this.#every(HOUSEKEEPING, () => this.replica.expire(this.place.now()));
    this.#every(LIVES, () => this.core.arrivals.lives(this.place.world.clock.now, this.place.now()));
    this.#every(HEARTBEAT, () => {
      if (!this.replica.ready) return;
      this.#publishHealth();
      this.#publishProxy();
    });
  }

  die(): void {
    this.alive = false;
    const { host } = this.place;
    host.sockets.delete(5060);
    host.acceptors.delete(5060);
    this.#pinger.close();
    for (const store of this.stores) store.die();
    this.#streams.close();
  }

  async close(): Promise<void> {
    const { clock } = this.place.world;
    this.state = 'Draining';
    this.core.draining = true;
    if (this.replica.ready) this.#publishProxy();
    const began = clock.now;
    const isLeft = (): boolean =>
      clock.now < began + GRACE ||
      (this.core.unanswered > 0 && clock.now < began + FINISH) ||
      (this.replica.unwritten > 0 && clock.now < began + LIMIT);
    while (this.alive && isLeft()) await new Promise<void>((resolve) => void clock.after(20, resolve));
    await this.replica.close();
  }

  /** A changed configuration, taken live. */
  reconfigure(oosCheck: OosCheckConfig): void {
    this.core.reconfigure({ ...this.core.config, oosCheck }, this.#identity(), trustOf(this.core.config));
    this.upstreams.reconfigure(this.core.config.servers, oosCheck);
    this.wake();
  }

  /** Something may have changed what it waits for. */
  wake(): void {
    this.#wakeAt(
      Math.min(this.timers.next() ?? Number.POSITIVE_INFINITY, this.upstreams.next() ?? Number.POSITIVE_INFINITY),
    );
  }

  #wakeAt(due: number): void {
    const { world, host } = this.place;
    if (!this.alive || !Number.isFinite(due)) return;
    const { clock } = world;
    // on the ticks of an interval timer
    const at = Math.max(Math.ceil(due / TICK) * TICK, clock.now + 1);
    const known = this.#wake;
    if (known !== undefined) {
      if (known.at <= at) return;
      known.run = undefined;
    }
    this.#wake = clock.at(at, () => {
      this.#wake = undefined;
      host.happens(() => this.#tick());
    });
  }

  #tick(): void {
    if (!this.alive) return;
    const { now } = this.place.world.clock;
    this.timers.advance(now);
    this.upstreams.tick(now);
    this.wake();
  }

  #every(ms: number, run: () => void): void {
    const { world, host } = this.place;
    world.clock.after(ms * world.network.pace, () => {
      if (!this.alive) return;
      // a stopped process makes up for one tick, not for all
      host.happens(() => {
        if (!this.alive) return;
        run();
        this.#every(ms, run);
      });
    });
  }

  #receive(text: string, from: Hop): void {
    if (!this.alive) return;
    this.core.incoming.receive(text, from);
    this.#wakeAt(this.upstreams.next() ?? Number.POSITIVE_INFINITY);
  }

  send(text: string, hop: Hop): void {
    if (!this.alive) return;
    const { host, world } = this.place;
    if (hop.transport === 'UDP') world.network.send(host, 5060, hop.address, hop.port, text);
    else this.#streams.send(text, hop);
  }

  #hop(transport: 'UDP' | 'TCP', address: string, port: number, connection?: Hop['connection']): Hop {
    const key = `${transport} ${address} ${port} ${connection?.number ?? ''}`;
    let hop = this.#hops.get(key);
    if (hop === undefined) {
      hop = { transport, address, port, listener: this.#listeners[transport], connection };
      this.#hops.set(key, hop);
    }
    return hop;
  }

  #resolve(uri: string): readonly Hop[] {
    const { host, port, params } = parseUri(uri);
    const transport = /;transport=tcp/i.test(params) ? 'TCP' : 'UDP';
    if (!/^[\d.]+$/.test(host)) throw new Error(`no such host: ${host}`);
    return [this.#hop(transport, host, port === 0 ? 5060 : port)];
  }

  #identity(): Identity {
    return new Identity(this.place.config, Object.values(this.#listeners), this.replica.proxies.values());
  }

  #publishProxy(): void {
    const { config, name } = this.place;
    const addresses = Object.values(this.#listeners).map((listener) => reachedAt(listener, undefined));
    const counts = this.replica.counts(this.place.now());
    this.replica.publishProxy({
      name,
      geoLocation: config.geoLocation,
      state: this.state,
      boot: this.boot,
      addresses,
      admin: '',
      configuration: { hash: '' },
      counts: { registrations: counts.bindings, calls: counts.calls },
      keys: this.replica.keys.ids(),
    });
  }

  #publishHealth(): void {
    if (!this.replica.ready) return;
    const at = this.place.now();
    const { name, config } = this.place;
    this.replica.publishHealth({ proxy: name, geoLocation: config.geoLocation, at, pairs: this.upstreams.health(at) });
  }
}

/** Wakes its process when a timer is set that is due sooner than the others. */
class WakingWheel extends TimerWheel {
  readonly #scheduled: (at: number) => void;

  constructor(now: number, scheduled: (at: number) => void) {
    super(now);
    this.#scheduled = scheduled;
  }

  override schedule(timer: Timer, at: number): void {
    super.schedule(timer, at);
    this.#scheduled(at);
  }
}
