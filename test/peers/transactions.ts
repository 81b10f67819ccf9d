import { ackFor } from '../../proxy/sip/ack.ts';
import { cancelFor } from '../../proxy/sip/cancel.ts';
import { Header } from '../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import type { Counter } from './counter.ts';
import { renderResponse, type Answer } from './draft.ts';
import { Wire, type Remote, type WireOptions } from './wire.ts';

const T1 = 500;
const T2 = 4000;
const lifetime = 64 * T1;

export interface TransactionUser {
  /** A new request; neither ACK nor CANCEL. */
  request(transaction: ServerTransaction): void;
  /** CANCEL of an INVITE without a final response yet; it is answered 200 already. */
  cancelled(invite: ServerTransaction): void;
  /** ACK for a 2xx. */
  acknowledged(ack: Message, invite: ServerTransaction | undefined): void;
  /** Nobody listens there, or a connection ended; its transactions have failed. */
  lost?(remote: Remote): void;
}

export interface ClientListener {
  provisional?(response: Message): void;
  /** The first final response, and for INVITE every other 2xx and its retransmissions. */
  final(response: Message): void;
  failed(why: 'refused' | 'timeout'): void;
}

/** The four machines of RFC 3261 17 in their plainest form: a peer's own, so that it proves the proxy's. */
export class Transactions {
  readonly #user: TransactionUser;
  readonly #counter: Counter | undefined;
  readonly #clients = new Map<string, ClientTransaction>();
  readonly #servers = new Map<string, ServerTransaction>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #wire!: Wire;

  private constructor(user: TransactionUser, counter: Counter | undefined) {
    this.#user = user;
    this.#counter = counter;
  }

  static async open(options: Omit<WireOptions, 'user'>, user: TransactionUser): Promise<Transactions> {
    const transactions = new Transactions(user, options.counter);
    transactions.#wire = await Wire.open({
      ...options,
      user: {
        message: (message, from) => transactions.#receive(message, from),
        refused: (remote) => transactions.#refused(remote),
      },
    });
    return transactions;
  }

  get wire(): Wire {
    return this.#wire;
  }

  /** `text`'s topmost Via carries `branch`. */
  send(text: string, branch: string, remote: Remote, listener: ClientListener): ClientTransaction {
    const transaction = new ClientTransaction(this, parseMessage(text), remote, listener);
    this.#clients.set(`${branch} ${transaction.request.method}`, transaction);
    this.after(lifetime + 5000, () => this.#clients.delete(`${branch} ${transaction.request.method}`));
    transaction.start();
    return transaction;
  }

  /** Runs `action` later, unless this closes before. */
  after(delay: number, action: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delay);
    this.#timers.add(timer);
    return timer;
  }

  stop(timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer);
    if (timer) this.#timers.delete(timer);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await this.#wire.close();
  }

  #refused(remote: Remote): void {
    for (const client of this.#clients.values()) {
      const { address, port, transport } = client.remote;
      if (address === remote.address && port === remote.port && transport === remote.transport) client.fail('refused');
    }
    this.#user.lost?.(remote);
  }

  #receive(message: Message, from: Remote): void {
    if (!message.isRequest) {
      this.#clients.get(`${message.via.branch} ${message.method}`)?.receive(message);
    } else if (message.method === 'ACK') {
      this.#acknowledged(message);
    } else if (message.method === 'CANCEL') {
      this.#cancelled(message, from);
    } else {
      this.#request(message, from);
    }
  }

  #request(request: Message, from: Remote): void {
    const key = serverKey(request, request.method);
    const known = this.#servers.get(key);
    if (known) {
      this.#counter?.add(`repeated ${request.method}`);
      known.repeat();
      return;
    }
    const transaction = new ServerTransaction(this, request, from);
    this.#servers.set(key, transaction);
    this.after(lifetime + 5000, () => this.#servers.delete(key));
    this.#user.request(transaction);
  }

  #cancelled(cancel: Message, from: Remote): void {
    const invite = this.#servers.get(serverKey(cancel, 'INVITE'));
    this.wire.send(renderResponse(cancel, from, invite ? 200 : 481, {}), from);
    if (invite && invite.status < 200) this.#user.cancelled(invite);
  }

  #acknowledged(ack: Message): void {
    const failed = this.#servers.get(serverKey(ack, 'INVITE'));
    if (failed) {
      failed.acknowledge();
      return;
    }
    let accepted: ServerTransaction | undefined;
    for (const server of this.#servers.values()) {
      const { request } = server;
      const same = request.method === 'INVITE' && request.callId === ack.callId && request.cseq === ack.cseq;
      if (same && request.fromTag === ack.fromTag) accepted = server;
    }
    accepted?.acknowledge();
    this.#user.acknowledged(ack, accepted);
  }
}

export class ClientTransaction {
  readonly request: Message;
  readonly remote: Remote;
  readonly #transactions: Transactions;
  readonly #listener: ClientListener;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  #cancelWanted: readonly string[] | undefined;
  #cancelThrough: Remote | undefined;

  constructor(transactions: Transactions, request: Message, remote: Remote, listener: ClientListener) {
    this.#transactions = transactions;
    this.request = request;
    this.remote = remote;
    this.#listener = listener;
  }

  /** Status of the last response, 0 before the first. */
  get status(): number {
    return this.#status;
  }

  start(): void {
    this.#transactions.wire.send(this.request.text, this.remote);
    if (this.remote.transport === 'UDP') this.#resend(T1);
    this.#transactions.after(lifetime, () => {
      if (this.#status === 0 || (this.#status < 200 && this.request.method !== 'INVITE')) this.fail('timeout');
    });
  }

  receive(response: Message): void {
    const before = this.#status;
    const invite = this.request.method === 'INVITE';
    if (response.status < 200) {
      if (before >= 200) return;
      this.#status = response.status;
      if (invite) this.#transactions.stop(this.#timer); // RFC 3261 17.1.1.2: a provisional ends the retransmissions
      if (this.#cancelWanted) this.#sendCancel(this.#cancelWanted);
      this.#listener.provisional?.(response);
      return;
    }
    this.#transactions.stop(this.#timer);
    if (invite && response.status >= 300) this.#transactions.wire.send(ackFor(this.request, response), this.remote);
    const again = before >= 200;
    this.#status = response.status;
    if (!again || (invite && response.status < 300)) this.#listener.final(response);
  }

  /**
   * RFC 3261 9.1: only once a provisional response came. `through`: where the CANCEL goes if not to where the INVITE
   * went, as a name with several addresses may lead it.
   */
  cancel(lines: readonly string[] = [], through: Remote = this.remote): void {
    if (this.#status >= 200 || this.#cancelWanted) return;
    this.#cancelWanted = lines;
    this.#cancelThrough = through;
    if (this.#status >= 100) this.#sendCancel(lines);
  }

  fail(why: 'refused' | 'timeout'): void {
    if (this.#status !== 0 && (this.#status >= 200 || why === 'refused')) return; // it did arrive
    this.#status = 999;
    this.#transactions.stop(this.#timer);
    this.#listener.failed(why);
  }

  #sendCancel(lines: readonly string[]): void {
    const cancel = cancelFor(this.request, lines);
    this.#transactions.send(cancel, this.request.via.branch, this.#cancelThrough ?? this.remote, {
      final: () => undefined,
      failed: () => undefined,
    });
  }

  #resend(interval: number): void {
    this.#timer = this.#transactions.after(interval, () => {
      this.#transactions.wire.send(this.request.text, this.remote);
      this.#resend(this.request.method === 'INVITE' ? interval * 2 : Math.min(interval * 2, T2));
    });
  }
}

export class ServerTransaction {
  readonly request: Message;
  readonly from: Remote;
  readonly #transactions: Transactions;
  #last = '';
  #status = 0;
  #timer: NodeJS.Timeout | undefined;
  #unacknowledged: (() => void) | undefined;

  constructor(transactions: Transactions, request: Message, from: Remote) {
    this.#transactions = transactions;
    this.request = request;
    this.from = from;
  }

  /** Status sent last, 0 before the first. */
  get status(): number {
    return this.#status;
  }

  /** `unacknowledged`: called if no ACK follows this final response to an INVITE. */
  respond(status: number, answer: Answer = {}, unacknowledged?: () => void): void {
    if (this.#status >= 200) return;
    this.#status = status;
    this.#last = renderResponse(this.request, this.from, status, answer);
    this.repeat();
    if (status < 200 || this.request.method !== 'INVITE') return;
    this.#unacknowledged = unacknowledged;
    this.#repeatUntilAcknowledged(T1, lifetime);
  }

  repeat(): void {
    if (this.#last !== '') this.#transactions.wire.send(this.#last, this.from);
  }

  acknowledge(): void {
    this.#transactions.stop(this.#timer);
    this.#unacknowledged = undefined;
  }

  /** RFC 3261 13.3.1.4 for 2xx, 17.2.1 for the others. */
  #repeatUntilAcknowledged(interval: number, left: number): void {
    this.#timer = this.#transactions.after(interval, () => {
      if (left <= 0) {
        this.#unacknowledged?.();
        return;
      }
      if (this.#status < 300 || this.from.transport === 'UDP') this.repeat();
      this.#repeatUntilAcknowledged(Math.min(interval * 2, T2), left - interval);
    });
  }
}

/** RFC 3261 17.2.3. */
function serverKey(request: Message, method: string): string {
  const { branch, host, port } = request.via;
  return `${branch} ${host}:${port} ${method} ${request.value(Header.CallId) ?? ''}`;
}
