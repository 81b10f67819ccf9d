import type { Socket } from 'node:net';
import { formatAddress } from './listen-error.ts';
import { StreamConnection, type StreamConnectionOptions } from './stream-connection.ts';
import type { TransportContext } from './user.ts';

type NewConnection = Omit<StreamConnectionOptions, 'number' | 'context'>;

/** All stream connections of this process, by number. */
export class Connections {
  readonly #context: TransportContext;
  readonly #byNumber = new Map<number, StreamConnection>();
  /** Inbound ones that have sent no whole message yet, oldest first. */
  readonly #unproven = new Set<StreamConnection>();
  /** Ours, and those that are closed for us but whose socket still drains. */
  readonly #sockets = new Set<Socket>();
  #last = 0;

  constructor(context: TransportContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  get full(): boolean {
    return this.#sockets.size >= this.#context.limits.connections;
  }

  /** Oldest first. */
  all(): IterableIterator<StreamConnection> {
    return this.#byNumber.values();
  }

  get(number: number): StreamConnection | undefined {
    return this.#byNumber.get(number);
  }

  /** It is to be begun by the caller. */
  add(options: NewConnection): StreamConnection {
    const { socket } = options;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const connection = new StreamConnection({
      ...options,
      number: ++this.#last,
      context: this.#context,
      proven: (one, message) => {
        this.#unproven.delete(one);
        options.proven(one, message);
      },
      ended: (one) => {
        this.#byNumber.delete(one.number);
        this.#unproven.delete(one);
        options.ended(one);
      },
    });
    this.#byNumber.set(connection.number, connection);
    if (connection.inbound) {
      this.#unproven.add(connection);
      if (this.#unproven.size > this.#context.limits.halfOpen) {
        for (const oldest of this.#unproven) {
          oldest.evict();
          break;
        }
      }
    }
    return connection;
  }

  /** Ends the connections to this remote address and port. */
  closeTo(address: string, port: number): void {
    for (const connection of this.#byNumber.values()) {
      if (connection.remoteAddress !== address || connection.remotePort !== port) continue;
      connection.close(new Error(`connections to ${formatAddress(address, port)} are closed: it is down`));
    }
  }

  expire(now: number): void {
    for (const connection of this.#byNumber.values()) connection.expire(now);
  }

  block(addresses: ReadonlySet<string>): void {
    for (const connection of this.#byNumber.values()) {
      if (addresses.has(connection.remoteAddress)) connection.hold();
      else connection.release();
    }
  }

  /** Ends all; resolves when no socket is left. */
  async close(): Promise<void> {
    const gone: Promise<unknown>[] = [];
    for (const socket of this.#sockets) {
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.once('close', () => resolve());
      gone.push(promise);
    }
    for (const connection of this.#byNumber.values()) connection.close(new Error('the proxy is closing'));
    await Promise.all(gone);
  }
}
