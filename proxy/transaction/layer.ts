import type { Logger as Log } from 'pino';
import type { Message } from '../sip/message.ts';
import { isOfRefusal, response } from '../sip/response.ts';
import type { Hop } from '../transport/hop.ts';
import type { ClientOwner, ClientTransaction } from './client-transaction.ts';
import { Clients } from './clients.ts';
import { serverKey } from './matching.ts';
import type { ServerTransaction } from './server-transaction.ts';
import { Servers } from './servers.ts';
import type { Timer, TimerWheel } from './timers.ts';
import { type Setting, Transaction, type TransactionCounts } from './transaction.ts';

export type { ClientOwner, ClientTransaction, ServerTransaction };

/** What the layer gives requests to, and responses that nobody waits for: the proxy core. */
export interface TransactionUser {
  /** A new request; never an ACK, nor a CANCEL of a known INVITE. */
  request(transaction: ServerTransaction, request: Message, from: Hop): void;
  /** A CANCEL of an INVITE that has no final response yet. The CANCEL itself is already answered 200. */
  cancel(invite: ServerTransaction, cancel: Message, from: Hop): void;
  /** An ACK that belongs to no transaction here, or to a 2xx: to be forwarded. */
  ack(ack: Message, from: Hop): void;
  /** A CANCEL of no INVITE known here. */
  unmatchedCancel(transaction: ServerTransaction, cancel: Message, from: Hop): void;
  /**
   * A CANCEL that does not come from where its INVITE did. It has no transaction: the true one would be taken for the
   * same again. `back`: where its answer goes.
   */
  foreignCancel(cancel: Message, back: Hop): void;
  /** Whether what ends `begun`, the CANCEL of an INVITE or the ACK of its 300 to 699, counts from there; a CANCEL's copy, too. */
  mayEnd(begun: ServerTransaction, from: Hop): boolean;
  /** Whether a response to `transaction` counts that comes from elsewhere than where its request went. */
  mayAnswer(transaction: ClientTransaction, response: Message, from: Hop): boolean;
  /** A response can't go back over the connection that its request came by, which is closed, or to that address (ICMP). */
  connectionGone(transaction: ServerTransaction, response: string): void;
  /** A response that matches no client transaction. */
  strayResponse(response: Message, from: Hop): void;
}

export interface TransactionLayerOptions {
  /** Must not throw: what can't be sent is told by `transportError`, on a later turn. */
  send(text: string, hop: Hop): void;
  /** The same of a request that got no answer: by default as any other. */
  readonly resend?: (text: string, hop: Hop) => void;
  /** ms, on the clock that `timers` is advanced by. */
  now(): number;
  readonly timers: TimerWheel;
  readonly user: TransactionUser;
  /** RFC 3261's T1, T2 and T4 in ms; by default 500, 4000 and 5000. */
  readonly t1?: number;
  readonly t2?: number;
  readonly t4?: number;
  /**
   * A new request is refused while so many transactions are at work, client and server ones. As many may linger besides:
   * beyond that those end that have lingered longest. By default 250,000: some 8,000 new ones a second linger their full time.
   */
  readonly limits?: { readonly transactions: number };
  readonly log: Log;
}

const LOG_FULL_EVERY = 10_000;
/** So many more than must end at once, as a part of all that may linger: to find them all timers may be looked at. */
const ENDED_EARLY = 1 / 64;

/** RFC 3261 17: matches messages to transactions, runs the machines, and tells the user what is new. */
export class TransactionLayer {
  readonly counts: Readonly<TransactionCounts>;
  readonly #counts: TransactionCounts = {
    clients: 0,
    servers: 0,
    lingering: 0,
    endedEarly: 0,
    refused: 0,
    resent: 0,
  };
  readonly #setting: Setting;
  readonly #clients: Clients;
  readonly #servers: Servers;
  readonly #user: TransactionUser;
  readonly #limit: number;
  readonly #log: Log;
  #fullLoggedAt = -Infinity;
  #earlyLoggedAt = -Infinity;

  constructor(options: TransactionLayerOptions) {
    this.counts = this.#counts;
    const epoch = Math.trunc(options.now());
    this.#setting = {
      timers: options.timers,
      epoch,
      t1: options.t1 ?? 500,
      t2: options.t2 ?? 4000,
      t4: options.t4 ?? 5000,
      counts: this.#counts,
      now: () => Math.trunc(options.now()) - epoch,
      send: (text, hop) => options.send(text, hop),
      resend: options.resend ?? ((text, hop) => options.send(text, hop)),
    };
    this.#clients = new Clients(this.#setting);
    this.#servers = new Servers(this.#setting, (transaction, answer) =>
      options.user.connectionGone(transaction, answer),
    );
    this.#user = options.user;
    this.#limit = options.limits?.transactions ?? 250_000;
    this.#log = options.log;
  }

  /** No transaction is left, not even one that only absorbs retransmissions. */
  get idle(): boolean {
    return this.#counts.clients === 0 && this.#counts.servers === 0;
  }

  /** A message has come from `from`. `back`: where responses to it go. */
  receive(message: Message, from: Hop, back: Hop = from): void {
    if (!message.isRequest) this.#response(message, from);
    else if (message.method === 'ACK') this.#ack(message, from);
    else this.#request(message, from, back);
  }

  /**
   * Sends a request as a new client transaction. `request` is the exact text, whose top Via has `branch`. With
   * `startedAt` Timer B or F counts from then: another try of a request has only what the first left of it.
   */
  send(
    request: string,
    branch: string,
    method: string,
    hop: Hop,
    owner: ClientOwner,
    startedAt: number = this.#setting.now(),
  ): ClientTransaction {
    return this.#clients.begin(request, branch, method, hop, owner, startedAt);
  }

  /** Whose request `answer` is for. */
  ownerOf(answer: Message): ClientOwner | undefined {
    return this.#clients.ofResponse(answer)?.owner;
  }

  /** The INVITE that `cancel` is about, which other proxies handed over: the topmost `vias` Vias are theirs. */
  inviteBelow(cancel: Message, vias: number): ServerTransaction | undefined {
    return this.#servers.ofCancelBelow(cancel, vias);
  }

  /** Nothing reaches `hop` (ICMP, refused, closed): what waits for a response from there fails now. */
  transportError(hop: Hop): void {
    this.#told(hop, this.#clients.fail(hop));
  }

  /** ICMP: a request that began with `sent` did not get to `hop`. */
  undelivered(hop: Hop, sent: string): void {
    this.#told(hop, this.#clients.undelivered(hop, sent));
  }

  /** ICMP: a response that began with `sent` did not get to `hop`. Looks at all server transactions: not often. */
  responseUndelivered(hop: Hop, sent: string): void {
    this.#servers.ofUndelivered(hop, sent)?.strays();
  }

  #told({ transport, address, port }: Hop, failed: number): void {
    if (failed === 0) return;
    this.#log.debug(
      { transport, address, port, transactions: failed },
      'hop unreachable: its transactions have failed',
    );
  }

  #response(message: Message, from: Hop): void {
    const transaction = this.#clients.ofResponse(message);
    if (transaction === undefined) this.#user.strayResponse(message, from);
    // RFC 3261 17.1.3 matches by branch, whatever the address; who may answer what is the user's to say
    else if (from.address === transaction.hop.address || this.#user.mayAnswer(transaction, message, from))
      transaction.receive(message);
  }

  #ack(ack: Message, from: Hop): void {
    const invite = this.#servers.ofAck(ack, from);
    // RFC 6026 7.1: once the INVITE is accepted its ACK is the user's, whatever branch it has
    const ofSuccess = invite === undefined || (invite.final >= 200 && invite.final < 300);
    if (!ofSuccess) {
      if (this.#user.mayEnd(invite, from)) invite.acknowledge();
    } else if (!isOfRefusal(ack)) this.#user.ack(ack, from);
  }

  #request(request: Message, from: Hop, back: Hop): void {
    let key = serverKey(request, request.method, from.transport);
    let hash = this.#servers.hashOf(key);
    let known = this.#servers.byKey(key, hash);
    if (known !== undefined && request.method === 'CANCEL' && !this.#user.mayEnd(known, from)) {
      // a stranger's copy that came first has its own answer, and must not be taken for this one
      key += `\n${from.address}`;
      hash = this.#servers.hashOf(key);
      known = this.#servers.byKey(key, hash);
    }
    if (known !== undefined) {
      known.receiveAgain();
      return;
    }
    if (this.#counts.lingering > this.#limit) this.#endLingering();
    const invite = request.method === 'CANCEL' ? this.#servers.ofCancel(request, from) : undefined;
    if (invite !== undefined && this.#user.mayEnd(invite, from)) {
      // Not limited: there is one for an INVITE at most, and it makes transactions end
      this.#cancel(invite, this.#servers.begin(key, hash, request, back), from);
    } else if (invite !== undefined) {
      this.#user.foreignCancel(request, back);
    } else if (this.#counts.clients + this.#counts.servers - this.#counts.lingering >= this.#limit) {
      this.#refuse(request, back);
    } else {
      const transaction = this.#servers.begin(key, hash, request, back);
      if (request.method === 'CANCEL') this.#user.unmatchedCancel(transaction, request, from);
      else this.#user.request(transaction, request, from);
    }
  }

  /** RFC 3261 9.2: always 200, and no effect on an INVITE that has its final response. */
  #cancel(invite: ServerTransaction, cancel: ServerTransaction, from: Hop): void {
    cancel.respond(response(cancel.request, 200, 'OK'), 200);
    if (invite.final === 0) this.#user.cancel(invite, cancel.request, from);
  }

  /**
   * Whoever had no answer sends again within seconds rather than half a minute later; a new request that is refused in
   * favour of those is a call lost.
   */
  #endLingering(): void {
    const over = this.#counts.lingering - this.#limit;
    const oldest = this.#setting.timers.upcoming(lingers, over + Math.floor(this.#limit * ENDED_EARLY));
    for (const transaction of oldest) transaction.endEarly();
    this.#counts.endedEarly += oldest.length;
    const now = this.#setting.now();
    if (now - this.#earlyLoggedAt < LOG_FULL_EVERY) return;
    this.#earlyLoggedAt = now;
    this.#log.info(
      { limit: this.#limit, endedEarly: this.#counts.endedEarly },
      'many transactions linger: those that have longest end early, and what is sent again later than that is taken for new',
    );
  }

  #refuse(request: Message, from: Hop): void {
    this.#counts.refused++;
    this.#setting.send(response(request, 503, 'Service Unavailable'), from);
    const now = this.#setting.now();
    if (now - this.#fullLoggedAt < LOG_FULL_EVERY) return;
    this.#fullLoggedAt = now;
    this.#log.warn({ limit: this.#limit, refused: this.#counts.refused }, 'too many transactions: requests get 503');
  }
}

function lingers(timer: Timer): timer is Transaction {
  return timer instanceof Transaction && timer.lingers;
}
