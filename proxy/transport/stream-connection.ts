import type { Socket } from 'node:net';
import { SipError } from '../sip/sip-error.ts';
import { KEEPALIVE, StreamFramer } from '../sip/stream.ts';
import type { TransportCounters } from './counters.ts';
import type { Connection, Hop, Listener, Transport } from './hop.ts';
import { formatAddress } from './listen-error.ts';
import type { TransportContext } from './user.ts';

interface StreamConnectionOptions {
  readonly number: number;
  readonly socket: Socket;
  readonly listener: Listener;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly context: TransportContext;
  /** The first whole message came. */
  readonly proven: (connection: StreamConnection) => void;
  readonly ended: (connection: StreamConnection) => void;
  /** Outbound only: begins to connect. Deferred while the peer's address is blocked. */
  readonly connect?: (() => void) | undefined;
}

/** A TCP connection that carries SIP (RFC 3261 18.3): framing, keep-alives, deadlines, a bounded queue of writes. */
export class StreamConnection implements Connection {
  readonly number: number;
  readonly transport: Transport;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly inbound: boolean;
  /** What messages that arrive here come from. */
  readonly hop: Hop;
  holds = 0;
  readonly #socket: Socket;
  readonly #context: TransportContext;
  readonly #options: StreamConnectionOptions;
  readonly #framer = new StreamFramer();
  #open = true;
  #connecting: boolean;
  /** Connecting waits for the block to end. */
  #unstarted = false;
  /** Its address is blocked: nothing is read, nothing is written, nothing is lost. */
  #held = false;
  #proven = false;
  /** Something was sent, so somebody may wait for an answer to it. */
  #used = false;
  readonly #openedAt: number;
  #activeAt: number;
  /** When a message that is not complete yet was first seen to be so; 0 if there is none. */
  #partialSince = 0;

  constructor(options: StreamConnectionOptions) {
    const { socket, listener, context } = options;
    this.number = options.number;
    this.transport = listener.transport;
    this.remoteAddress = options.remoteAddress;
    this.remotePort = options.remotePort;
    this.inbound = options.connect === undefined;
    this.hop = {
      transport: listener.transport,
      address: options.remoteAddress,
      port: options.remotePort,
      listener,
      connection: this,
    };
    this.#socket = socket;
    this.#context = context;
    this.#options = options;
    this.#connecting = !this.inbound;
    this.#openedAt = context.now();
    this.#activeAt = this.#openedAt;
    socket.on('connect', () => {
      this.#connecting = false;
      this.#activeAt = context.now();
      context.counters.connectionsOpened++;
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.close(new Error(`${this.#name()} was closed by the peer`)));
    socket.on('error', (error) => this.#broken(error));
    socket.on('close', () => this.#broken(new Error(`${this.#name()} was closed`)));
    if (context.blocked.has(this.remoteAddress)) {
      this.#unstarted = !this.inbound;
      this.hold();
    } else {
      options.connect?.();
    }
  }

  get open(): boolean {
    return this.#open;
  }

  send(text: string, hop: Hop): void {
    const { counters, limits } = this.#context;
    if (!this.#open) {
      this.#context.fail(hop, new Error(`${this.#name()} is closed`));
      return;
    }
    this.#used = true;
    this.#write(text);
    if (this.#open) {
      counters.tcpSent++;
      this.#activeAt = this.#context.now();
    } else {
      this.#context.log.warn(`${this.#name()} has ${limits.writeQueue} bytes that its peer does not read: closed`);
    }
  }

  /** Ends it: what is queued is still sent, the peer has `closeTimeout` to take it. */
  close(error: Error): void {
    if (!this.#open) return;
    this.#end(error);
    const socket = this.#socket;
    if (this.#connecting || this.#held) {
      socket.destroy();
      return;
    }
    // The socket is read on, unheard, until the peer ends too: closing over unread bytes would send a reset that
    // may overtake an answer still under way.
    socket.end();
    const timer = setTimeout(() => socket.destroy(), this.#context.limits.closeTimeout);
    socket.once('close', () => clearTimeout(timer));
  }

  /** Closes it when one of its deadlines has passed. */
  expire(now: number): void {
    const { limits } = this.#context;
    if (this.#connecting) {
      if (now - this.#openedAt < limits.connectTimeout) return;
      this.#giveUp('connectTimedOut', `no connection within ${limits.connectTimeout} ms`);
    } else if (this.inbound && !this.#proven && now - this.#openedAt >= limits.messageTimeout) {
      this.#giveUp('closedHalfOpen', `no message within ${limits.messageTimeout} ms`);
    } else if (this.#partialSince !== 0 && now - this.#partialSince >= limits.messageTimeout) {
      this.#giveUp('closedSlow', `a message that takes longer than ${limits.messageTimeout} ms`);
    } else if (this.holds <= 0 && now - this.#activeAt >= limits.idleTimeout) {
      this.#giveUp('closedIdle', `idle for ${limits.idleTimeout} ms`);
    }
  }

  /** The oldest of too many that have sent nothing makes room. */
  evict(): void {
    this.#giveUp('closedHalfOpen', 'no message yet, and too many like it');
  }

  /** As if the network dropped every packet: the kernels keep what is under way. */
  hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#socket.pause();
    this.#socket.cork();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#socket.uncork();
    this.#socket.resume();
    if (this.#unstarted) {
      this.#unstarted = false;
      this.#options.connect?.();
    }
  }

  #receive(chunk: Buffer): void {
    if (!this.#open) return;
    const { counters, user } = this.#context;
    this.#activeAt = this.#context.now();
    const text = chunk.toString('latin1');
    let completed = false;
    this.#framer.push(text);
    for (;;) {
      let message: string | undefined;
      try {
        message = this.#framer.next();
      } catch (error) {
        this.#malformed(error);
        return;
      }
      if (message === undefined) break;
      completed = true;
      if (message === KEEPALIVE) {
        // RFC 5626 4.4.1
        counters.keepAlives++;
        this.#write('\r\n');
      } else {
        counters.tcpReceived++;
        if (!this.#proven) {
          this.#proven = true;
          this.#options.proven(this);
        }
        user.message(message, this.hop);
      }
      // What came after may have closed it: a queue that overflowed, a member found Down.
      if (!this.#open) return;
    }
    if (completed) this.#partialSince = 0;
    else if (this.#partialSince === 0 && !isPong(text)) this.#partialSince = this.#activeAt;
  }

  #malformed(error: unknown): void {
    if (!(error instanceof SipError)) throw error;
    this.#context.counters.closedMalformed++;
    this.#context.user.malformed(error, this.hop);
    this.close(error);
  }

  #write(text: string): void {
    const { counters, limits } = this.#context;
    if (this.#socket.writableLength + text.length > limits.writeQueue) {
      counters.closedUnread++;
      this.#end(new Error(`${this.#name()} has ${limits.writeQueue} bytes that its peer does not read`));
      this.#socket.destroy();
      return;
    }
    this.#socket.write(text, 'latin1');
  }

  #giveUp(counter: keyof TransportCounters, why: string): void {
    if (!this.#open) return;
    this.#context.counters[counter]++;
    const error = new Error(`${this.#name()}: ${why}`);
    this.#context.log.debug(error.message);
    this.close(error);
  }

  #broken(error: Error): void {
    if (!this.#open) return;
    if (this.#connecting) this.#context.counters.connectFailed++;
    this.#end(error);
    this.#socket.destroy();
  }

  #end(error: Error): void {
    this.#open = false;
    this.#options.ended(this);
    if (this.#used) this.#context.fail(this.hop, error);
    this.#context.closed(this);
  }

  #name(): string {
    const peer = formatAddress(this.remoteAddress, this.remotePort);
    return `${this.transport} connection ${this.number} ${this.inbound ? 'from' : 'to'} ${peer}`;
  }
}

/** The answer to our own ping (RFC 5626 4.4.1), or half of one of theirs: no message that was begun. */
function isPong(text: string): boolean {
  return text.length < 4 && text.trim() === '';
}
