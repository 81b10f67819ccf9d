import { isDefect } from '../sip/defects.ts';
import type { Message } from '../sip/message.ts';
import { NO_VIA } from '../sip/nouns.ts';
import { response } from '../sip/response.ts';
import { SipError } from '../sip/sip-error.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Hop } from '../transport/hop.ts';
import type { Core } from './core.ts';
import type { Senders } from './senders.ts';
import { withTrueSource } from './source.ts';

/** How often the log says that a peer sends what is malformed, ms. */
const TELL_EVERY = 10_000;

/** What this proxy answers itself, and whom it does not answer any more. */
export class Answers {
  readonly #core: Core;
  readonly #senders: Senders;
  #toldAt = -Infinity;

  constructor(core: Core, senders: Senders) {
    this.#core = core;
    this.#senders = senders;
  }

  /**
   * Without keys and bindings we would send a dialog's requests astray: their sender repeats them, or takes another
   * proxy. What begins something new is told to do so at once.
   */
  notReady(message: Message, back: Hop): void {
    this.#core.counts.notReady++;
    if (!message.isRequest || message.toTag !== '' || message.method === 'ACK' || message.method === 'CANCEL') return;
    this.#core.outside.send(response(message, 503, 'Not Ready', ['Retry-After: 2']), back);
  }

  /** What could not be parsed: answered with the reason where an answer can be built, else counted and dropped. */
  malformed(error: unknown, from: Hop): void {
    if (!(error instanceof SipError)) throw error;
    this.#core.counts.unparseable++;
    this.#countDefect(error.reason);
    const faulty = error.answerable;
    this.#core.log.debug(
      { from: from.address, port: from.port, status: error.status, reason: error.reason },
      'message refused',
    );
    if (this.#senders.isTrusted(from)) this.#tell(error, from);
    if (!this.#senders.mayComplain(from) || faulty === undefined || !faulty.answerable) return;
    const readable = faulty.via !== NO_VIA;
    const back = readable ? this.#senders.answersGo(faulty, from) : from;
    const request = readable ? withTrueSource(faulty, from, from.transport === 'UDP' && back === from) : faulty;
    this.#core.outside.send(response(request, error.status, error.reason, error.headers), back);
  }

  /** Whoever looks for why calls with that peer fail must be told which end is wrong: its responses are lost without a word. */
  #tell({ reason }: SipError, { transport, address, port }: Hop): void {
    const { log, now } = this.#core;
    if (now() - this.#toldAt < TELL_EVERY) return;
    this.#toldAt = now();
    log.warn(
      { from: `${transport} ${address}:${port}`, reason },
      'a SIP Server, proxy or SBC sent what is malformed: a request is answered so, a response is lost',
    );
  }

  #countDefect(reason: string): void {
    if (isDefect(reason)) this.#core.defects[reason]++;
  }

  /** What is its sender's fault: answered, or beyond what is borne of one Endpoint forgotten, state and all. */
  refuse(server: ServerTransaction, message: Message, from: Hop, { status, reason, headers }: SipError): void {
    this.#countDefect(reason);
    if (this.#senders.mayComplain(from)) this.give(server, message, status, reason, headers);
    else server.drop();
  }

  /**
   * A REGISTER that there is no room for now leaves no state: those of a lost data centre would fill the table of
   * transactions, and calls be refused for them. Sent again it is judged again (RFC 3261 8.2.7).
   */
  turnAway(
    server: ServerTransaction,
    message: Message,
    status: number,
    reason: string,
    lines: readonly string[] | undefined,
  ): void {
    this.#core.counts.answeredLocally++;
    this.#core.outside.send(response(message, status, reason, lines), server.from);
    server.drop();
  }

  /** Sent by its transaction, which sends it again. */
  give(
    server: ServerTransaction,
    message: Message,
    status: number,
    reason: string,
    lines: readonly string[] | undefined,
  ): void {
    this.#core.counts.answeredLocally++;
    server.respond(response(message, status, reason, lines, this.#core.tag()), status);
    if (status >= 400 && message.method !== 'OPTIONS') {
      this.#core.log.debug({ method: message.method, callId: message.callId, status, reason }, 'request answered here');
    }
  }
}
