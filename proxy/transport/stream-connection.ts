import type { Socket } from 'node:net';
import type { ParseLimits } from '../sip/message.ts';
import { SipError } from '../sip/sip-error.ts';
import { KEEPALIVE } from '../sip/stream.ts';
import { holdsName } from './certificate-names.ts';
import { receivedBy, sentBy, type TransportCounters } from './counters.ts';
import { Deadlines } from './deadlines.ts';
import type { Connection, Hop, Listener, Transport } from './hop.ts';
import { formatAddress } from './listen-error.ts';
import type { TransportContext } from './user.ts';
import { NAMELESS, type Wire, type WireUser } from './wire.ts';

export interface StreamConnectionOptions {
  readonly number: number;
  /** TCP's, whatever lies upon it. */
  readonly socket: Socket;
  readonly listener: Listener;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly inbound: boolean;
  /** TLS, outbound: the name that the peer's certificate must hold. */
  readonly serverName?: string | undefined;
  readonly context: TransportContext;
  /** Connects, shakes hands: ends in opened() or broken(). Deferred while the peer's address is blocked. */
  readonly begin: (connection: StreamConnection) => void;
  /** The first whole message came. */
  readonly proven: (connection: StreamConnection, message: string) => void;
  readonly ended: (connection: StreamConnection) => void;
  /** It has ended, but is still sent over; and then no more. */
  readonly lingers: (connection: StreamConnection) => void;
  readonly lingered: (connection: StreamConnection) => void;
}

/** A connection that carries SIP (RFC 3261 18.3, RFC 7118): framing, keep-alives, deadlines, a bounded queue of writes. */
export class StreamConnection implements Connection, WireUser {
  readonly number: number;
  readonly transport: Transport;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly inbound: boolean;
  /** What messages that arrive here come from. */
  readonly hop: Hop;
  holds = 0;
  keepAlive: number | undefined = undefined;
  /** Of an alias (RFC 5923 5): the port at which the peer takes requests, and takes them here instead; 0: none. */
  aliasPort = 0;
  readonly #socket: Socket;
  readonly #context: TransportContext;
  readonly #options: StreamConnectionOptions;
  readonly #received: keyof TransportCounters;
  readonly #sent: keyof TransportCounters;
  #open = true;
  /** Since when it lingers, ms; 0: it does not. */
  #lingersSince = 0;
  /** Undefined until it is connected and hands are shaken. */
  #wire: Wire | undefined;
  /** To be sent once it is. */
  #early: string[] = [];
  #earlyLength = 0;
  /** begin() waits for the block to end. */
  #unstarted = false;
  /** Its address is blocked: nothing is read, nothing is written, nothing is lost. */
  #held = false;
  /** Its framing is lost: nothing more is heard, and it ends when what is under way has had its time. */
  #deaf = false;
  /** Something was sent, so somebody may wait for an answer to it. */
  #used = false;
  readonly #deadlines: Deadlines;

  constructor(options: StreamConnectionOptions) {
    const { socket, listener, context } = options;
    this.number = options.number;
    this.transport = listener.transport;
    this.remoteAddress = options.remoteAddress;
    this.remotePort = options.remotePort;
    this.inbound = options.inbound;
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
    this.#received = receivedBy[listener.transport];
    this.#sent = sentBy[listener.transport];
    this.#deadlines = new Deadlines(context.now());
    socket.on('error', (error) => this.broken(error));
    socket.on('close', () => this.broken(new Error(`${this.#name()} was closed`)));
  }

  /** Called once, when its owner knows it. */
  begin(): void {
    if (this.#context.blocked.has(this.remoteAddress)) {
      this.#unstarted = true;
      this.#held = true;
    } else {
      this.#options.begin(this);
    }
  }

  get open(): boolean {
    return this.#open;
  }

  get lingers(): boolean {
    return this.#lingersSince !== 0;
  }

  get ready(): boolean {
    return this.#wire !== undefined;
  }

  get certificateNames(): readonly string[] {
    return this.#wire?.certificateNames ?? NAMELESS;
  }

  get messageLimits(): ParseLimits {
    return this.#context.limits.message;
  }

  /** Whether its peer is known to be the server of this name: it is what was dialled, or its certificate says so. */
  proves(serverName: string): boolean {
    return this.#options.serverName === serverName || holdsName(this.certificateNames, serverName);
  }

  send(text: string, hop: Hop): void {
    const { counters, limits } = this.#context;
    if (!this.#open && !this.lingers) {
      this.#context.fail(hop, new Error(`${this.#name()} is closed`));
      return;
    }
    this.#used = true;
    this.#write(text);
    if (this.#open || this.lingers) {
      counters[this.#sent]++;
      this.#deadlines.used(this.#context.now());
    } else {
      this.#context.log.warn(`${this.#name()} has ${limits.writeQueue} bytes that its peer does not read: closed`);
    }
  }

  /** Ends it: what is queued is still sent, the peer has `closeTimeout` to take it. */
  close(error: Error): void {
    if (!this.#leave(error)) return;
    const wire = this.#wire;
    if (wire === undefined || this.#held) {
      this.#destroy();
      return;
    }
    // The socket is read on, unheard, until the peer ends too: closing over unread bytes would send a reset that
    // may overtake an answer still under way.
    wire.end();
    const timer = setTimeout(() => wire.destroy(), this.#context.limits.closeTimeout);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  /** Closes it when one of its deadlines has passed. */
  expire(now: number): void {
    const { limits } = this.#context;
    if (this.lingers) {
      if (this.holds <= 0 || now - this.#lingersSince >= limits.lingerTimeout) this.ended();
      return;
    }
    const overdue = this.#deadlines.overdue(now, limits, this);
    if (overdue !== undefined) {
      this.#giveUp(overdue.counter, overdue.why);
    } else if (this.#wire?.ping !== undefined && this.#deadlines.pingDue(now, limits)) {
      this.#deadlines.pinged(now);
      this.#wire.ping();
    }
  }

  /** The oldest of too many that have sent nothing makes room. */
  evict(): void {
    this.#giveUp('closedHalfOpen', 'no message yet, and too many like it');
  }

  /** For how long it has carried nothing and nobody has needed it, ms; 0: it is needed. */
  uselessFor(now: number): number {
    return this.holds > 0 ? 0 : this.#deadlines.idleFor(now);
  }

  /** Of too many connections those that nobody needs make room. */
  makeRoom(): void {
    this.#giveUp('closedIdle', 'nothing needs it, and there are too many connections');
  }

  /** As if the network dropped every packet: the kernels keep what is under way. */
  hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#wire?.hold();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#wire?.release();
    if (this.#deadlines.unread) this.#wire?.pause();
    if (this.#unstarted) {
      this.#unstarted = false;
      this.#options.begin(this);
    }
  }

  opened(wire: Wire): void {
    if (!this.#open) {
      wire.destroy();
      return;
    }
    this.#wire = wire;
    if (!this.inbound) {
      this.#deadlines.used(this.#context.now());
      this.#context.counters.connectionsOpened++;
    }
    if (this.#held) wire.hold();
    for (const text of this.#early) wire.write(text);
    this.#early = [];
  }

  received(text: string): void {
    const framer = this.#wire?.framer;
    if (!this.#open || this.#deaf || framer === undefined) return;
    const { counters, user } = this.#context;
    const now = this.#context.now();
    this.#deadlines.heard(now);
    let completed = false;
    framer.push(text);
    for (;;) {
      let message: string | undefined;
      try {
        message = framer.next();
      } catch (error) {
        this.#malformed(error);
        return;
      }
      if (message === undefined) break;
      completed = true;
      if (message === KEEPALIVE) {
        // RFC 5626 4.4.1
        counters.keepAlives++;
        this.#deadlines.keptAlive();
        this.#write('\r\n');
      } else {
        counters[this.#received]++;
        if (this.#deadlines.proven()) this.#options.proven(this, message);
        user.message(message, this.hop);
      }
      // What came after may have closed it: a queue that overflowed, a member found Down.
      if (!this.#open) return;
    }
    if (completed) this.#deadlines.whole();
    else if (!isPong(text)) this.#deadlines.partly(now);
  }

  partly(): void {
    this.#deadlines.partly(this.#context.now());
  }

  alive(): void {
    this.#deadlines.pong(this.#context.now());
  }

  drained(): void {
    if (!this.#deadlines.unread) return;
    this.#deadlines.notRead(0);
    if (!this.#held) this.#wire?.resume();
  }

  /** What the peer asked before it ended its side is answered, if it can be (RFC 3261 18.2.2: the connection is there). */
  ended(): void {
    const error = new Error(`${this.#name()} was closed by the peer`);
    if (!this.#open || this.holds <= 0 || this.#held || this.#wire?.halfOpen !== true) {
      this.close(error);
      return;
    }
    this.#end(error);
    this.#lingersSince = this.#context.now();
    this.#options.lingers(this);
  }

  broken(error: Error): void {
    const opening = this.#wire === undefined && !this.inbound;
    if (!this.#leave(error)) return;
    if (opening) this.#context.counters.connectFailed++;
    this.#destroy();
  }

  #malformed(error: unknown): void {
    if (!(error instanceof SipError)) throw error;
    this.#context.counters.closedMalformed++;
    this.#context.user.malformed(error, this.hop);
    if (this.holds === 0) {
      this.close(error);
      return;
    }
    // what came whole before is answered where it came from (RFC 3261 18.2.2)
    this.#deaf = true;
    setTimeout(() => this.close(error), this.#context.limits.closeTimeout).unref();
  }

  #write(text: string): void {
    const { counters, limits } = this.#context;
    const wire = this.#wire;
    const queued = wire === undefined ? this.#earlyLength : wire.queued;
    if (queued + text.length > limits.writeQueue) {
      counters.closedUnread++;
      this.#leave(new Error(`${this.#name()} has ${limits.writeQueue} bytes that its peer does not read`));
      this.#destroy();
    } else if (wire === undefined) {
      this.#early.push(text);
      this.#earlyLength += text.length;
    } else {
      wire.write(text);
      // who does not read gets no more answers: its requests wait in its own kernel until it does
      if (!this.#deadlines.unread && wire.congested) {
        this.#deadlines.notRead(this.#context.now());
        wire.pause();
      }
    }
  }

  #giveUp(counter: keyof TransportCounters, why: string): void {
    if (!this.#open) return;
    this.#context.counters[counter]++;
    const error = new Error(`${this.#name()}: ${why}`);
    this.#context.log.debug(error.message);
    this.close(error);
  }

  /** It is used no more. @returns whether it was until now */
  #leave(error: Error): boolean {
    if (this.lingers) {
      this.#lingersSince = 0;
      this.#options.lingered(this);
      return true;
    }
    if (!this.#open) return false;
    this.#end(error);
    return true;
  }

  #end(error: Error): void {
    this.#open = false;
    this.#options.ended(this);
    if (this.#used) this.#context.fail(this.hop, error);
    this.#context.closed(this);
  }

  #destroy(): void {
    this.#wire?.destroy();
    this.#socket.destroy();
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
