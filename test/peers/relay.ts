import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP relay in front of a server, for faults of the link: cut (reset, refused), held (nothing passes), mended. */
export class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #state: 'open' | 'cut' | 'held' = 'open';
  /** Bytes relayed from the target, and after how many of them the link cuts itself. */
  #passed = 0;
  #cutAfter = Infinity;

  private constructor(server: Server, port: number, target: { host: string; port: number }) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Listens on a free port of 127.0.0.1. */
  static async to(port: number, host = '127.0.0.1'): Promise<Relay> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    return new Relay(server, address.port, { host, port });
  }

  /** Resets all connections, and new ones, until it is mended. */
  cut(): void {
    this.#state = 'cut';
    for (const pair of this.#pairs) for (const socket of pair) reset(socket);
  }

  /** Cuts the link once as many bytes have come from the target from now on; mend() as ever. */
  cutAfter(bytes: number): void {
    this.#passed = 0;
    this.#cutAfter = bytes;
  }

  /** Lets nothing pass and says nothing, as a link that was cut without a word; new connections hang. */
  hold(): void {
    this.#state = 'held';
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** What was held goes on; after a cut, new connections pass. */
  mend(): void {
    this.#state = 'open';
    this.#cutAfter = Infinity;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  async close(): Promise<void> {
    this.#state = 'cut';
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#state === 'cut') {
      reset(client);
      return;
    }
    const server = connect(this.#target.port, this.#target.host);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const [from, to] of [pair, [server, client] as const]) {
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => this.#pass(chunk, to, from === server));
      from.on('close', end);
      // its close follows
      from.on('error', () => undefined);
      if (this.#state === 'held') from.pause();
    }
  }

  #pass(chunk: Buffer, to: Socket, isAnswer: boolean): void {
    to.write(chunk);
    if (!isAnswer) return;
    this.#passed += chunk.length;
    if (this.#passed >= this.#cutAfter) this.cut();
  }
}

/** A socket that is closing already is destroyed: reset then, Node waits for it for ever when the process ends. */
function reset(socket: Socket): void {
  if (socket.connecting || socket.readableEnded || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
