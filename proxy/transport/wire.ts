import type { Socket } from 'node:net';
import type { ParseLimits } from '../sip/message.ts';
import { StreamFramer } from '../sip/stream.ts';

/** Cuts what comes over a wire into messages. next(): a whole message, KEEPALIVE, or undefined: more must come. */
export interface Framer {
  push(text: string): void;
  /** Throws SipError where the rest can't be cut. */
  next(): string | undefined;
}

/** What carries the SIP of a connection, once it can: a TCP or TLS socket, or a WebSocket. */
export interface Wire {
  readonly framer: Framer;
  /** Identities in the verified certificate of the peer. */
  readonly certificateNames: readonly string[];
  /** Whether a peer that has ended its side may still be sent to. */
  readonly halfOpen: boolean;
  /** Bytes written that the kernel has not taken yet. */
  readonly queued: number;
  /** So many that drained() will tell when they are gone. */
  readonly congested: boolean;
  /** A whole message or keep-alive, a latin1 character per byte. */
  write(text: string): void;
  /** Asks for a sign of life, which comes as alive(), where the protocol has such a thing. */
  readonly ping?: () => void;
  /** Ends it once all is sent. */
  end(): void;
  destroy(): void;
  /** Nothing is read until resume(); what is written still goes out. */
  pause(): void;
  resume(): void;
  /** Nothing is read and nothing is sent until release(). */
  hold(): void;
  release(): void;
}

/** Who uses a wire. */
export interface WireUser {
  /** Of one message. */
  readonly messageLimits: ParseLimits;
  /** The wire is there and carries SIP from here on. */
  opened(wire: Wire): void;
  /** Bytes that came, a latin1 character per byte. */
  received(text: string): void;
  /** Bytes came that are a whole message only with those to come. */
  partly(): void;
  /** All that was written has been taken, after a time when it was congested. */
  drained(): void;
  /** The sign of life that ping() asked for. */
  alive(): void;
  /** The peer sends no more. */
  ended(): void;
  broken(error: Error): void;
}

/** No certificate, or none that could be verified. */
export const NAMELESS: readonly string[] = [];

/** A connected TCP socket, or a TLS one after its handshake. Its errors are listened to by whoever made it. */
export class SocketWire implements Wire {
  readonly framer: Framer;
  readonly certificateNames: readonly string[];
  readonly halfOpen: boolean;
  readonly #socket: Socket;

  constructor(socket: Socket, user: WireUser, names: readonly string[] = NAMELESS, halfOpen = true) {
    this.#socket = socket;
    this.halfOpen = halfOpen;
    // else Node.js ends our side with the peer's
    socket.allowHalfOpen = halfOpen;
    this.framer = new StreamFramer(user.messageLimits);
    this.certificateNames = names;
    socket.on('data', (chunk: Buffer) => user.received(chunk.toString('latin1')));
    socket.on('end', () => user.ended());
    socket.on('drain', () => user.drained());
  }

  get queued(): number {
    return this.#socket.writableLength;
  }

  get congested(): boolean {
    return this.#socket.writableNeedDrain;
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  hold(): void {
    this.#socket.pause();
    this.#socket.cork();
  }

  release(): void {
    this.#socket.uncork();
    this.#socket.resume();
  }
}
