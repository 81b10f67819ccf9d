import type { Message } from '../sip/message.ts';
import type { Hop } from '../transport/hop.ts';
import { Event, type State, step } from './machine.ts';
import { type Setting, Transaction } from './transaction.ts';

/** Who started a client transaction and learns how it goes. One object may own many. */
export interface ClientOwner {
  /** Every 1xx, the first final response, and every 2xx to an INVITE (RFC 6026: also those of other forks). */
  response(transaction: ClientTransaction, response: Message): void;
  /** Timer B or F, or no final response in 64*T1 after the CANCEL. */
  timeout(transaction: ClientTransaction): void;
  /** The hop could not be reached, or its connection is gone. */
  unreachable(transaction: ClientTransaction): void;
}

/** Hears nothing: of a CANCEL, and of what was abandoned. */
export const nobody: ClientOwner = { response() {}, timeout() {}, unreachable() {} };

/** What a client transaction asks of the layer. */
export interface ClientSide {
  readonly setting: Setting;
  /** Sends a CANCEL for `invite` to the same hop. */
  sendCancel(invite: ClientTransaction): void;
  /** It has a final response: a transport error no longer concerns it. */
  answered(transaction: ClientTransaction): void;
  ended(transaction: ClientTransaction): void;
}

export type ClientState = State<ClientTransaction, Message>;

/** RFC 3261 17.1: a request on its way to one hop. */
export class ClientTransaction extends Transaction {
  /** The text as sent; '' once there is a final response, since it is not sent again. */
  request: string;
  readonly method: string;
  /** The branch of the request's top Via. */
  readonly key: string;
  /** Since when Timer B or F counts, in ms. */
  readonly startedAt: number;
  /** The greatest status of the responses that were reported; 0: none yet. */
  lastStatus = 0;
  owner: ClientOwner;
  /** The machine's state; its name is that of the RFC's figure. */
  state: ClientState;
  readonly side: ClientSide;
  /** INVITE: the ACK sent for its 3xx to 6xx. */
  ack = '';
  /** Lines for the CANCEL, if one is to be sent: Reason (RFC 3326). */
  cancelLines: readonly string[] = [];
  /** The side's own: neighbours among the unanswered ones to the same address. */
  earlier: ClientTransaction | undefined = undefined;
  later: ClientTransaction | undefined = undefined;
  hash = 0;
  chained: ClientTransaction | undefined = undefined;

  constructor(
    side: ClientSide,
    initial: ClientState,
    request: string,
    branch: string,
    method: string,
    hop: Hop,
    owner: ClientOwner,
    startedAt: number,
  ) {
    super(side.setting, hop);
    this.side = side;
    this.state = initial;
    this.request = request;
    this.key = branch;
    this.method = method;
    this.owner = owner;
    this.startedAt = startedAt;
  }

  get branch(): string {
    return this.key;
  }

  /**
   * Cancels an INVITE (RFC 3261 9.1): the CANCEL goes to the same hop, once a provisional response has come, and not at
   * all if the final one comes first. If then no final response comes within 64*T1, `owner.timeout` is called. Does
   * nothing to other methods, to answered ones, and the second time.
   */
  cancel(reasonLines: readonly string[] = []): void {
    if (this.cancelLines.length === 0) this.cancelLines = reasonLines;
    this.fire(Event.cancel);
  }

  /**
   * The owner hears nothing more; one that is set anew hears of a 2xx to an INVITE. The request is not sent again; a 3xx
   * to 6xx to an INVITE is still acknowledged, and the machine ends within 64*T1 of it.
   */
  abandon(): void {
    this.owner = nobody;
    this.fire(Event.abandon);
  }

  /** The side's own: a response that matches has come. */
  receive(response: Message): void {
    const status = response.status;
    if (status < 200) {
      this.fire(Event.provisional, response);
      return;
    }
    this.side.answered(this);
    this.fire(status < 300 ? Event.success : Event.failure, response);
    // it waits for half a minute more, and would keep all that routing it took
    this.request = '';
    if (status >= 300 || this.method !== 'INVITE') this.owner = nobody;
  }

  /** The side's own: its hop can't be reached. */
  fail(): void {
    this.fire(Event.transportError);
  }

  /** The side's own: begins. */
  start(): void {
    this.fire(Event.start);
  }

  ended(): void {
    this.release();
    this.side.ended(this);
  }

  protected override fire(event: number, response?: Message): boolean {
    return step<ClientTransaction, Message>(this, event, response);
  }
}
