import { createServer, type Server, Socket } from 'node:net';
import { parseMessage } from '../sip/message.ts';
import { param } from '../sip/name-addr.ts';
import { SipError } from '../sip/sip-error.ts';
import type { Connections } from './connections.ts';
import { HopCache } from './hop-cache.ts';
import type { Hop, Listener, Transport } from './hop.ts';
import { formatAddress, ListenError } from './listen-error.ts';
import type { ListenerOptions } from './listener-options.ts';
import { PeerMap } from './peer-map.ts';
import { StreamConnection } from './stream-connection.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import type { TransportContext } from './user.ts';

/** The kernel finds a peer that is gone without a word, in the end; ms of silence before it asks. */
const keepAliveAfter = 60_000;
const backlog = 1_024;

/** A listening socket of TCP, TLS, WS or WSS, and the connections that came in by it or go out in its name. */
export class StreamListener implements Listener {
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
  readonly side: Listener['side'];
  readonly advertisedAddress: string;
  readonly advertisedPort: number;
  readonly #server: Server;
  readonly #protocol: StreamProtocol;
  readonly #context: TransportContext;
  readonly #connections: Connections;
  readonly #hops: HopCache;
  /** RFC 3261 18: an open connection to the peer's address and port is used again, whoever opened it. */
  readonly #peers = new PeerMap<StreamConnection>();
  /** RFC 5923: those that came in, by the address and port at which their peers take requests. */
  readonly #aliases = new PeerMap<StreamConnection>();
  #closed = false;

  /** Rejects with ListenError. */
  static async open(
    options: ListenerOptions,
    protocol: StreamProtocol,
    context: TransportContext,
    connections: Connections,
  ): Promise<StreamListener> {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfter });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    const { address: host, port } = options;
    server.listen({ host, port, backlog, exclusive: true, ipv6Only: host.includes(':') }, resolve);
    try {
      await promise;
    } catch (error) {
      protocol.close();
      throw new ListenError(options.transport, host, port, error);
    }
    server.removeListener('error', reject);
    return new StreamListener(server, options, protocol, context, connections);
  }

  private constructor(
    server: Server,
    options: ListenerOptions,
    protocol: StreamProtocol,
    context: TransportContext,
    connections: Connections,
  ) {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('a TCP server that listens has an address');
    this.transport = options.transport;
    this.address = bound.address;
    this.port = bound.port;
    this.family = bound.address.includes(':') ? 6 : 4;
    this.side = options.side;
    this.advertisedAddress = options.advertisedAddress ?? bound.address;
    this.advertisedPort = options.advertisedPort ?? bound.port;
    this.#server = server;
    this.#protocol = protocol;
    this.#context = context;
    this.#connections = connections;
    this.#hops = new HopCache(this, context.limits.hops);
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) => {
      const at = formatAddress(this.address, this.port);
      context.log.warn({ err: error }, `accepting on ${this.transport} ${at} failed`);
    });
  }

  hop(address: string, port: number): Hop {
    return this.#hops.get(address, port);
  }

  isConnected(address: string, port: number): boolean {
    return this.#connected(this.hop(address, port)) !== undefined;
  }

  send(text: string, hop: Hop): void {
    if (this.#closed) return;
    if (hop.connection === undefined) {
      const connection = this.#connected(hop) ?? this.#connect(hop);
      connection?.send(text, hop);
    } else if (hop.connection instanceof StreamConnection) {
      hop.connection.send(text, hop);
    } else {
      this.#context.fail(hop, new Error(`connection ${hop.connection.number} is not one of this process`));
    }
  }

  /** Accepts no more; the connections are ended by their owner. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#protocol.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  /** The connection that leads to this hop already. */
  #connected(hop: Hop): StreamConnection | undefined {
    const peer = this.#peers.get(hop.address, hop.port);
    const serverName = this.#protocol.serverName(hop);
    if (serverName === undefined || peer?.proves(serverName) === true) return peer;
    const alias = this.#aliases.get(hop.address, hop.port);
    return alias?.proves(serverName) === true ? alias : undefined;
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    // Gone again already.
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const { counters } = this.#context;
    if (this.#connections.full) {
      counters.connectionsRefused++;
      socket.destroy();
      return;
    }
    counters.connectionsAccepted++;
    this.#add(socket, remoteAddress, remotePort, undefined, (connection) => this.#protocol.accept(socket, connection));
  }

  #connect(hop: Hop): StreamConnection | undefined {
    const { dial } = this.#protocol;
    if (dial === undefined) {
      // RFC 7118 5: whoever is behind a WebSocket is reached over the one it opened itself, or not at all
      const at = formatAddress(hop.address, hop.port);
      this.#context.fail(hop, new Error(`no ${this.transport} connection from ${at}, and none can be opened to it`));
      return undefined;
    }
    if (this.#connections.full) {
      this.#context.fail(hop, new Error(`${this.#connections.size} connections are open already`));
      return undefined;
    }
    const { address, port } = hop;
    const socket = new Socket();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveAfter);
    // Peers know a proxy by its address, so a connection leaves from the one that its listener has.
    const localAddress = this.address === '0.0.0.0' || this.address === '::' ? undefined : this.address;
    const target = { host: address, port, family: this.family, ...(localAddress && { localAddress }) };
    const serverName = this.#protocol.serverName(hop);
    return this.#add(socket, address, port, { serverName }, (connection) => {
      socket.once('connect', () => dial(socket, hop, connection));
      try {
        socket.connect(target);
      } catch (error) {
        // A port above 65535 and the like; told as any other failure to connect.
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  #add(
    socket: Socket,
    remoteAddress: string,
    remotePort: number,
    dialled: { readonly serverName: string | undefined } | undefined,
    begin: (connection: StreamConnection) => void,
  ): StreamConnection {
    const connection = this.#connections.add({
      socket,
      listener: this,
      remoteAddress,
      remotePort,
      inbound: dialled === undefined,
      serverName: dialled?.serverName,
      begin,
      proven: (one, message) => this.#alias(one, message),
      ended: (one) => {
        forget(this.#peers, one, remotePort);
        if (one.aliasPort !== 0 && forget(this.#aliases, one, one.aliasPort))
          this.#context.fail({ ...one.hop, port: one.aliasPort }, new Error('the connection that it opened has ended'));
      },
    });
    this.#peers.set(remoteAddress, remotePort, connection);
    connection.begin();
    return connection;
  }

  /**
   * RFC 5923 5: a peer that proved who it is and says `alias` takes requests over the connection that it opened, as if
   * it had been opened to its sent-by. Its first message tells.
   */
  #alias(connection: StreamConnection, text: string): void {
    if (!connection.inbound || connection.certificateNames.length === 0) return;
    try {
      const message = parseMessage(text, connection.messageLimits);
      if (!message.isRequest || param(message.via.params, 'alias') === undefined) return;
      connection.aliasPort = message.via.port === 0 ? 5061 : message.via.port;
      this.#aliases.set(connection.remoteAddress, connection.aliasPort, connection);
    } catch (error) {
      // what is no message is refused above
      if (!(error instanceof SipError)) throw error;
    }
  }
}

/** @returns whether it was in there */
function forget(map: PeerMap<StreamConnection>, connection: StreamConnection, port: number): boolean {
  const known = map.get(connection.remoteAddress, port) === connection;
  if (known) map.delete(connection.remoteAddress, port);
  return known;
}
