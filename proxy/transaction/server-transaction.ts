import type { Message } from '../sip/message.ts';
import type { Hop } from '../transport/hop.ts';
import { Event, type State, step } from './machine.ts';
import { hurryTrying } from './server-actions.ts';
import { type Setting, Transaction } from './transaction.ts';

/** What a server transaction asks of the layer. */
export interface ServerSide {
  readonly setting: Setting;
  /** The connection that its request came over is closed, or its address unreachable: this response goes another way, or nowhere. */
  connectionGone(transaction: ServerTransaction, response: string): void;
  /** An INVITE has its final response, of 300 to 699. */
  refused(transaction: ServerTransaction): void;
  ended(transaction: ServerTransaction): void;
}

/** The input of its events is the text of the response to send. */
export type ServerState = State<ServerTransaction, string>;

/** RFC 3261 17.2: a request that has come and waits for its response. */
export class ServerTransaction extends Transaction {
  readonly method: string;
  /** What its requests match by (RFC 3261 17.2.3). */
  readonly key: string;
  /** Status of the final response it was given; 0: none yet. */
  final = 0;
  /** The user's own. */
  context: object | undefined = undefined;
  /** The machine's state; its name is that of the RFC's figure. */
  state: ServerState;
  /** The response that answers a retransmitted request; '': none. */
  last = '';
  /** ICMP says that responses do not get to its hop. */
  astray = false;
  readonly side: ServerSide;
  /** The side's own. */
  hash = 0;
  chained: ServerTransaction | undefined = undefined;
  #request: Message | undefined;

  constructor(side: ServerSide, initial: ServerState, key: string, request: Message, from: Hop) {
    super(side.setting, from);
    this.side = side;
    this.state = initial;
    this.key = key;
    this.method = request.method;
    this.#request = request;
  }

  /** Throws RangeError once it was let go. */
  get request(): Message {
    if (this.#request === undefined) throw new RangeError('the request of an answered transaction was let go');
    return this.#request;
  }

  /**
   * The user needs the request and its own context no more. Most transactions there are only wait for retransmissions,
   * half a minute long, and what answers these is a fraction of what routing the request took. Only after the final response.
   */
  letGo(): void {
    if (this.final === 0) return;
    this.#request = undefined;
    this.context = undefined;
  }

  /** Where the responses go. */
  get from(): Hop {
    return this.hop;
  }

  /**
   * Sends a response, `text`, whose status line says `status`. What the machine does not allow is left out: anything but
   * another 2xx to an INVITE after the final response, and to other methods a 408 (RFC 4320 4.2; it counts as their
   * final response all the same) and 1xx (4.1: the transaction sends 100 itself when it is due).
   * @returns whether the machine took it
   */
  respond(text: string, status: number): boolean {
    if (status < 200) return this.fire(Event.provisional, text);
    const allowed =
      status === 408 && this.method !== 'INVITE'
        ? this.fire(Event.requestTimeout)
        : this.fire(status < 300 ? Event.success : Event.failure, text);
    if (!allowed || this.final !== 0) return allowed;
    this.final = status;
    if (status >= 300 && this.method === 'INVITE') this.side.refused(this);
    return true;
  }

  /** It was handed over by another proxy, which takes a silence for death: 100 goes out soon, to other methods too. */
  handedOver(): void {
    if (this.method !== 'INVITE' && this.final === 0) hurryTrying(this);
  }

  /** The machine's own: sends a response. The user's for a 2xx that the machine does not take. */
  sendBack(text: string): void {
    const { connection } = this.hop;
    if (!this.astray && (connection === undefined || connection.open)) this.setting.send(text, this.hop);
    else this.side.connectionGone(this, text);
  }

  /** The side's own: whether its last response began so. A 2xx to INVITE is not kept (RFC 6026 6): any is taken for it. */
  began(sent: string): boolean {
    if (this.last !== '') return this.last.startsWith(sent);
    return this.final >= 200 && this.final < 300 && sent.startsWith('SIP/2.0 2');
  }

  /** The side's own: its last response did not get to its hop. It goes another way, and so do those to come. */
  strays(): void {
    if (this.astray) return;
    this.astray = true;
    if (this.last !== '') this.side.connectionGone(this, this.last);
  }

  /** Ends it without an answer, as if the request had never come. */
  drop(): void {
    this.ended();
  }

  /** The layer's own: begins. */
  start(): void {
    this.fire(Event.start);
  }

  /** The layer's own: the request has come again. */
  receiveAgain(): void {
    this.fire(Event.request);
  }

  /** The layer's own: the ACK of its 3xx to 6xx has come. */
  acknowledge(): void {
    this.fire(Event.ack);
  }

  ended(): void {
    this.release();
    this.side.ended(this);
  }

  protected override fire(event: number, text?: string): boolean {
    return step<ServerTransaction, string>(this, event, text);
  }
}
