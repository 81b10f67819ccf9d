import pino from 'pino';
import { type Message, parseMessage } from '../../../proxy/sip/message.ts';
import {
  type ClientOwner,
  type ClientTransaction,
  type ServerTransaction,
  TransactionLayer,
  type TransactionUser,
} from '../../../proxy/transaction/layer.ts';
import { TimerWheel } from '../../../proxy/transaction/timers.ts';
import type { Connection, Hop, Listener, Transport } from '../../../proxy/transport/hop.ts';

const EPOCH = 1_700_000_000_000;

export function hopTo(transport: Transport, address = '127.0.0.1', port = 5060, over?: Connection): Hop {
  const listener: Listener = {
    transport,
    address: '127.0.0.9',
    port: 5060,
    side: 'Both',
    advertisedAddress: '127.0.0.9',
    advertisedPort: 5060,
  };
  return { transport, address, port, listener, connection: over };
}

export function connection(number: number, address = '127.0.0.1', port = 5060): Connection {
  return {
    number,
    transport: 'TCP',
    remoteAddress: address,
    remotePort: port,
    inbound: true,
    open: true,
    holds: 0,
  };
}

/** What was sent, and when: ms since the scene began. */
export interface Sent {
  readonly at: number;
  readonly hop: Hop;
  readonly text: string;
  readonly message: Message;
}

/** An owner that notes what it hears: statuses, 'timeout', 'unreachable'. */
export class Owner implements ClientOwner {
  readonly heard: (number | string)[] = [];
  /** What else to do on a response. */
  onResponse: (transaction: ClientTransaction, response: Message) => void = () => {};

  response(transaction: ClientTransaction, response: Message): void {
    this.heard.push(response.status);
    this.onResponse(transaction, response);
  }

  timeout(): void {
    this.heard.push('timeout');
  }

  unreachable(): void {
    this.heard.push('unreachable');
  }
}

/** A layer in virtual time, a network that keeps what is sent, and a user that notes what it is told. */
export class Scene implements TransactionUser {
  readonly layer: TransactionLayer;
  readonly timers = new TimerWheel(EPOCH);
  readonly sent: Sent[] = [];
  /** What the user was told, as 'request INVITE', 'ack', 'cancel', 'unmatchedCancel', 'stray 200'. */
  readonly told: string[] = [];
  /** Server transactions the user was given, in order. */
  readonly servers: ServerTransaction[] = [];
  /** What else the user does with a request. */
  onRequest: (transaction: ServerTransaction) => void = () => {};
  /** The only addresses that the user lets answer what was sent elsewhere; undefined: any. */
  believed: readonly string[] | undefined;
  /** What was logged, a line of JSON each. */
  readonly logged: string[] = [];
  #time = 0;

  constructor(limits?: { transactions: number }) {
    this.layer = new TransactionLayer({
      send: (text, hop) => this.sent.push({ at: this.#time, hop, text, message: parseMessage(text) }),
      now: () => EPOCH + this.#time,
      timers: this.timers,
      user: this,
      ...(limits === undefined ? {} : { limits }),
      log: pino({ level: 'debug' }, { write: (line: string) => void this.logged.push(line) }),
    });
  }

  /** ms since the scene began. */
  get time(): number {
    return this.#time;
  }

  /** Lets time run, firing each timer at its time. */
  advance(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const next = this.timers.next();
      if (next === undefined || next - EPOCH > end) break;
      this.#time = next - EPOCH;
      this.timers.advance(next);
    }
    this.#time = end;
    this.timers.advance(EPOCH + end);
  }

  receive(text: string, from: Hop = hopTo('UDP')): void {
    this.layer.receive(parseMessage(text), from);
  }

  /** The server transaction that the last request began. */
  get server(): ServerTransaction {
    const server = this.servers.at(-1);
    if (server === undefined) throw new Error('the user was given no request');
    return server;
  }

  /** Starts a client transaction for `request`. */
  send(request: string, owner: ClientOwner, hop: Hop = hopTo('UDP')): ClientTransaction {
    const message = parseMessage(request);
    return this.layer.send(request, message.via.branch, message.method, hop, owner);
  }

  /** When what passes `wanted` was sent. */
  times(wanted: (message: Message) => boolean): number[] {
    return this.sent.filter(({ message }) => wanted(message)).map(({ at }) => at);
  }

  /** Methods and statuses of what was sent, in order. */
  get wire(): (string | number)[] {
    return this.sent.map(({ message }) => (message.isRequest ? message.method : message.status));
  }

  request(transaction: ServerTransaction, request: Message): void {
    this.told.push(`request ${request.method}`);
    this.servers.push(transaction);
    this.onRequest(transaction);
  }

  cancel(): void {
    this.told.push('cancel');
  }

  ack(): void {
    this.told.push('ack');
  }

  unmatchedCancel(transaction: ServerTransaction): void {
    this.told.push('unmatchedCancel');
    this.servers.push(transaction);
  }

  foreignCancel(): void {
    this.told.push('foreignCancel');
  }

  mayEnd(_invite: ServerTransaction, from: Hop): boolean {
    return this.believed?.includes(from.address) ?? true;
  }

  connectionGone(): void {
    this.told.push('connectionGone');
  }

  mayAnswer(_transaction: ClientTransaction, _response: Message, from: Hop): boolean {
    return this.believed?.includes(from.address) ?? true;
  }

  strayResponse(response: Message): void {
    this.told.push(`stray ${response.status}`);
  }
}

export const isMethod =
  (method: string) =>
  (message: Message): boolean =>
    message.isRequest && message.method === method;

export const isStatus =
  (status: number) =>
  (message: Message): boolean =>
    message.status === status;
