import dgram from 'node:dgram';
import net from 'node:net';
import { Header } from '../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import { StreamFramer } from '../../proxy/sip/stream.ts';
import { formatAddress, type Address } from './address.ts';
import { Counter } from './counter.ts';
import { preciseNow, titleOf, type Tracer } from './trace.ts';

export interface Remote extends Address {
  readonly transport: 'UDP' | 'TCP';
}

interface WireUser {
  message(message: Message, from: Remote): void;
  /** Nobody listens there (ICMP, connection refused), or the connection to it ended. */
  refused(remote: Remote): void;
}

export interface WireOptions extends Address {
  readonly user: WireUser;
  readonly tcp?: boolean | undefined;
  readonly tracer?: Tracer | undefined;
  readonly counter?: Counter | undefined;
}

/** One local address and port of a peer, over UDP and if wanted TCP. */
export class Wire {
  readonly address: string;
  readonly port: number;
  readonly #options: WireOptions;
  readonly #udp: dgram.Socket;
  readonly #tcp: net.Server | undefined;
  readonly #towards = new Map<string, dgram.Socket>();
  readonly #connections = new Map<string, net.Socket>();
  readonly #counter: Counter;
  #closed = false;

  private constructor(options: WireOptions, udp: dgram.Socket, tcp: net.Server | undefined) {
    this.#options = options;
    this.#udp = udp;
    this.#tcp = tcp;
    this.#counter = options.counter ?? new Counter();
    this.address = options.address;
    this.port = udp.address().port;
    udp.on('message', (datagram, from) => this.#datagram(datagram, from));
    udp.on('error', () => undefined); // an unconnected socket's errors belong to no remote; transactions time out
    tcp?.on('connection', (socket) => this.#connected(socket));
  }

  /** Port 0: any free one. Rejects with the system's error (EADDRINUSE, EADDRNOTAVAIL). */
  static async open(options: WireOptions): Promise<Wire> {
    // Sockets that share the port need SO_REUSEADDR, under which a stranger on it would go unseen: look first.
    const probe = await bound(options, false);
    const { port } = probe.address();
    await new Promise<void>((resolve) => probe.close(resolve));
    const udp = await bound({ address: options.address, port }, true);
    if (!options.tcp) return new Wire(options, udp, undefined);
    const tcp = net.createServer();
    try {
      await new Promise<void>((resolve, reject) => {
        tcp.once('error', reject).listen({ host: options.address, port, exclusive: true }, resolve);
      });
    } catch (error) {
      udp.close();
      throw error;
    }
    return new Wire(options, udp, tcp);
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(text: string, remote: Remote): void {
    if (this.#closed) return;
    const message = parseMessage(text);
    this.#counter.add(`sent ${titleOf(message)}`);
    this.#trace('sent', message, this, remote);
    const bytes = Buffer.from(text, 'latin1');
    if (remote.transport === 'TCP') this.#connection(remote).write(bytes);
    else this.#sendDatagram(bytes, remote);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const socket of this.#towards.values()) socket.close();
    for (const socket of this.#connections.values()) socket.destroy();
    await new Promise<void>((resolve) => this.#udp.close(resolve));
    const tcp = this.#tcp;
    if (tcp) await new Promise<void>((resolve) => tcp.close(() => resolve()));
  }

  /** A connected socket a remote: only those are told of ICMP errors. */
  #sendDatagram(bytes: Buffer, remote: Remote): void {
    const key = formatAddress(remote);
    const known = this.#towards.get(key);
    if (known) {
      whenConnected(known, () => known.send(bytes, () => undefined));
      return;
    }
    const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true });
    this.#towards.set(key, socket);
    socket.on('message', (datagram, from) => this.#datagram(datagram, from));
    socket.on('error', () => {
      if (!this.#closed) this.#options.user.refused(remote);
    });
    socket.bind({ address: this.address, port: this.port, exclusive: true }, () => {
      if (!this.#closed) socket.connect(remote.port, remote.address);
    });
    whenConnected(socket, () => socket.send(bytes, () => undefined));
  }

  #connection(remote: Remote): net.Socket {
    const known = this.#connections.get(formatAddress(remote));
    if (known) return known;
    const socket = net.connect({ host: remote.address, port: remote.port, localAddress: this.address });
    this.#connected(socket, remote);
    return socket;
  }

  #connected(socket: net.Socket, to?: Remote): void {
    const remote: Remote = to ?? {
      transport: 'TCP',
      address: socket.remoteAddress ?? '',
      port: socket.remotePort ?? 0,
    };
    const key = formatAddress(remote);
    const framer = new StreamFramer();
    this.#connections.set(key, socket);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      framer.push(bytes.toString('latin1'));
      for (let text = framer.next(); text !== undefined; text = framer.next()) {
        if (text.trim() !== '') this.#receive(text, remote);
      }
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      if (this.#connections.get(key) === socket) this.#connections.delete(key);
      if (!this.#closed) this.#options.user.refused(remote);
    });
  }

  #datagram(datagram: Buffer, from: dgram.RemoteInfo): void {
    const text = datagram.toString('latin1');
    if (text.trim() !== '') this.#receive(text, { transport: 'UDP', address: from.address, port: from.port });
  }

  #receive(text: string, from: Remote): void {
    if (this.#closed) return;
    let message: Message;
    try {
      message = parseMessage(text);
    } catch {
      this.#counter.add('received rubbish');
      return;
    }
    this.#counter.add(`received ${titleOf(message)}`);
    this.#trace('received', message, from, this);
    this.#options.user.message(message, from);
  }

  #trace(direction: 'sent' | 'received', message: Message, from: Address, to: Address): void {
    this.#options.tracer?.({
      at: preciseNow(),
      from: formatAddress(from),
      to: formatAddress(to),
      direction,
      what: titleOf(message),
      callId: message.callId,
      fromUser: userOf(message.value(Header.From) ?? ''),
      toUser: userOf(message.value(Header.To) ?? ''),
    });
  }
}

function userOf(value: string): string {
  return /sips?:([^@;>]+)@/.exec(value)?.[1] ?? '';
}

function bound({ address, port }: Address, reuseAddr: boolean): Promise<dgram.Socket> {
  const socket = dgram.createSocket({ type: 'udp4', reuseAddr });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** At once if the socket is connected, else when it is. */
function whenConnected(socket: dgram.Socket, action: () => void): void {
  try {
    socket.remoteAddress();
  } catch {
    socket.once('connect', action);
    return;
  }
  action();
}
