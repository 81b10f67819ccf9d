import type { Logger as Log } from 'pino';
import { Connections } from './connections.ts';
import { transportCounters, type TransportCounters } from './counters.ts';
import type { Connection, Hop, Listener, Transport } from './hop.ts';
import { defaultLimits, type TransportLimits } from './limits.ts';
import type { ListenerOptions } from './listener-options.ts';
import { StreamListener } from './stream-listener.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import { tcp } from './tcp.ts';
import { Tls } from './tls.ts';
import type { TlsMaterial, TlsPeer } from './tls-material.ts';
import { UdpListener } from './udp.ts';
import type { TransportContext, TransportUser } from './user.ts';
import { WebSockets } from './websocket.ts';

export type { ListenerOptions } from './listener-options.ts';

/** How often deadlines of connections are looked at, in ms. */
const expireEvery = 1_000;

type OpenListener = UdpListener | StreamListener;

interface TransportsOptions {
  readonly user: TransportUser;
  readonly log: Log;
  readonly now: () => number;
  readonly limits?: Partial<TransportLimits> | undefined;
  /** UDP by native/udp.c where that is there; by default true. */
  readonly batched?: boolean | undefined;
  /** Certificates, for TLS and WSS. */
  readonly tls?: TlsMaterial | undefined;
  /** The configured server at this numeric address and port, to be judged by its own names and authorities. */
  readonly tlsPeer?: ((address: string, port: number) => TlsPeer | undefined) | undefined;
}

/** Everything that this process listens on and sends from (RFC 3261 18). */
export class Transports {
  readonly counters: TransportCounters = transportCounters();
  readonly #context: TransportContext;
  readonly #options: TransportsOptions;
  readonly #connections: Connections;
  readonly #listeners: OpenListener[] = [];
  /** By the listener that a hop names. */
  readonly #senders = new Map<Listener, OpenListener>();
  readonly #timer: NodeJS.Timeout;
  #notices: (() => void)[] = [];
  #closed = false;

  constructor(options: TransportsOptions) {
    const { user, log, now } = options;
    this.#options = options;
    this.#context = {
      user,
      log,
      limits: { ...defaultLimits, ...options.limits },
      batched: options.batched ?? true,
      counters: this.counters,
      blocked: new Set(),
      now,
      fail: (hop, error) => this.#notify(() => user.failed(hop, error)),
      closed: (connection) => this.#notify(() => user.closed(connection)),
    };
    this.#connections = new Connections(this.#context);
    this.#timer = setInterval(() => this.expire(now()), expireEvery);
    this.#timer.unref();
  }

  /**
   * Opens all of them or none. Rejects with a ListenError or CredentialsError, or with an AggregateError of several.
   */
  async listen(listeners: readonly ListenerOptions[]): Promise<void> {
    const opened = await Promise.allSettled(listeners.map((options) => this.#open(options)));
    const errors = opened.flatMap((result) => (result.status === 'rejected' ? [asError(result.reason)] : []));
    const ready = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const [first, ...others] = errors;
    if (first === undefined) {
      this.#listeners.push(...ready);
      for (const listener of ready) this.#senders.set(listener, listener);
      return;
    }
    await Promise.all(ready.map((listener) => listener.close()));
    if (others.length === 0) throw first;
    throw new AggregateError(errors, errors.map((error) => error.message).join('; '));
  }

  get listeners(): readonly Listener[] {
    return this.#listeners;
  }

  /**
   * The first listener of this transport and address family, and where there are several one that is not for the other
   * side alone: what to send from when nothing says otherwise.
   */
  listener(transport: Transport, family: 4 | 6, towards: 'Internal' | 'External' = 'External'): Listener | undefined {
    const other = towards === 'Internal' ? 'External' : 'Internal';
    let fallback: Listener | undefined;
    for (const one of this.#listeners) {
      if (one.transport !== transport || one.family !== family) continue;
      if (one.side !== other) return one;
      fallback ??= one;
    }
    return fallback;
  }

  /**
   * What to send from to this numeric address outside: as listener(), but where several would do by UDP the one that has
   * heard from there, for a NAT before a phone lets in nothing else.
   */
  listenerTowards(transport: Transport, address: string, port: number): Listener | undefined {
    const family = address.includes(':') ? 6 : 4;
    const first = this.listener(transport, family);
    if (!(first instanceof UdpListener)) return first;
    for (const one of this.#listeners) {
      if (one === first || one.family !== family || one.side === 'Internal' || !(one instanceof UdpListener)) continue;
      if (one.hasHeard(address, port) && !first.hasHeard(address, port)) return one;
    }
    return first;
  }

  /**
   * The hop to a numeric address, from this listener or else the first that fits. Without any that fits, what is sent
   * to it fails. `serverName`: where a name led to the address, which a TLS server must prove to be.
   */
  hop(transport: Transport, address: string, port: number, listener?: Listener, serverName?: string): Hop {
    const from = listener ?? this.listener(transport, address.includes(':') ? 6 : 4) ?? this.#listeners[0];
    if (from === undefined) throw new Error('nothing is listened on, so there is nothing to send from');
    if (from.transport === transport && (transport !== 'TLS' || serverName === undefined)) {
      const open = this.#senders.get(from);
      if (open !== undefined) return open.hop(address, port);
    }
    return { transport, address, port, listener: from, connection: undefined, serverName };
  }

  /** Whether a connection leads there already, by which what is sent there from hop() goes. */
  isConnected(transport: Transport, address: string, port: number): boolean {
    const from = this.listenerTowards(transport, address, port);
    return from instanceof StreamListener && from.isConnected(address, port);
  }

  /** Whether something has come from there by UDP lately. */
  hasHeard(address: string, port: number): boolean {
    const from = this.listenerTowards('UDP', address, port);
    return from instanceof UdpListener && from.hasHeard(address, port);
  }

  /** Never throws; what can't be sent is told to user.failed on a later turn. */
  send(text: string, hop: Hop): void {
    const from = this.#senders.get(hop.listener);
    if (from !== undefined && from.transport === hop.transport) {
      from.send(text, hop);
      return;
    }
    this.#context.fail(hop, new Error(`no listener to send ${hop.transport} to ${hop.address} from`));
  }

  /** As send(), for a request that got no answer: over UDP an ICMP error of it comes to user.failed. */
  resend(text: string, hop: Hop): void {
    const from = hop.listener;
    if (from instanceof UdpListener && hop.transport === 'UDP') from.resend(text, hop);
    else this.send(text, hop);
  }

  connection(number: number): Connection | undefined {
    return this.#connections.get(number);
  }

  /** Those that are open, oldest first. */
  connections(): IterableIterator<Connection> {
    return this.#connections.all();
  }

  /** Ends this one, if it is still there: what is queued is sent before. */
  closeConnection(number: number, why: string): void {
    this.#connections.get(number)?.close(new Error(why));
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Ends the streams to a member that is Down, or those `opening`: what waits for them was not sent yet, and won't be. */
  closeTo(address: string, port: number, which: 'all' | 'opening'): void {
    this.#connections.closeTo(address, port, which);
  }

  /**
   * Simulates a cut link to these numeric addresses, in place of those before: datagrams from and to them vanish,
   * streams stand still, new ones don't come about. What streams hold moves on when the address is no longer named.
   */
  block(addresses: ReadonlySet<string>): void {
    this.#context.blocked = new Set(addresses);
    this.#connections.block(this.#context.blocked);
  }

  /** Other limits from now on: what is open stays open, and is held to those of time. */
  limit(limits: Partial<TransportLimits>): void {
    this.#context.limits = { ...this.#context.limits, ...limits };
  }

  /** Closes connections whose deadlines have passed. Called every second from within. */
  expire(now: number): void {
    this.#connections.expire(now);
  }

  /** Sends what streams have queued, then leaves nothing open. The user hears no more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await Promise.all([this.#connections.close(), ...this.#listeners.map((listener) => listener.close())]);
    this.#listeners.length = 0;
  }

  async #open(options: ListenerOptions): Promise<OpenListener> {
    switch (options.transport) {
      case 'UDP':
        return await UdpListener.open(options, this.#context);
      case 'TCP':
        return await this.#openStream(options, tcp);
      case 'TLS':
        return await this.#openStream(options, this.#tls(options));
      case 'WS':
        return await this.#openStream(options, this.#webSockets(options, undefined));
      case 'WSS':
        return await this.#openStream(options, this.#webSockets(options, this.#tls(options)));
    }
  }

  async #openStream(options: ListenerOptions, protocol: StreamProtocol): Promise<StreamListener> {
    return await StreamListener.open(options, protocol, this.#context, this.#connections);
  }

  #tls({ transport, tls: directory }: ListenerOptions): Tls {
    const { tls: material, tlsPeer, log } = this.#options;
    if (material === undefined || directory === undefined)
      throw new Error(`a ${transport} listener needs a certificate`);
    return new Tls({ directory, material, counters: this.counters, log, peer: tlsPeer ?? (() => undefined) });
  }

  #webSockets({ origins }: ListenerOptions, tls: Tls | undefined): WebSockets {
    return new WebSockets({ counters: this.counters, tls, origins });
  }

  #notify(notice: () => void): void {
    if (this.#notices.length === 0) setImmediate(() => this.#flush());
    this.#notices.push(notice);
  }

  #flush(): void {
    const notices = this.#notices;
    this.#notices = [];
    if (this.#closed) return;
    for (const notice of notices) notice();
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
