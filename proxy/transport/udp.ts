import { createSocket, type Socket } from 'node:dgram';
import { getSystemErrorName } from 'node:util';
import { errorCode } from './error-code.ts';
import { HopCache } from './hop-cache.ts';
import { fits, type Hop, type Listener } from './hop.ts';
import { formatAddress, ListenError } from './listen-error.ts';
import type { ListenerOptions } from './listener-options.ts';
import { stunAnswer } from './stun.ts';
import { BatchSocket, native } from './udp-batch.ts';
import { NodeSocket } from './udp-node.ts';
import type { UdpSocket, UdpSocketUser } from './udp-socket.ts';
import { UdpWatch } from './udp-watch.ts';
import type { TransportContext } from './user.ts';

/** No SIP message is shorter: what is, are the keep-alives of phones and NATs. */
const minPayload = 8;
/** A burst of messages waits here while the process does something else: a second of 10,000 packets at 400 bytes. */
const socketBuffer = 4_194_304;

/** RFC 3261 18 over UDP: one unconnected socket, messages in and out. */
export class UdpListener implements Listener {
  readonly transport = 'UDP';
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
  readonly side: Listener['side'];
  readonly advertisedAddress: string;
  readonly advertisedPort: number;
  readonly #socket: UdpSocket;
  readonly #context: TransportContext;
  readonly #hops: HopCache;
  readonly #watches = new Map<Hop, UdpWatch>();
  /** The second in which ICMP errors are counted now, ms, and how many it has had. */
  #icmpSince = -Infinity;
  #icmpCount = 0;
  #closed = false;

  /** Rejects with ListenError. */
  static async open(options: ListenerOptions, context: TransportContext): Promise<UdpListener> {
    const family = options.address.includes(':') ? 6 : 4;
    try {
      // a port that is shared with sockets of ours could be shared with another process unseen: first see that it is free
      const probe = await bound(sockets(family, false), options.address, options.port);
      const { address, port } = probe.address();
      probe.close();
      const bind = await binder(family, address, port, context);
      return new UdpListener(bind, address, port, family, options, context);
    } catch (error) {
      throw new ListenError('UDP', options.address, options.port, error);
    }
  }

  private constructor(
    bind: (user: UdpSocketUser) => UdpSocket,
    address: string,
    port: number,
    family: 4 | 6,
    options: ListenerOptions,
    context: TransportContext,
  ) {
    this.address = address;
    this.port = port;
    this.family = family;
    this.side = options.side;
    this.advertisedAddress = options.advertisedAddress ?? address;
    this.advertisedPort = options.advertisedPort ?? port;
    this.#context = context;
    this.#hops = new HopCache(this, context.limits.hops);
    this.#socket = bind({
      hop: (from, at) => this.#hops.get(from, at),
      received: (bytes, start, end, from) => this.#receive(bytes, start, end, from),
      failed: (error, to, at) => this.#failed(error, to, at),
      undelivered: (bytes, start, end, errno, to, at) => this.#undelivered(bytes, start, end, errno, to, at),
    });
  }

  hop(address: string, port: number): Hop {
    return this.#hops.get(address, port);
  }

  /** Whether something has come from there not long ago. */
  hasHeard(address: string, port: number): boolean {
    return this.#hops.peek(address, port)?.heard === true;
  }

  send(text: string, hop: Hop): void {
    const { counters, blocked } = this.#context;
    if (this.#closed) return;
    if (blocked.size !== 0 && blocked.has(hop.address)) {
      counters.blockedDropped++;
      return;
    }
    if (!fits(text.length, hop)) {
      // of this message's making: the hop is well, and all else that waits for it would fail
      counters.tooLargeDropped++;
      return;
    }
    if (hop.port < 1 || hop.port > 65_535 || hop.address.includes(':') !== (this.family === 6)) {
      counters.sendFailed++;
      this.#context.fail(
        hop,
        new Error(
          `${formatAddress(hop.address, hop.port)} can't be reached from ${formatAddress(this.address, this.port)}`,
        ),
      );
      return;
    }
    if (this.#socket.send(text, hop)) {
      counters.udpSent++;
      return;
    }
    // lost as on any network, which who sends is prepared for: the hop is well, and all else that waits for it would fail
    counters.sendQueueDropped++;
  }

  /**
   * Sends to who has not answered. Where the listener's socket is not told of ICMP errors: by one that is connected to
   * who is silent, which is. It shares this one's port, and what comes from there comes by it as long as it is open.
   * Beyond a bounded number, as send().
   */
  resend(text: string, hop: Hop): void {
    if (this.#socket.tellsIcmp) {
      this.send(text, hop);
      return;
    }
    const { counters, limits, blocked } = this.#context;
    const known = this.#watches.get(hop);
    if (known === undefined && (this.#watches.size >= limits.icmpSockets || hop.port < 1 || hop.port > 65_535)) {
      this.send(text, hop);
      return;
    }
    if (this.#closed || blocked.has(hop.address)) return;
    counters.udpSent++;
    counters.icmpWatched++;
    const watch = known ?? this.#watch(hop);
    watch.send(Buffer.from(text, 'latin1'));
  }

  #watch(hop: Hop): UdpWatch {
    const { limits, counters } = this.#context;
    const watch = new UdpWatch({
      socket: sockets(this.family, true),
      from: this,
      to: hop,
      lasts: limits.icmpTimeout,
      received: (datagram, { address, port }) =>
        this.#receive(datagram, 0, datagram.length, this.#hops.get(address, port)),
      failed: (error) => {
        counters.icmpErrors++;
        this.#context.user.undelivered(hop, '', errorCode(error));
      },
      ended: () => this.#watches.delete(hop),
    });
    this.#watches.set(hop, watch);
    return watch;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const watch of this.#watches.values()) watch.end();
    await this.#socket.close();
  }

  #receive(bytes: Buffer, first: number, end: number, from: Hop): void {
    if (this.#closed) return;
    const { counters, blocked, user } = this.#context;
    if (blocked.size !== 0 && blocked.has(from.address)) {
      counters.blockedDropped++;
      return;
    }
    const start = fillerEnd(bytes, first, end);
    // RFC 5389 6: the first two bits of STUN are zero, those of SIP's text never both.
    if (start < end && (bytes[first] ?? 0) < 4) {
      this.#answerStun(bytes.subarray(first, end), from);
      return;
    }
    from.heard = true;
    if (end - start < minPayload) return;
    counters.udpReceived++;
    user.message(bytes.toString('latin1', start, end), from);
  }

  /** RFC 5626 4.4.2: a phone learns by it that its flow, and the NAT's binding before it, are still the same. */
  #answerStun(datagram: Buffer, from: Hop): void {
    const { counters } = this.#context;
    const answer = stunAnswer(datagram, from.address, from.port);
    if (answer !== undefined && from.port !== 0 && this.#socket.sendBytes(answer, from)) counters.stunAnswered++;
    else counters.stunDropped++;
  }

  #undelivered(bytes: Buffer, start: number, end: number, errno: number, address: string, port: number): void {
    const { counters, limits, blocked, user } = this.#context;
    // of a keep-alive
    if (end > start && end - start < minPayload) return;
    if (this.#closed || port === 0 || blocked.has(address)) return;
    const now = this.#context.now();
    if (now - this.#icmpSince >= 1000) {
      this.#icmpSince = now;
      this.#icmpCount = 0;
    }
    if (++this.#icmpCount > limits.icmpErrors) {
      counters.icmpIgnored++;
      return;
    }
    counters.icmpErrors++;
    // not remembered: it is whatever address somebody writes into an ICMP error
    const hop = this.#hops.peek(address, port) ?? { transport: this.transport, address, port, listener: this };
    user.undelivered(hop, bytes.toString('latin1', start, end), getSystemErrorName(-errno));
  }

  #failed(error: Error, address: string, port: number): void {
    if (port === 0) {
      this.#context.log.warn({ err: error }, `receiving on UDP ${formatAddress(this.address, this.port)} failed`);
      return;
    }
    this.#context.counters.sendFailed++;
    this.#context.fail(this.#hops.get(address, port), error);
  }
}

/** What makes the listener's socket: the one that takes many datagrams a call, where there is one. */
async function binder(
  family: 4 | 6,
  address: string,
  port: number,
  { limits, batched, log }: TransportContext,
): Promise<(user: UdpSocketUser) => UdpSocket> {
  if (batched && native !== undefined) {
    const from = native;
    return (user) => new BatchSocket(from, address, port, socketBuffer, limits.datagramsQueued, user);
  }
  if (batched)
    log.info('UDP by node:dgram, at more CPU a message: native/udp.c was not built here, or before it last changed');
  const socket = await bound(sockets(family, true), address, port);
  for (const raise of ['setRecvBufferSize', 'setSendBufferSize'] as const) {
    try {
      socket[raise](socketBuffer);
    } catch (error) {
      // Works all the same, but a burst is lost sooner.
      log.debug({ err: error }, `${raise} of UDP ${formatAddress(address, port)} refused`);
    }
  }
  return (user) => new NodeSocket(socket, limits.datagramsQueued, user);
}

function sockets(family: 4 | 6, reusePort: boolean): Socket {
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    reuseAddr: false,
    reusePort,
    // Every address here is numeric already. Asking the resolver would cost a thread's round trip a message.
    lookup: (hostname, _options, callback) => callback(null, hostname, family),
  });
}

async function bound(socket: Socket, address: string, port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind({ address, port, exclusive: true }, resolve);
  try {
    await promise;
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.removeListener('error', reject);
  return socket;
}

/** Where a message begins: RFC 3261 7.5 allows CR and LF before it, and keep-alives of some phones are NULs. */
function fillerEnd(bytes: Buffer, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte !== 0x0d && byte !== 0x0a && byte !== 0) break;
  }
  return at;
}
