import type { Socket } from 'node:net';
import { formatAddress } from './listen-error.ts';
import { StreamConnection, type StreamConnectionOptions } from './stream-connection.ts';
import type { TransportContext } from './user.ts';

type NewConnection = Omit<StreamConnectionOptions, 'number' | 'context' | 'lingers' | 'lingered'>;

/** A connection that nobody holds may still be about to be used: a phone that has just been challenged. ms */
const USELESS_AFTER = 10_000;
/** How much room is made at once, so that not each new one has to look for it; and how long none is looked for again, ms. */
const ROOM_SHARE = 0.01;
const LOOK_AGAIN = 1_000;

/** All stream connections of this process, by number. */
export class Connections {
  readonly #context: TransportContext;
  readonly #byNumber = new Map<number, StreamConnection>();
  /** Inbound ones that have sent no whole message yet, oldest first. */
  readonly #unproven = new Set<StreamConnection>();
  /** Those whose peers send no more and wait for answers. */
  readonly #lingering = new Set<StreamConnection>();
  /** Ours, and those that are closed for us but whose socket still drains. */
  readonly #sockets = new Set<Socket>();
  #last = 0;
  /** Until then there was nothing to make room with. */
  #fullUntil = 0;

  constructor(context: TransportContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /** Whether there is no room for one more, though those that nobody needs have made room. */
  get full(): boolean {
    const { limits, now } = this.#context;
    // those that are being closed are gone within closeTimeout
    if (this.#sockets.size >= limits.connections * 2) return true;
    if (this.#byNumber.size < limits.connections) return false;
    const at = now();
    if (at < this.#fullUntil) return true;
    if (this.#makeRoom(at)) return false;
    this.#fullUntil = at + LOOK_AGAIN;
    return true;
  }

  /** Ends some of those that nobody needs, longest unused first. False if there are none. */
  #makeRoom(now: number): boolean {
    const useless: StreamConnection[] = [];
    for (const connection of this.#byNumber.values()) {
      if (connection.uselessFor(now) >= USELESS_AFTER) useless.push(connection);
    }
    useless.sort((a, b) => b.uselessFor(now) - a.uselessFor(now));
    useless.length = Math.min(useless.length, Math.ceil(this.#context.limits.connections * ROOM_SHARE));
    for (const connection of useless) connection.makeRoom();
    return useless.length > 0;
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
      lingers: (one) => this.#lingering.add(one),
      lingered: (one) => this.#lingering.delete(one),
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

  /** Ends the connections to this remote address and port, or those of them that have not come about yet. */
  closeTo(address: string, port: number, which: 'all' | 'opening'): void {
    for (const connection of this.#byNumber.values()) {
      if (connection.remoteAddress !== address || connection.remotePort !== port) continue;
      if (which === 'opening' && connection.ready) continue;
      const why = which === 'all' ? 'it is down' : 'it is out of service';
      connection.close(new Error(`connections to ${formatAddress(address, port)} are closed: ${why}`));
    }
  }

  expire(now: number): void {
    for (const connection of this.#byNumber.values()) connection.expire(now);
    for (const connection of this.#lingering) connection.expire(now);
  }

  block(addresses: ReadonlySet<string>): void {
    for (const connections of [this.#byNumber.values(), this.#lingering]) {
      for (const connection of connections) {
        if (addresses.has(connection.remoteAddress)) connection.hold();
        else connection.release();
      }
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
    for (const connection of this.#lingering) connection.close(new Error('the proxy is closing'));
    await Promise.all(gone);
  }
}
