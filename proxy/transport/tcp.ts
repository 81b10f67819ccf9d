import { createServer, type Server, Socket } from 'node:net';
import type { Connections } from './connections.ts';
import { HopCache } from './hop-cache.ts';
import type { Hop, Listener } from './hop.ts';
import { formatAddress, ListenError } from './listen-error.ts';
import type { ListenerOptions } from './listener-options.ts';
import { PeerMap } from './peer-map.ts';
import { StreamConnection } from './stream-connection.ts';
import type { TransportContext } from './user.ts';

/** The kernel finds a peer that is gone without a word, in the end; seconds of silence before it asks. */
const keepAliveAfter = 60_000;
const backlog = 1_024;

/** RFC 3261 18 over TCP: a listening socket, and the connections that came in by it or go out in its name. */
export class TcpListener implements Listener {
  readonly transport = 'TCP';
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
  readonly side: Listener['side'];
  readonly advertisedAddress: string;
  readonly advertisedPort: number;
  readonly #server: Server;
  readonly #context: TransportContext;
  readonly #connections: Connections;
  readonly #hops: HopCache;
  /** RFC 3261 18: an open connection to the peer's address and port is used again, whoever opened it. */
  readonly #peers = new PeerMap<StreamConnection>();
  #closed = false;

  /** Rejects with ListenError. */
  static async open(
    options: ListenerOptions,
    context: TransportContext,
    connections: Connections,
  ): Promise<TcpListener> {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfter });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    const { address: host, port } = options;
    server.listen({ host, port, backlog, exclusive: true, ipv6Only: host.includes(':') }, resolve);
    try {
      await promise;
    } catch (error) {
      throw new ListenError('TCP', host, port, error);
    }
    server.removeListener('error', reject);
    return new TcpListener(server, options, context, connections);
  }

  private constructor(server: Server, options: ListenerOptions, context: TransportContext, connections: Connections) {
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('a TCP server that listens has an address');
    this.address = bound.address;
    this.port = bound.port;
    this.family = bound.address.includes(':') ? 6 : 4;
    this.side = options.side;
    this.advertisedAddress = options.advertisedAddress ?? bound.address;
    this.advertisedPort = options.advertisedPort ?? bound.port;
    this.#server = server;
    this.#context = context;
    this.#connections = connections;
    this.#hops = new HopCache(this, context.limits.hops);
    server.on('connection', (socket) => this.#accept(socket));
    server.on('error', (error) => {
      context.log.warn({ err: error }, `accepting on TCP ${formatAddress(this.address, this.port)} failed`);
    });
  }

  hop(address: string, port: number): Hop {
    return this.#hops.get(address, port);
  }

  send(text: string, hop: Hop): void {
    if (this.#closed) return;
    if (hop.connection === undefined) {
      const connection = this.#peers.get(hop.address, hop.port) ?? this.#connect(hop);
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
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
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
    this.#add(socket, remoteAddress, remotePort);
  }

  #connect(hop: Hop): StreamConnection | undefined {
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
    return this.#add(socket, address, port, () => {
      try {
        socket.connect(target);
      } catch (error) {
        // A port above 65535 and the like; told as any other failure to connect.
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  #add(socket: Socket, remoteAddress: string, remotePort: number, connect?: () => void): StreamConnection {
    const connection = this.#connections.add({
      socket,
      listener: this,
      remoteAddress,
      remotePort,
      connect,
      ended: (one) => {
        if (this.#peers.get(remoteAddress, remotePort) === one) this.#peers.delete(remoteAddress, remotePort);
      },
    });
    this.#peers.set(remoteAddress, remotePort, connection);
    return connection;
  }
}
