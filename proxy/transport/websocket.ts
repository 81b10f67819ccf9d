import { isUtf8 } from 'node:buffer';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { TransportCounters } from './counters.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import type { Tls } from './tls.ts';
import { type Framer, NAMELESS, type Wire, type WireUser } from './wire.ts';

/** RFC 7118 4.1 */
const subprotocol = 'sip';
const normalClosure = 1000;

interface WebSocketOptions {
  readonly counters: TransportCounters;
  /** What it lies upon; undefined: TCP. */
  readonly tls: Tls | undefined;
  /** Undefined: a page of any origin may connect. */
  readonly origins: readonly string[] | undefined;
}

interface Guest {
  readonly user: WireUser;
  readonly names: readonly string[];
}

/** SIP over WebSocket (RFC 7118), by TLS or not. Nobody is dialled: what is behind one is reached over its own. */
export class WebSockets implements StreamProtocol {
  readonly #options: WebSocketOptions;
  readonly #origins: ReadonlySet<string> | undefined;
  /** Never listens: sockets are handed to it. */
  readonly #http: Server = createServer();
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
  });
  readonly #guests = new WeakMap<Duplex, Guest>();

  constructor(options: WebSocketOptions) {
    this.#options = options;
    this.#origins = options.origins && new Set(options.origins.map((origin) => origin.toLowerCase()));
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    this.#http.on('request', (_request, response) => {
      options.counters.upgradesRefused++;
      const headers = { connection: 'close', upgrade: 'websocket', 'sec-websocket-protocol': subprotocol };
      response.writeHead(426, headers).end('this port speaks SIP over WebSocket\n');
    });
  }

  accept(socket: Socket, user: WireUser): void {
    const { tls } = this.#options;
    if (tls === undefined) this.#greet(socket, user, NAMELESS);
    else tls.handshake(socket, user, (secured, names) => this.#greet(secured, user, names));
  }

  serverName(): undefined {
    return undefined;
  }

  close(): void {
    this.#options.tls?.close();
  }

  #greet(socket: Socket, user: WireUser, names: readonly string[]): void {
    this.#guests.set(socket, { user, names });
    this.#http.emit('connection', socket);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const guest = this.#guests.get(socket);
    if (guest === undefined) {
      socket.destroy();
      return;
    }
    const { origin } = request.headers;
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    // Only pages have an origin, and only their users can be led to a page that they don't mean.
    if (origin !== undefined && this.#origins?.has(origin.toLowerCase()) === false) {
      this.#refuse(socket, '403 Forbidden', `pages of ${origin} may not connect here`);
    } else if (offered.includes(subprotocol)) {
      // So that a message too large is answered 513, and only what goes beyond all bounds is closed
      this.#server.options.maxPayload = 2 * guest.user.messageLimits.maxBytes;
      this.#server.handleUpgrade(request, socket, head, (webSocket) => {
        guest.user.opened(new WebSocketWire(webSocket, socket, guest));
      });
    } else {
      this.#refuse(socket, '400 Bad Request', 'the subprotocol sip must be offered (RFC 7118 4.1)');
    }
  }

  #refuse(socket: Duplex, status: string, why: string): void {
    this.#options.counters.upgradesRefused++;
    const body = `${why}\n`;
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }
}

/** One WebSocket: each message of it is one of SIP (RFC 7118 5). */
class WebSocketWire implements Wire {
  readonly framer: Framer = new WholeMessages();
  readonly certificateNames: readonly string[];
  /** RFC 6455 5.5.1: nothing is sent after a Close frame, and who has got one answers with one. */
  readonly halfOpen = false;
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  /** The bytes that came last ended a frame. */
  #whole = false;

  constructor(webSocket: WebSocket, socket: Duplex, { user, names }: Guest) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.certificateNames = names;
    webSocket.on('message', (message) => {
      this.#whole = true;
      const text = latin1(message);
      // the answer to a ping of RFC 5626 4.4.1, or nothing at all
      if (text === '\r\n' || text === '') user.alive();
      else user.received(text);
    });
    for (const control of ['ping', 'pong'] as const) {
      webSocket.on(control, () => {
        this.#whole = true;
        user.alive();
      });
    }
    webSocket.on('error', (error) => user.broken(error));
    webSocket.on('close', () => user.ended());
    socket.on('drain', () => user.drained());
    // after the WebSocket's own listener: by then it has told of what was whole
    socket.on('data', () => {
      if (!this.#whole) user.partly();
      this.#whole = false;
    });
  }

  get queued(): number {
    return this.#webSocket.bufferedAmount;
  }

  get congested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  write(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    // RFC 7118 5: either kind of frame; RFC 6455 5.6: text is UTF-8, and a body need not be
    this.#webSocket.send(bytes, { binary: !isUtf8(bytes) });
  }

  readonly ping = (): void => this.#webSocket.ping();

  end(): void {
    this.#webSocket.close(normalClosure);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  hold(): void {
    this.#webSocket.pause();
    this.#socket.cork();
  }

  release(): void {
    this.#socket.uncork();
    this.#webSocket.resume();
  }
}

/** A WebSocket cuts messages itself. Keep-alives of RFC 5626 are messages of their own. */
class WholeMessages implements Framer {
  #text: string | undefined;

  push(text: string): void {
    this.#text = text;
  }

  next(): string | undefined {
    const text = this.#text;
    this.#text = undefined;
    return text;
  }
}

function latin1(message: RawData): string {
  if (Buffer.isBuffer(message)) return message.toString('latin1');
  return (Array.isArray(message) ? Buffer.concat(message) : Buffer.from(message)).toString('latin1');
}
