import { isIP } from 'node:net';
import pino from 'pino';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { trustOf } from '../../../proxy/routing/classify.ts';
import { Core } from '../../../proxy/routing/core.ts';
import { Identity } from '../../../proxy/routing/identity.ts';
import type { Reach } from '../../../proxy/routing/way.ts';
import { DEFAULT_LIMITS, Message } from '../../../proxy/sip/message.ts';
import { parseUri } from '../../../proxy/sip/uri.ts';
import { MemoryCluster } from '../../../proxy/store/memory.ts';
import type { ProxyRecord } from '../../../proxy/store/records.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { TransactionLayer } from '../../../proxy/transaction/layer.ts';
import { TimerWheel } from '../../../proxy/transaction/timers.ts';
import type { Connection, Hop, Listener, Transport } from '../../../proxy/transport/hop.ts';
import { type Reached, Resolver, type Target } from '../../../proxy/transport/resolve.ts';
import { Upstreams } from '../../../proxy/upstream/upstreams.ts';
import { bye, invite, register, respond, type RegisterOptions, type RequestOptions } from '../../builders.ts';

const LOG = pino({ level: 'silent' });

/** Addresses of the cast: proxy p1 of dc1, two pairs there, one in dc2, and phones. */
export const AT = {
  proxy: '10.1.0.1',
  ss1: { primary: '10.1.1.1', backup: '10.1.1.2' },
  ss2: { primary: '10.1.2.1', backup: '10.1.2.2' },
  far: { primary: '10.2.1.1', backup: '10.2.1.2' },
  alice: '192.0.2.11',
  bob: '192.0.2.12',
  sbc: '198.51.100.5',
  farProxy: '10.2.0.1',
} as const;

export interface Sent {
  readonly text: string;
  readonly message: Message;
  readonly hop: Hop;
}

export function config(changes: Partial<ProxyConfig> = {}): ProxyConfig {
  const member = (role: 'primary' | 'backup', host: string) => ({ role, host, port: 5060, transport: 'UDP' as const });
  const pair = (name: string, geoLocation: string, at: { primary: string; backup: string }) => ({
    name,
    geoLocation,
    weight: 1,
    members: [member('primary', at.primary), member('backup', at.backup)],
  });
  return {
    namespace: 'voice',
    cluster: 'cc',
    switch: 'sw',
    dn: 'dn',
    geoLocation: 'dc1',
    place: { name: 'p1', address: AT.proxy },
    domains: ['example.com'],
    fqdn: { srv: 'proxies.example.com' },
    recordRoute: 'Srv',
    listeners: [{ transport: 'UDP', port: 5060, side: 'Both' }],
    admin: { port: 0 },
    oosCheck: { interval: 5000, recheck: 5000, timeout: 2000, inService: [[200, 299]] },
    overload: {},
    registration: { maxContacts: 10, minExpires: 60_000, maxExpires: 3600_000, forking: 'Parallel', natPing: 25_000 },
    drain: { dnsGrace: 0, window: 0, limit: 0 },
    remoteServers: 'Never',
    trust: { sbcs: [{ cidr: `${AT.sbc}/32` }], servers: [] },
    servers: [pair('ss1', 'dc1', AT.ss1), pair('ss2', 'dc1', AT.ss2), pair('far', 'dc2', AT.far)],
    proxiesIn: ['dc1', 'dc2'],
    stores: [
      { geoLocation: 'dc1', memory: true },
      { geoLocation: 'dc2', memory: true },
    ],
    log: { level: 'silent' },
    ...changes,
  };
}

/** One proxy's real core on virtual time, with memory stores; the test is the network and every peer on it. */
export class Scene {
  time = 1_700_000_000_000;
  /** What DNS knows: the addresses of URIs. */
  readonly names = new Map<string, readonly string[]>();
  /** How far somebody has set the time of day from the time that passes, ms. */
  clockStep = 0;
  readonly sent: Sent[] = [];
  readonly timers: TimerWheel;
  readonly upstreams: Upstreams;
  readonly replica: Replica;
  readonly core: Core;
  readonly layer: TransactionLayer;
  readonly cluster: MemoryCluster;
  readonly connections = new Map<number, Connection>();
  readonly config: ProxyConfig;
  readonly #listeners = new Map<Transport, Listener>();
  readonly #hops = new Map<string, Hop>();
  readonly #resolver: Resolver;

  /** What the proxy logged as an error, a line of JSON each. */
  readonly errors: string[] = [];
  /** And as a warning. */
  readonly warnings: string[] = [];

  private constructor(changes: Partial<ProxyConfig>, cluster: MemoryCluster | undefined) {
    const log = pino(
      { level: 'warn' },
      { write: (line: string) => void (line.startsWith('{"level":40') ? this.warnings : this.errors).push(line) },
    );
    const now = (): number => this.time;
    this.config = config(changes);
    const { geoLocation, place } = this.config;
    for (const { transport, port, side } of this.config.listeners) {
      const address = this.config.place.address;
      this.#listeners.set(transport, {
        transport,
        address,
        port,
        side,
        advertisedAddress: address,
        advertisedPort: port,
      });
    }
    this.timers = new TimerWheel(this.time);
    this.cluster = cluster ?? new MemoryCluster({ now });
    this.replica = new Replica({
      proxy: place.name,
      boot: 'boot1',
      own: this.cluster.store(geoLocation),
      others: ['dc1', 'dc2'].filter((other) => other !== geoLocation).map((other) => this.cluster.store(other)),
      now,
      log: LOG,
    });
    this.upstreams = new Upstreams({
      geoLocation,
      servers: this.config.servers,
      oosCheck: this.config.oosCheck,
      now,
      random: () => 0.5,
      log: LOG,
      ping: () => undefined,
      resolve: async (host) => Promise.reject(new Error(`no such host: ${host}`)),
      onSwitch: (pair, _from, to) => this.core.pairSwitched(pair, to),
      onChange: () => undefined,
    });
    this.#resolver = new Resolver({
      now,
      log: LOG,
      supports: (transport) => this.#listeners.has(transport),
      isConnected: ({ transport, address, port }) =>
        [...this.connections.values()].some(
          (c) => c.open && c.transport === transport && c.remoteAddress === address && c.remotePort === port,
        ),
    });
    const reach: Reach = {
      proxy: place.name,
      boot: 'boot1',
      geoLocation,
      proxies: this.replica.proxies,
      connection: (number) => this.connections.get(number),
      hop: (transport, address, port, connection) => this.hop(transport, address, port, connection),
      inward: (transport, address, port) => this.hop(transport, address, port),
    };
    const outside = {
      // Read, not refused: the answer to a faulty request may carry its faulty header fields
      send: (text: string, hop: Hop): void =>
        void this.sent.push({ text, hop, message: new Message(text, DEFAULT_LIMITS) }),
      resolve: (uri: string, _size: number, reached?: Reached): readonly Hop[] | Promise<readonly Hop[]> => {
        const named = this.names.get(uri);
        const transport = uri.endsWith(';transport=tcp') ? 'TCP' : 'UDP';
        if (named !== undefined) return Promise.resolve(named.flatMap((host) => this.hop(transport, host, 5060) ?? []));
        const [, host = '', port = '5060'] = /^sips?:(?:[^@]*@)?([^:;>]+)(?::(\d+))?/.exec(uri) ?? [];
        const hop = this.hop(transport, host, Number(port));
        if (hop === undefined || isIP(host) === 0) throw new Error(`no such host: ${host}`);
        if (reached === undefined) return [hop];
        const targets = this.#resolver.targets(parseUri(uri), 0, reached);
        // rejects for what nothing is sent by; an address is not looked up
        const hops = (found: readonly Target[]): Hop[] =>
          found.flatMap((target) => this.hop(target.transport, target.address, target.port) ?? []);
        return targets instanceof Promise ? targets.then(hops) : hops(targets);
      },
      reach,
    };
    this.core = new Core({
      config: this.config,
      boot: 'boot1',
      log,
      now,
      wall: () => this.time + this.clockStep,
      random: () => 0.25,
      timers: this.timers,
      replica: this.replica,
      upstreams: this.upstreams,
      identity: new Identity(this.config, [...this.#listeners.values()], []),
      trust: trustOf(this.config),
      outside,
    });
    this.layer = new TransactionLayer({
      send: outside.send,
      now,
      timers: this.timers,
      user: this.core.incoming,
      log,
    });
    this.core.attach(this.layer);
  }

  /** A ready proxy; every local primary answers, every backup's port is closed. `cluster`: another scene's stores. */
  static async begin(changes: Partial<ProxyConfig> = {}, ready = true, cluster?: MemoryCluster): Promise<Scene> {
    const scene = new Scene(changes, cluster);
    if (!ready) return scene;
    scene.replica.start();
    await scene.settled();
    scene.upstreams.start([]);
    for (const { name, local } of scene.upstreams.pairs) {
      if (!local) continue;
      scene.pinged(name, 'primary', 200);
      scene.pinged(name, 'backup', 'ConnectionRefused');
    }
    return scene;
  }

  /** Tells the shard's other proxies of this one. `advertised`: an address that stands for it and others. */
  async publishes(advertised?: string): Promise<ProxyRecord> {
    const { geoLocation, place, listeners } = this.config;
    const record: ProxyRecord = {
      name: place.name,
      geoLocation,
      state: 'Ready',
      boot: 'boot1',
      addresses: listeners.map(({ transport, port, side }) => ({
        transport,
        address: advertised ?? place.address,
        port,
        side,
        ...(advertised === undefined ? {} : { local: { address: place.address, port } }),
      })),
      admin: '',
      configuration: { hash: 'h' },
      counts: { registrations: 0, calls: 0 },
      keys: [],
    };
    this.replica.publishProxy(record);
    await this.settled();
    return record;
  }

  /** Looks again at who the other proxies are. */
  meets(): void {
    this.core.identity = new Identity(this.config, [...this.#listeners.values()], this.replica.proxies.values());
    this.core.proxiesChanged();
  }

  hop(transport: Transport, address: string, port: number, connection?: Connection): Hop | undefined {
    const listener = this.#listeners.get(transport);
    if (listener === undefined) return undefined;
    if (connection !== undefined) return { transport, address, port, listener, connection };
    const key = `${transport} ${address} ${port}`;
    let hop = this.#hops.get(key);
    if (hop === undefined) {
      hop = { transport, address, port, listener };
      this.#hops.set(key, hop);
    }
    return hop;
  }

  /** What oos-check hears from a member: a status, or why there was none. */
  pinged(pairName: string, role: 'primary' | 'backup', heard: number | 'ConnectionRefused' | 'Timeout'): void {
    const member = this.upstreams.pairNamed(pairName)?.members.find((m) => m.role === role);
    if (member === undefined) throw new Error(`no ${role} in ${pairName}`);
    this.upstreams.pinged(member, typeof heard === 'number' ? { answered: heard, rtt: 1 } : { failed: heard });
  }

  /** A message arrives; what the proxy sends because of it is returned. */
  async receives(
    text: string,
    from: string,
    port = 5060,
    transport: Transport = 'UDP',
    connection?: Connection,
  ): Promise<Sent[]> {
    const hop = this.hop(transport, from, port, connection);
    if (hop === undefined) throw new Error(`the proxy has no ${transport} listener`);
    this.core.incoming.receive(text, hop);
    await this.settled();
    return this.takes();
  }

  /** What was sent since this was asked last. */
  takes(): Sent[] {
    return this.sent.splice(0);
  }

  async passes(ms: number): Promise<Sent[]> {
    const end = this.time + ms;
    while (this.time < end) {
      this.time = Math.min(end, this.time + 50);
      this.core.advance(this.time);
      this.upstreams.tick(this.time);
    }
    await this.settled();
    return this.takes();
  }

  /** Lets the memory stores' promises run. */
  async settled(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  phoneStream(number: number, address: string, port: number): Connection {
    const connection: Connection = {
      number,
      transport: 'TCP',
      remoteAddress: address,
      remotePort: port,
      inbound: true,
      open: true,
      holds: 0,
    };
    this.connections.set(number, connection);
    return connection;
  }

  /** Another live proxy of the shard is heard of. */
  async hasProxy(
    name: string,
    geoLocation: string,
    address: string,
    boot = 'bootX',
    state: ProxyRecord['state'] = 'Ready',
  ): Promise<ProxyRecord> {
    const record: ProxyRecord = {
      name,
      geoLocation,
      state,
      boot,
      addresses: [{ transport: 'UDP', address, port: 5060, side: 'Both' }],
      admin: '',
      configuration: { hash: 'h' },
      counts: { registrations: 0, calls: 0 },
      keys: [],
    };
    const other = new Replica({
      proxy: name,
      boot: 'b1',
      own: this.cluster.store(geoLocation),
      others: [],
      now: () => this.time,
      log: LOG,
    });
    other.start();
    await this.settled();
    other.publishProxy(record);
    await this.settled();
    this.meets();
    return record;
  }

  /** alice registers and her server grants it; the answer that she gets. */
  async registers(who: string, from: string, options: RegisterOptions = {}): Promise<Sent | undefined> {
    const [asked] = await this.receives(register({ from: who, sentBy: `${from}:5060`, ...options }), from);
    if (asked === undefined || !asked.message.isRequest) return asked;
    const answers = await this.receives(respond(asked.message, 200), asked.hop.address, asked.hop.port);
    return answers.at(-1);
  }
}

/** The first request among what was sent. */
export function requestIn(sent: readonly Sent[]): Sent {
  const found = sent.find((s) => s.message.isRequest);
  if (found === undefined)
    throw new Error(`no request among: ${sent.map((s) => s.message.status).join(', ') || 'nothing'}`);
  return found;
}

export function statuses(sent: readonly Sent[]): number[] {
  return sent.filter((s) => !s.message.isRequest).map((s) => s.message.status);
}

export { bye, invite, respond, type RequestOptions };
