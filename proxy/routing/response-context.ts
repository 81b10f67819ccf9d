import { Header, type HeaderId } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { response, reasonPhrase } from '../sip/response.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Pair } from '../upstream/pair.ts';
import { Copying } from './copying.ts';
import { passSuccess } from './further-success.ts';
import type { Target } from './target.ts';
import { forwardResponse, returning } from './forward.ts';
import type { Received } from './received.ts';
import type { Core } from './core.ts';
import type { Registration } from './registration.ts';
import type { End } from './token.ts';

/** A rank after every 3xx and before 400. */
const FIRST_OF_4XX = 399.5;
const CHALLENGES = [Header.WwwAuthenticate, Header.ProxyAuthenticate] as const;

/**
 * RFC 3261 16.7: one request that was taken in, the copies of it that went out, and what comes back. Targets are
 * copied to all at once, or, if `sequential`, each when the one before it has failed.
 */
export class ResponseContext {
  readonly core: Core;
  readonly server: ServerTransaction;
  readonly received: Received;
  readonly row: number;
  readonly startedAt: number;
  /** The other side of the token's ends; undefined: this request is not record-routed by us. */
  readonly callerEnd: End | undefined;
  /** That of a REGISTER for one of our domains: it makes the answer of a 2xx. */
  registration: Registration | undefined;
  /** The pair that admitted a REGISTER. */
  registersAt: Pair | undefined;
  /** The status sent last; 0 before any. */
  status = 0;
  #cancelled = false;
  #sequential = false;
  #atOnce = 1;
  readonly #copies: Copying[] = [];
  readonly #queue: Target[];
  #best: Message | undefined;
  #bestStatus = 0;
  /** The 401 and 407 that have come. */
  #challenging: Message[] | undefined;

  constructor(
    core: Core,
    server: ServerTransaction,
    received: Received,
    row: number,
    callerEnd: End | undefined,
    targets: Target[],
  ) {
    this.core = core;
    this.server = server;
    this.received = received;
    this.row = row;
    this.startedAt = core.now();
    this.callerEnd = callerEnd;
    this.#queue = targets;
  }

  start(sequential: boolean): void {
    this.#sequential = sequential;
    this.#atOnce = sequential ? 1 : this.#queue.length;
    do this.#startNext();
    while (!sequential && this.#queue.length > 0);
  }

  #startNext(): void {
    const target = this.#queue.shift();
    if (target === undefined) return;
    const copy = new Copying(this, target, this.#breadth(this.#copies.length));
    this.#copies.push(copy);
    copy.begin(this.#sequential && this.#queue.length > 0);
  }

  /** RFC 5393 5.3.3: what the branches that are open at once have adds up to what the request came with. */
  #breadth(branch: number): number {
    const { maxBreadth } = this.received;
    if (this.#atOnce === 1) return maxBreadth;
    return Math.floor(maxBreadth / this.#atOnce) + (branch < maxBreadth % this.#atOnce ? 1 : 0);
  }

  /** A CANCEL came: every copy is cancelled with its Reason (RFC 3326), and none is begun any more. */
  cancel(cancel: Message): void {
    this.#cancelled = true;
    this.#queue.length = 0;
    const reasons = linesOf(cancel, Header.Reason);
    for (const copy of this.#copies) {
      copy.cancel(reasons);
      copy.endLookUp();
    }
  }

  /** Nobody else is needed; phones show a call that was taken elsewhere as no missed one. */
  #cancelOthers(copy: Copying, status: number, phrase: string): void {
    this.#queue.length = 0;
    if (this.#copies.length === 1) return;
    const reasons = [`Reason: SIP;cause=${status};text="${phrase}"`];
    for (const other of this.#copies) if (other !== copy) other.cancel(reasons);
  }

  provisional(message: Message): void {
    if (this.status >= 200) return;
    this.#respond(forwardResponse(message, this.server.hop), message.status);
  }

  /** RFC 3261 16.7 step 5: every 2xx to INVITE is passed on at once, whatever was sent before it. */
  success(copy: Copying, message: Message): void {
    const first = this.status < 200;
    if (!first && this.received.message.method !== 'INVITE') return;
    if (first) this.#cancelOthers(copy, message.status, 'Call completed elsewhere');
    if (this.registration !== undefined) this.registration.granted(message);
    else if (first) this.#respond(this.#back(message), message.status);
    else passSuccess(this.server, this.#back(message), message.status);
    if (first) this.#ended(message.status, copy, message);
  }

  /** A copy failed: by a response, or without one (`message` undefined) by a status of ours. */
  failed(copy: Copying, status: number, message: Message | undefined): void {
    if (this.status >= 200) return;
    if (message !== undefined && isChallenge(status)) (this.#challenging ??= []).push(message);
    if (this.#bestStatus === 0 || this.#rank(status) < this.#rank(this.#bestStatus)) {
      this.#best = message;
      this.#bestStatus = status;
    }
    if (status >= 600) {
      this.#cancelOthers(copy, status, reasonPhrase(status));
      // RFC 3261 16.7 step 5: no new branch, so none that still has to be found is waited for
      for (const other of this.#copies) other.endLookUp();
      if (this.status >= 200) return;
    }
    if (this.#copies.some((other) => other.pending)) return;
    if (this.#queue.length > 0) this.#startNext();
    else this.#respondBest(copy);
  }

  /**
   * 16.7 step 6: 6xx first, else the lowest class. Within 4xx those that tell the caller what to change, and once the
   * caller has cancelled before all of them 487: that it was busy elsewhere is no answer to a CANCEL.
   */
  #rank(status: number): number {
    if (status >= 600) return 0;
    if (this.#cancelled && status === 487) return FIRST_OF_4XX;
    const telling = status === 401 || status === 407 || status === 415 || status === 420 || status === 484;
    return telling ? FIRST_OF_4XX + (status - 400) / 1000 : status;
  }

  /** A registration sends its 200 itself, which may be long after its server's: it waits for its commit. */
  respond(text: string, status: number): void {
    this.#respond(text, status);
    this.server.letGo();
  }

  #respondBest(copy: Copying): void {
    const status = this.#bestStatus;
    const best = this.#best;
    const request = this.received.message;
    if (best === undefined) {
      // RFC 4320: nothing is said of a non-INVITE that timed out; its sender has given up at the same time
      if (status === 408 && request.method !== 'INVITE') this.#respond('', 408);
      else {
        // RFC 3261 9.2: that of the CANCEL's 200
        const toTag = this.#cancelled ? undefined : this.core.tag();
        this.#respond(response(request, status, reasonPhrase(status), undefined, toTag), status);
      }
    } else if (status === 503 && this.received.sender !== 'Proxy') {
      // 16.7 step 6: the next hop upstream would take a 503 for ours
      this.#respond(returning(best, this.server.hop).status(500, 'Server Out Of Service').render(), 500);
    } else {
      this.#respond(isChallenge(status) ? this.#withChallenges(best) : this.#back(best), status);
    }
    this.#ended(this.status, copy);
  }

  /**
   * RFC 3261 9.2: CANCELs are answered hop by hop. One that is handed on has the branch of its INVITE, and the next hop
   * may know a CANCEL with that branch already, which this proxy sent itself before it was started again: its answer has
   * no Via but ours.
   */
  #back(message: Message): string {
    const request = this.received.message;
    if (request.method !== 'CANCEL') return forwardResponse(message, this.server.hop);
    return response(request, message.status, reasonPhrase(message.status), undefined, this.core.tag());
  }

  #respond(text: string, status: number): void {
    this.status = Math.max(this.status, status);
    this.server.respond(text, status);
  }

  #ended(status: number, copy: Copying, answer?: Message): void {
    this.core.ended(this, status, copy.target.pair, answer);
    this.server.letGo();
  }

  /** 16.7 step 7: a 401 or 407 carries the challenges of all branches that asked, as they came. */
  #withChallenges(best: Message): string {
    const edit = returning(best, this.server.hop);
    for (const other of this.#challenging ?? []) {
      if (other === best) continue;
      for (const id of CHALLENGES) for (const line of linesOf(other, id)) edit.append(line);
    }
    return edit.render();
  }
}

function isChallenge(status: number): boolean {
  return status === 401 || status === 407;
}

/** All fields with this id as lines without CRLF. */
function linesOf(message: Message, id: HeaderId): string[] {
  const lines: string[] = [];
  for (let i = message.find(id); i >= 0; i = message.find(id, i + 1))
    lines.push(`${message.fieldName(i)}: ${message.fieldValue(i)}`);
  return lines;
}
