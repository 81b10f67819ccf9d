import { randomBytes } from 'node:crypto';
import type { Logger as Log } from 'pino';
import { DEFAULT_LIMITS, messageLimits } from './limits.ts';
import type { TransportLimits } from './transport/limits.ts';
import { startAdmin } from './admin.ts';
import type { ProxyConfig } from './config.ts';
import { traceMessage } from './message-trace.ts';
import { reachedAt } from './reached-at.ts';
import { trustOf } from './routing/classify.ts';
import { Report } from './report.ts';
import { Core } from './routing/core.ts';
import { Identity } from './routing/identity.ts';
import type { Reach } from './routing/way.ts';
import { parseUri } from './sip/uri.ts';
import { openStore } from './store/open.ts';
import { HEARTBEAT, type ProxyAddress } from './store/records.ts';
import { Replica } from './store/replica.ts';
import type { Store } from './store/store.ts';
import { TransactionLayer } from './transaction/layer.ts';
import { TimerWheel } from './transaction/timers.ts';
import type { Hop, Listener, Transport } from './transport/hop.ts';
import { NAT_PING, NatPings } from './transport/nat-ping.ts';
import { Resolver, type Target } from './transport/resolve.ts';
import { TlsMaterial } from './transport/tls-material.ts';
import { Transports } from './transport/transports.ts';
import { Ticker } from './ticker.ts';
import { TurnClock } from './turn-clock.ts';
import { Pinger } from './upstream/pinger.ts';
import { Upstreams } from './upstream/upstreams.ts';
import { Shutdown } from './shutdown.ts';
import type { ProxyStatus } from './status.ts';

export interface ProxyOptions {
  readonly log: Log;
  /** Hash of the configuration's file. */
  readonly hash: string;
  /** Where the stores come from, if not from the configuration's endpoints: one process with all proxies in it. */
  readonly stores?: (geoLocation: string) => Store;
  /** Opens POST /block on the admin port, which cuts links for tests and the demo. */
  readonly testing?: boolean;
}

export interface RunningProxy {
  readonly name: string;
  readonly addresses: readonly ProxyAddress[];
  /** The admin port's URL. */
  readonly admin: string;
  status(): ProxyStatus;
  reconfigure(config: ProxyConfig, hash: string): void;
  /** A newer configuration was refused: published, so that whoever wrote it learns why. */
  refuse(hash: string, why: string): void;
  block(addresses: ReadonlySet<string>): void;
  /** Drains as configured (drain.ts), then ends. */
  close(): Promise<void>;
  /** Ends now, also in mid-drain: sockets, then presence and store. */
  end(): Promise<void>;
}

/** How long the end waits for the stores to take the last writes, ms. */
const CLOSE_STORES = 1500;

/** One proxy: store, servers, sockets and the core between them. Rejects, with nothing left open, if a socket can't be bound. */
export async function startProxy(config: ProxyConfig, options: ProxyOptions): Promise<RunningProxy> {
  const { log } = options;
  const wall = Date.now;
  // timers and the oos-check go by a clock that a step of the time of day does not move
  const startedAt = wall() - performance.now();
  const now = (): number => startedAt + performance.now();
  const boot = randomBytes(6).toString('base64url');
  const turn = new TurnClock(now, wall);
  const timers = new TimerWheel(now());
  let current = config;

  const tracing = log.isLevelEnabled('trace');
  const send = (text: string, hop: Hop): void => {
    if (tracing) traceMessage(log, 'sent', text, hop);
    transports.send(text, hop);
  };
  let isMoreLeft = false;
  const ticker = new Ticker({
    read: () => turn.read(),
    due: () => (isMoreLeft ? 0 : Math.min(timers.next() ?? Infinity, upstreams.next() ?? Infinity)),
    tick(at) {
      core.advance(at);
      upstreams.tick(at);
      natPings.tick(at, current.registration.natPing);
      isMoreLeft = replica.tick(turn.wall());
      shutdown?.tick(at);
    },
  });
  const tls = new TlsMaterial({ log, now });
  const transports = new Transports({
    log,
    now,
    tls,
    tlsPeer: (address, port) => upstreams.memberAt(address, port)?.tlsPeer,
    limits: streamLimits(config),
    user: {
      message: (text, from) => {
        if (tracing) traceMessage(log, 'received', text, from);
        const at = turn.read();
        core.incoming.receive(text, from);
        ticker.pass(at);
      },
      malformed: (error, from) => core.incoming.malformed(error, from),
      failed: (hop, error) => {
        log.debug({ to: `${hop.transport} ${hop.address}:${hop.port}`, err: error }, 'send failed');
        core.incoming.failed(hop);
      },
      undelivered: (hop, sent, reason) => {
        log.debug({ to: `${hop.transport} ${hop.address}:${hop.port}`, reason }, 'ICMP: not delivered');
        core.incoming.undelivered(hop, sent);
      },
      closed: (connection) => core.flows.release(connection),
    },
  });
  const advertise = config.place.advertise ?? config.place.address;
  const ownAdvertised = (side: Listener['side']): string =>
    side === 'Internal' ? (config.place.internal ?? advertise) : advertise;
  await transports.listen(
    [config.place, ...(config.place.also ?? [])].flatMap((at) =>
      config.listeners.map(({ advertise: told, ...listener }) => ({
        ...listener,
        address: at.address,
        ...(at === config.place
          ? { advertisedAddress: told?.address ?? ownAdvertised(listener.side), advertisedPort: told?.port }
          : advertisedAlso(at, told)),
      })),
    ),
  );
  const addresses = transports.listeners.map((listener) =>
    reachedAt(listener, listener.address === config.place.address ? config.place.internal : undefined),
  );

  const stores = config.stores.map(
    (store) => options.stores?.(store.geoLocation) ?? openStore(store, config, { log, now: wall }),
  );
  const [own, ...others] = stores;
  if (own === undefined) throw new Error('the configuration names no store for this geo-location');
  const replica = new Replica({ proxy: config.place.name, boot, own, others, now: wall, log });

  const resolver = new Resolver({
    now,
    log,
    supports: (transport) => transports.listeners.some((listener) => listener.transport === transport),
    isConnected: ({ transport, address, port }) => transports.isConnected(transport, address, port),
    hasHeard: ({ address, port }) => transports.hasHeard(address, port),
  });
  const pinger = new Pinger({
    localAddress: config.place.address,
    log,
    tls,
    done: (member, result) => upstreams.pinged(member, result),
  });
  const upstreams = new Upstreams({
    geoLocation: config.geoLocation,
    servers: config.servers,
    oosCheck: config.oosCheck,
    now,
    random: Math.random,
    log,
    ping: (member, timeout) => pinger.ping(member, timeout),
    resolve: (host, port, transport) => resolver.resolve(host, port, transport),
    onSwitch: (pair, from, to) => {
      log.info({ pair: pair.name, from: from?.role ?? 'none', to: to?.role ?? 'none' }, 'pair switched');
      core.pairSwitched(pair, to);
      if (from === undefined) return;
      // one that gave up its place in order still answers what it was sent
      transports.closeTo(from.address, from.port, upstreams.stateOf(from) === 'Down' ? 'all' : 'opening');
    },
    onChange: () => report.publishHealth(),
    forget: (member) => pinger.forget(member),
  });

  const hopTo = (
    transport: Transport,
    address: string,
    port: number,
    serverName?: string,
    towards?: 'Internal',
  ): Hop | undefined => {
    const listener =
      towards === undefined
        ? transports.listenerTowards(transport, address, port)
        : transports.listener(transport, address.includes(':') ? 6 : 4, towards);
    return listener && transports.hop(transport, address, port, listener, serverName);
  };
  const reach: Reach = {
    proxy: config.place.name,
    boot,
    geoLocation: config.geoLocation,
    proxies: replica.proxies,
    connection: (number) => transports.connection(number),
    hop: (transport, address, port, connection) => {
      const hop = hopTo(transport, address, port);
      return hop && connection !== undefined ? { ...hop, connection } : hop;
    },
    inward: (transport, address, port) => {
      // RFC 5922: another proxy's certificate holds the name that all of them share
      const isProxy = transport === 'TLS' && core.identity.proxyAt(address) !== undefined;
      const name = isProxy ? (current.fqdn?.a ?? current.fqdn?.srv) : undefined;
      return hopTo(transport, address, port, name, 'Internal');
    },
  };
  const identify = (): Identity => new Identity(current, transports.listeners, replica.proxies.values());
  const core = new Core({
    config,
    boot,
    log,
    now: turn.now,
    wall: turn.wall,
    random: Math.random,
    timers,
    replica,
    upstreams,
    identity: identify(),
    trust: trustOf(config),
    outside: {
      send,
      resolve: (text, size, reached) => {
        const uri = parseUri(text);
        const hops = (targets: readonly Target[]): Hop[] =>
          targets.flatMap(({ transport, address, port }) => hopTo(transport, address, port, uri.host) ?? []);
        const found = resolver.targets(uri, size, reached);
        return found instanceof Promise ? found.then(hops) : hops(found);
      },
      reach,
    },
  });
  const resend = (text: string, hop: Hop): void => {
    if (tracing) traceMessage(log, 'sent', text, hop);
    transports.resend(text, hop);
  };
  const layer = new TransactionLayer({ send, resend, now: turn.now, timers, user: core.incoming, log });
  core.attach(layer);

  replica.onProxies(() => {
    core.identity = identify();
    core.proxiesChanged();
  });
  replica.onHealth((record) => {
    if (record.proxy === config.place.name) return;
    core.proxyHeard(record.proxy);
    upstreams.hint(record);
  });

  const report = new Report(
    {
      config,
      boot,
      addresses,
      replica,
      upstreams,
      layer,
      now,
      wall,
      complaints: () => tls.complaints,
      counters: () => ({
        ...core.counts,
        transactionsRefused: layer.counts.refused,
        transactionsEndedEarly: layer.counts.endedEarly,
        ...transports.counters,
        ...replica.counters,
      }),
      defects: core.defects,
    },
    options.hash,
  );
  const block = (blocked: ReadonlySet<string>): void => transports.block(blocked);
  const admin = await startAdmin({
    address: config.place.address,
    port: config.admin.port,
    token: config.admin.token,
    log,
    status: () => report.status(),
    registrations: (aor) => report.registrations(aor),
    calls: (callId) => report.calls(callId),
    ...(options.testing === true ? { block } : {}),
  });

  let shutdown: Shutdown | undefined;
  let ended: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    ticker.stop();
    for (const timer of [housekeeping, heartbeat]) clearInterval(timer);
    pinger.close();
    await transports.close();
    // a store out of reach must not hold up the end: what it lacks, the other proxies hold
    await Promise.race([replica.close(), new Promise((resolve) => setTimeout(resolve, CLOSE_STORES).unref())]);
    await admin.close();
  };

  report.admin = admin.url;
  replica.onReady(() => {
    if (shutdown === undefined) report.state = 'Ready';
    report.pingedSince = now();
    upstreams.start(replica.health.values());
    report.publish();
    log.info({ registrations: replica.counts(wall()).bindings }, 'proxy ready');
  });
  replica.start();

  const natPings = new NatPings({
    end: () => replica.bindingRows,
    source: (row) => replica.natSource(row, config.place.name, turn.wall()),
    ping: (address, port) => {
      const hop = hopTo('UDP', address, port);
      if (hop !== undefined) transports.send(NAT_PING, hop);
    },
  });

  ticker.start();
  const housekeeping = setInterval(() => replica.expire(wall()), 1000);
  const heartbeat = setInterval(() => report.publish(), HEARTBEAT);

  return {
    name: config.place.name,
    addresses,
    admin: admin.url,
    status: () => report.status(),
    block,
    reconfigure(next, hash) {
      current = next;
      report.configuration = { hash };
      core.reconfigure(next, identify(), trustOf(next));
      upstreams.reconfigure(next.servers, next.oosCheck);
      transports.limit(streamLimits(next));
      log.info({ hash }, 'configuration changed');
      report.publishProxy();
    },
    refuse(hash, why) {
      report.configuration = { ...report.configuration, refused: { hash, why } };
      report.publishProxy();
    },
    async close() {
      if (shutdown === undefined) {
        // one that was never ready is in no name
        const dnsGrace = report.state === 'Ready' ? current.drain.dnsGrace : 0;
        report.state = 'Draining';
        report.publishProxy();
        shutdown = new Shutdown({ core, layer, transports, log }, { ...current.drain, dnsGrace }, now());
      }
      await shutdown.over;
      await (ended ??= end());
    },
    end() {
      shutdown?.cut();
      return (ended ??= end());
    },
  };
}

function streamLimits({ limits = DEFAULT_LIMITS }: ProxyConfig): Partial<TransportLimits> {
  const { connections, halfOpenConnections, idleTimeout } = limits;
  return { message: messageLimits(limits), connections, halfOpen: halfOpenConnections, idleTimeout };
}

/** What a listener tells of another address of the place than the first: a port that is told stands for what is advertised, and an address of its own is the first's alone. */
function advertisedAlso(
  { address, advertise }: { readonly address: string; readonly advertise?: string },
  told: ProxyConfig['listeners'][number]['advertise'],
): { advertisedAddress: string; advertisedPort: number | undefined } {
  if (advertise === undefined || told?.address !== undefined)
    return { advertisedAddress: address, advertisedPort: undefined };
  return { advertisedAddress: advertise, advertisedPort: told?.port };
}
