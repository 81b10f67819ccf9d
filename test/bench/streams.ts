import { connect, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { StreamFramer } from '../../proxy/sip/stream.ts';
import type { Phone, Side } from './message.ts';
import type { Phones } from './phones.ts';

export interface StreamOptions {
  readonly transport: 'TLS' | 'WSS';
  readonly to: Side;
  /** The authority of the proxy's certificate, PEM. */
  readonly ca: string;
  received(this: void, text: string): void;
}

interface Connection {
  readonly phone: Phone;
  send(text: string): void;
  end(): void;
}

/** What a connection may take to open, ms, and how many open at a time. */
const PATIENCE = 30_000;
const AT_ONCE = 50;

/** Phones with a connection each. */
export class StreamPhones implements Phones {
  readonly reliable = true;
  readonly #options: StreamOptions;
  readonly #connections: Connection[] = [];
  #first = 0;
  #lost = 0;
  #closed = false;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Connections that ended though nobody here ended them. */
  get lost(): number {
    return this.#lost;
  }

  /** More of them. The next exchange is the first new one's. Rejects if one does not come about. */
  async open(count: number): Promise<void> {
    this.#first = this.#connections.length;
    for (let left = count; left > 0; left -= AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(left, AT_ONCE) }, () => this.#open()));
    }
  }

  of(number: number): Phone {
    return this.#connection(number).phone;
  }

  send(number: number, text: string): void {
    this.#connection(number).send(text);
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.end();
  }

  #connection(number: number): Connection {
    return this.#connections[(this.#first + number) % this.#connections.length] as Connection;
  }

  async #open(): Promise<void> {
    const opening = this.#options.transport === 'TLS' ? this.#openTls() : this.#openWebSocket();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error(`nothing within ${PATIENCE} ms`)), PATIENCE);
    try {
      this.#connections.push(await Promise.race([opening, late.promise]));
    } catch (error) {
      const { transport, to } = this.#options;
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`no ${transport} connection to ${to.address}:${to.port}: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  #openTls(): Promise<Connection> {
    const { to, ca, received } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const socket = connect({ host: to.address, port: to.port, ca });
    const framer = new StreamFramer();
    socket.setNoDelay(true);
    socket.once('secureConnect', () =>
      resolve({
        phone: this.#phone(socket),
        send: (text) => void socket.write(text, 'latin1'),
        end: () => socket.destroy(),
      }),
    );
    socket.on('data', (bytes: Buffer) => {
      framer.push(bytes.toString('latin1'));
      for (let text = framer.next(); text !== undefined; text = framer.next()) received(text);
    });
    socket.on('error', reject);
    socket.on('close', () => this.#ended());
    return promise;
  }

  #openWebSocket(): Promise<Connection> {
    const { to, ca, received } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const socket = new WebSocket(`wss://${to.address}:${to.port}`, 'sip', { ca, perMessageDeflate: false });
    let phone: Phone | undefined;
    socket.once('upgrade', (response) => (phone = this.#phone(response.socket as TLSSocket)));
    socket.once('open', () =>
      resolve({
        phone: phone as Phone,
        send: (text) => socket.send(text),
        end: () => socket.terminate(),
      }),
    );
    socket.on('message', (data: Buffer) => received(data.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => this.#ended());
    return promise;
  }

  #phone({ localAddress, localPort }: TLSSocket): Phone {
    return { transport: this.#options.transport, address: localAddress ?? '', port: localPort ?? 0 };
  }

  #ended(): void {
    if (!this.#closed) this.#lost++;
  }
}
