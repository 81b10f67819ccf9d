import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { ownAddress } from '../peers/loopback.ts';
import type { Geo } from './cast.ts';

/**
 * One address for all proxies of each data centre, as a load balancer has it, between the data centres. What comes there
 * goes to the first of the proxies, whoever it is for. Datagrams come from the address of the sender's data centre,
 * connections from one that nobody knows.
 */
export class Front {
  readonly at: Readonly<Record<Geo, string>> = { dc1: ownAddress(), dc2: ownAddress() };
  datagrams = 0;
  connections = 0;
  /** Bytes that were no TLS record of a handshake or of data, at the beginning of what somebody sent. */
  clear = 0;
  readonly #proxies: Readonly<Record<Geo, readonly string[]>>;
  readonly #sockets = new Map<Geo, UdpSocket>();
  readonly #servers: Server[] = [];
  readonly #streams = new Set<Socket>();

  private constructor(proxies: Readonly<Record<Geo, readonly string[]>>) {
    this.#proxies = proxies;
  }

  static async begins(proxies: Readonly<Record<Geo, readonly string[]>>): Promise<Front> {
    const front = new Front(proxies);
    await Promise.all((['dc1', 'dc2'] as const).map((geo) => front.#open(geo)));
    return front;
  }

  ends(): void {
    for (const stream of this.#streams) stream.destroy();
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets.values()) socket.close();
  }

  async #open(geo: Geo): Promise<void> {
    const socket = createSocket('udp4');
    this.#sockets.set(geo, socket);
    socket.on('message', (bytes, { address }) => {
      this.datagrams++;
      this.#sockets.get(this.#home(address))?.send(bytes, 5060, this.#proxies[geo][0]);
    });
    socket.bind(5060, this.at[geo]);
    const server = createServer((from) => this.#connects(from, connect(5061, this.#proxies[geo][0] ?? '')));
    this.#servers.push(server);
    server.listen(5061, this.at[geo]);
    await Promise.all([once(socket, 'listening'), once(server, 'listening')]);
  }

  #connects(from: Socket, to: Socket): void {
    this.connections++;
    for (const stream of [from, to]) {
      this.#streams.add(stream);
      stream.once('data', (chunk: Buffer) => {
        if (chunk[0] !== HANDSHAKE) this.clear++;
      });
      stream.on('error', () => undefined);
      stream.on('close', () => {
        this.#streams.delete(stream);
        from.destroy();
        to.destroy();
      });
    }
    from.pipe(to).pipe(from);
  }

  /** The data centre whose proxy or front has this address. */
  #home(address: string): Geo {
    return address === this.at.dc1 || this.#proxies.dc1.includes(address) ? 'dc1' : 'dc2';
  }
}

/** RFC 8446 5.1: the content type of a record. */
const HANDSHAKE = 22;
