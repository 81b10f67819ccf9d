import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { HopCache } from './hop-cache.ts';
import type { Hop, Listener } from './hop.ts';
import { formatAddress, ListenError } from './listen-error.ts';
import type { ListenerOptions } from './listener-options.ts';
import { stunAnswer } from './stun.ts';
import { UdpWatch } from './udp-watch.ts';
import type { TransportContext } from './user.ts';

/** UDP's 16-bit length less its own header and that of IPv4; IPv6 does not count its fixed header. */
const maxPayload = { 4: 65_507, 6: 65_527 } as const;
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
  readonly #socket: Socket;
  readonly #context: TransportContext;
  readonly #hops: HopCache;
  readonly #sent: (error: Error | null) => void;
  readonly #watches = new Map<Hop, UdpWatch>();
  /** Sends whose result is still to come: within one turn many, beyond that only what the kernel would not take. */
  #pending = 0;
  #closed = false;

  /** Rejects with ListenError. */
  static async open(options: ListenerOptions, context: TransportContext): Promise<UdpListener> {
    const family = options.address.includes(':') ? 6 : 4;
    try {
      // a port that is shared with sockets of ours could be shared with another process unseen: first see that it is free
      const probe = await bound(sockets(family, false), options.address, options.port);
      const { port } = probe.address();
      probe.close();
      const socket = await bound(sockets(family, true), options.address, port);
      return new UdpListener(socket, family, options, context);
    } catch (error) {
      throw new ListenError('UDP', options.address, options.port, error);
    }
  }

  private constructor(socket: Socket, family: 4 | 6, options: ListenerOptions, context: TransportContext) {
    const { address, port } = socket.address();
    this.address = address;
    this.port = port;
    this.family = family;
    this.side = options.side;
    this.advertisedAddress = options.advertisedAddress ?? address;
    this.advertisedPort = options.advertisedPort ?? port;
    this.#socket = socket;
    this.#context = context;
    this.#hops = new HopCache(this, context.limits.hops);
    // One callback for all messages: the error names the address and port it is about.
    this.#sent = (error) => {
      this.#pending--;
      if (error !== null) this.#sendFailed(error);
    };
    this.#raiseBuffers();
    socket.on('message', (datagram, remote) => this.#receive(datagram, remote));
    socket.on('error', (error) => {
      context.log.warn({ err: error }, `receiving on UDP ${formatAddress(this.address, this.port)} failed`);
    });
  }

  hop(address: string, port: number): Hop {
    return this.#hops.get(address, port);
  }

  send(text: string, hop: Hop): void {
    const { counters, limits, blocked } = this.#context;
    if (this.#closed) return;
    if (blocked.size !== 0 && blocked.has(hop.address)) {
      counters.blockedDropped++;
      return;
    }
    if (text.length > maxPayload[this.family]) {
      counters.tooLargeDropped++;
      this.#context.fail(hop, new Error(`${text.length} bytes do not fit in a datagram`));
      return;
    }
    if (this.#pending >= limits.datagramsQueued && this.#socket.getSendQueueCount() >= limits.datagramsQueued) {
      counters.sendQueueDropped++;
      this.#context.fail(hop, new Error(`${limits.datagramsQueued} datagrams wait to be sent already`));
      return;
    }
    counters.udpSent++;
    this.#pending++;
    try {
      this.#socket.send(Buffer.from(text, 'latin1'), 0, text.length, hop.port, hop.address, this.#sent);
    } catch (error) {
      // Port 0 and the like: refused before the kernel sees it.
      this.#pending--;
      counters.sendFailed++;
      this.#context.fail(hop, error instanceof Error ? error : new Error(String(error)));
    }
  }

  /**
   * Sends to who has not answered, by a socket that is connected to it: Linux tells ICMP errors to none else. It shares
   * this one's port, and what comes from there comes by it as long as it is open. Beyond a bounded number, as send().
   */
  resend(text: string, hop: Hop): void {
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
      received: (datagram, remote) => this.#receive(datagram, remote),
      failed: (error) => {
        counters.icmpErrors++;
        this.#context.fail(this.#hops.get(hop.address, hop.port), error);
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
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.close(resolve);
    await promise;
  }

  #receive(datagram: Buffer, remote: RemoteInfo): void {
    if (this.#closed) return;
    const { counters, blocked, user } = this.#context;
    if (blocked.size !== 0 && blocked.has(remote.address)) {
      counters.blockedDropped++;
      return;
    }
    const start = fillerLength(datagram);
    // RFC 5389 6: the first two bits of STUN are zero, those of SIP's text never both.
    if (start < datagram.length && (datagram[0] ?? 0) < 4) {
      this.#answerStun(datagram, remote);
      return;
    }
    if (datagram.length - start < minPayload) return;
    counters.udpReceived++;
    user.message(datagram.toString('latin1', start), this.#hops.get(remote.address, remote.port));
  }

  /** RFC 5626 4.4.2: a phone learns by it that its flow, and the NAT's binding before it, are still the same. */
  #answerStun(datagram: Buffer, { address, port }: RemoteInfo): void {
    const { counters, limits } = this.#context;
    const answer = stunAnswer(datagram, address, port);
    if (answer === undefined || port === 0 || this.#pending >= limits.datagramsQueued) {
      counters.stunDropped++;
      return;
    }
    counters.stunAnswered++;
    this.#pending++;
    this.#socket.send(answer, port, address, this.#sent);
  }

  #sendFailed(error: Error): void {
    this.#context.counters.sendFailed++;
    const address = 'address' in error ? error.address : undefined;
    const port = 'port' in error ? error.port : undefined;
    if (typeof address === 'string' && typeof port === 'number') {
      this.#context.fail(this.#hops.get(address, port), error);
    } else {
      this.#context.log.warn({ err: error }, `sending from UDP ${formatAddress(this.address, this.port)} failed`);
    }
  }

  #raiseBuffers(): void {
    for (const raise of ['setRecvBufferSize', 'setSendBufferSize'] as const) {
      try {
        this.#socket[raise](socketBuffer);
      } catch (error) {
        // Works all the same, but a burst is lost sooner.
        this.#context.log.debug({ err: error }, `${raise} of UDP ${formatAddress(this.address, this.port)} refused`);
      }
    }
  }
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

/** How many CR and LF (RFC 3261 7.5 allows them before a message) and NULs (keep-alives of some phones) lead. */
function fillerLength(datagram: Buffer): number {
  let length = 0;
  for (; length < datagram.length; length++) {
    const byte = datagram[length];
    if (byte !== 0x0d && byte !== 0x0a && byte !== 0) break;
  }
  return length;
}
