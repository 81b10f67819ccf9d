import type { Connection, Hop } from '../../proxy/transport/hop.ts';
import type { Host, Network } from './network.ts';
import { connect, type StreamEnd } from './stream.ts';

/** Whom a process's streams tell. */
export interface StreamUser {
  message(text: string, connection: Connection): void;
  /** What was sent to this hop may not have arrived. */
  failed(hop: Hop): void;
  closed(connection: Connection): void;
}

/** A process's TCP connections: accepted ones, and those that it opens when something is to be sent. */
export class StreamSide {
  readonly #host: Host;
  readonly #network: Network;
  readonly #user: StreamUser;
  readonly #ends = new Map<number, StreamEnd>();
  readonly #used = new Map<StreamEnd, Hop>();
  /** What waits for a connection, by remote address and port. */
  readonly #connecting = new Map<string, { text: string; hop: Hop }[]>();
  #closed = false;

  constructor(host: Host, network: Network, user: StreamUser) {
    this.#host = host;
    this.#network = network;
    this.#user = user;
  }

  connection(number: number): Connection | undefined {
    return this.#ends.get(number);
  }

  accept(end: StreamEnd): void {
    this.#take(end);
  }

  send(text: string, hop: Hop): void {
    const end = hop.connection === undefined ? this.#to(hop) : this.#ends.get(hop.connection.number);
    if (end?.open === true) {
      this.#used.set(end, hop);
      end.send(text);
    } else if (hop.connection !== undefined) this.#fail(hop);
    else this.#open(text, hop);
  }

  /** Ends the streams to an address, or those `opening`, and tells of it on a later turn. */
  closeTo(address: string, which: 'all' | 'opening'): void {
    // what waits for a connection to be opened is not sent when it comes about after all
    for (const [key, held] of this.#connecting)
      if (key.startsWith(`${address} `)) for (const { hop } of held.splice(0)) this.#fail(hop);
    if (which === 'opening') return;
    for (const end of this.#ends.values()) {
      if (end.remoteAddress !== address) continue;
      end.close();
      this.#network.clock.after(0, () => this.#host.happens(() => end.closed()));
    }
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#ends.values()) end.close();
    this.#ends.clear();
  }

  #to({ address, port }: Hop): StreamEnd | undefined {
    for (const end of this.#ends.values())
      if (end.remoteAddress === address && end.remotePort === port && end.open) return end;
    return undefined;
  }

  #open(text: string, hop: Hop): void {
    const key = `${hop.address} ${hop.port}`;
    const waiting = this.#connecting.get(key);
    if (waiting !== undefined) {
      waiting.push({ text, hop });
      return;
    }
    const held = [{ text, hop }];
    this.#connecting.set(key, held);
    connect(this.#network, this.#host, hop.address, hop.port, (end) => {
      this.#connecting.delete(key);
      if (this.#closed) {
        end?.close();
      } else if (end === undefined) for (const { hop: failed } of held) this.#user.failed(failed);
      else {
        this.#take(end);
        for (const waited of held) this.send(waited.text, waited.hop);
      }
    });
  }

  #take(end: StreamEnd): void {
    this.#ends.set(end.number, end);
    end.message = (text) => this.#user.message(text, end);
    end.closed = () => {
      this.#ends.delete(end.number);
      const hop = this.#used.get(end);
      this.#used.delete(end);
      if (this.#closed) return;
      if (hop !== undefined) this.#user.failed({ ...hop, connection: end });
      this.#user.closed(end);
    };
  }

  /** On a later turn, so that a send never re-enters its caller. */
  #fail(hop: Hop): void {
    this.#network.clock.after(0, () => this.#host.happens(() => void (this.#closed || this.#user.failed(hop))));
  }
}
