import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import type { Connection, Hop, Transport } from '../../../proxy/transport/hop.ts';
import type { TransportLimits } from '../../../proxy/transport/limits.ts';
import { type ListenerOptions, Transports } from '../../../proxy/transport/transports.ts';
import type { TlsMaterial, TlsPeer } from '../../../proxy/transport/tls-material.ts';
import type { SipError } from '../../../proxy/sip/sip-error.ts';

interface SceneOptions {
  listeners?: (Partial<ListenerOptions> & { transport: Transport })[];
  limits?: Partial<TransportLimits>;
  batched?: boolean;
  tls?: TlsMaterial;
  tlsPeer?: (address: string, port: number) => TlsPeer | undefined;
  /** Called for each message after it was noted. */
  onMessage?: (text: string, from: Hop) => void;
}

/** Transports on loopback, with all that their user hears written down. Time stands still unless `at` is moved. */
export class Scene {
  at = 1_000_000;
  readonly messages: { text: string; from: Hop }[] = [];
  readonly malformed: { error: SipError; from: Hop }[] = [];
  readonly failures: { hop: Hop; error: Error }[] = [];
  readonly undelivered: { hop: Hop; sent: string; reason: string }[] = [];
  readonly closed: Connection[] = [];
  /** What the user does with a framing error, before the connection is closed. */
  onMalformed: (error: SipError, from: Hop) => void = () => undefined;
  readonly transports: Transports;

  constructor({ limits, batched, onMessage, tls, tlsPeer }: SceneOptions = {}) {
    this.transports = new Transports({
      user: {
        message: (text, from) => {
          this.messages.push({ text, from });
          onMessage?.(text, from);
        },
        malformed: (error, from) => {
          this.malformed.push({ error, from });
          this.onMalformed(error, from);
        },
        failed: (hop, error) => this.failures.push({ hop, error }),
        undelivered: (hop, sent, reason) => this.undelivered.push({ hop, sent, reason }),
        closed: (connection) => this.closed.push(connection),
      },
      log: pino({ level: 'silent' }),
      now: () => this.at,
      limits,
      batched,
      tls,
      tlsPeer,
    });
  }

  static async open(options: SceneOptions = {}): Promise<Scene> {
    const scene = new Scene(options);
    const listeners = options.listeners ?? [{ transport: 'UDP' }, { transport: 'TCP' }];
    await scene.transports.listen(
      listeners.map((listener) => ({ address: '127.0.0.1', port: 0, side: 'Both', ...listener })),
    );
    return scene;
  }

  port(transport: Transport): number {
    const listener = this.transports.listener(transport, 4);
    if (listener === undefined) throw new Error(`the scene has no ${transport} listener`);
    return listener.port;
  }

  /** A hop to the other scene's listener. */
  hopTo(other: Scene, transport: Transport, serverName?: string): Hop {
    return this.transports.hop(transport, '127.0.0.1', other.port(transport), undefined, serverName);
  }

  /** Time passes, and deadlines are looked at. */
  pass(ms: number): void {
    this.at += ms;
    this.transports.expire(this.at);
  }

  /** A client's own TCP socket, connected. */
  async dial(localAddress = '127.0.0.1', transport: Transport = 'TCP'): Promise<Client> {
    const socket = connect({ host: '127.0.0.1', port: this.port(transport), localAddress, noDelay: true });
    const client = new Client(socket);
    await until(() => client.connected);
    return client;
  }
}

/** A TCP peer that only notes what it gets. */
export class Client {
  readonly socket: Socket;
  received = '';
  connected = false;
  closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.connected = !socket.connecting && !socket.pending;
    socket.on('connect', () => (this.connected = true));
    socket.on('data', (chunk: Buffer) => (this.received += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
  }

  get port(): number {
    return this.socket.localPort ?? 0;
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }
}

/** Waits for what real sockets are about to do. */
export async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never came: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
