import { Header } from '../../../proxy/sip/header.ts';
import type { Message } from '../../../proxy/sip/message.ts';
import {
  ackOf,
  dialogOfRequest,
  dialogOfResponse,
  inDialog,
  next,
  nextHopOf,
  refreshed,
  type Dialog,
} from '../dialog.ts';
import { newTag, type RequestDraft } from '../draft.ts';
import type { Reach, ReachListener } from '../reach.ts';
import type { ServerTransaction } from '../transactions.ts';
import type { CallState } from './state.ts';

export type Leg = 'a' | 'b';

/** What a call needs of its server. */
export interface CallHost {
  readonly contact: string;
  /** The INVITE that leaves for the callee. */
  outgoing(invite: Message): RequestDraft;
  /** Without a next hop: to a proxy of its own geo-location. */
  send(draft: RequestDraft, nextHop: string | undefined, listener: ReachListener): Promise<Reach>;
  sendAck(ack: RequestDraft, nextHop: string, attempt: number): Promise<void>;
  /** The call is up, or something in it changed. */
  changed(call: Call): void;
  over(call: Call): void;
  count(what: string): void;
}

/** A call through a B2BUA: leg A on which we were called, leg B on which we call. */
export class Call {
  readonly id: string;
  readonly #host: CallHost;
  #a: Dialog;
  #b: Dialog | undefined;
  #inviteCseq: number;
  #answer = '';
  #invite: ServerTransaction | undefined;
  #outgoing: Reach | undefined;
  #cancelled = false;
  #over = false;
  /** The ACK for leg B waits for the caller's, which carries the answer (RFC 3261 13.2.1). */
  #delayedAck: { readonly cseq: number } | undefined;
  #reinviting = false;

  private constructor(host: CallHost, id: string, a: Dialog, inviteCseq: number) {
    this.#host = host;
    this.id = id;
    this.#a = a;
    this.#inviteCseq = inviteCseq;
  }

  static begin(host: CallHost, invite: ServerTransaction): Call {
    const { request } = invite;
    const a = dialogOfRequest(request, newTag());
    const call = new Call(host, `${a.callId} ${a.localTag}`, a, request.cseq);
    call.#invite = invite;
    invite.respond(100);
    void call.#callOut(request); // never rejects: what fails is told to its listener
    return call;
  }

  /** Goes on with a call of the other member. What that one sent last may be unknown here, so CSeq skips ahead (RFC 3261 12.2.1.1 only wants it to grow). */
  static resume(host: CallHost, state: CallState): Call {
    const a = { ...state.a, localCseq: state.a.localCseq + 100 };
    const call = new Call(host, state.id, a, state.inviteCseq);
    call.#b = { ...state.b, localCseq: state.b.localCseq + 100 };
    call.#answer = state.answer;
    return call;
  }

  get a(): Dialog {
    return this.#a;
  }

  get b(): Dialog | undefined {
    return this.#b;
  }

  /** Undefined until it is answered. */
  get state(): CallState | undefined {
    if (!this.#b) return undefined;
    return { id: this.id, a: this.#a, b: this.#b, inviteCseq: this.#inviteCseq, answer: this.#answer };
  }

  isBegunBy({ callId, fromTag, cseq }: Message): boolean {
    return this.#a.callId === callId && this.#a.remoteTag === fromTag && this.#inviteCseq === cseq;
  }

  /** The caller's INVITE by another way, as after its 200 was lost with the other member. */
  invitedAgain(transaction: ServerTransaction): void {
    if (this.#b) this.#respondAnswered(transaction);
    else transaction.respond(482); // RFC 3261 8.2.2.2
  }

  /** CANCEL of its INVITE. */
  cancelled(): void {
    this.#cancelled = true;
    this.#invite?.respond(487, { toTag: this.#a.localTag });
    this.#outgoing?.cancel();
    this.#finish();
  }

  acknowledged(ack: Message): void {
    const waiting = this.#delayedAck;
    if (!waiting || !this.#b || ack.toTag !== this.#a.localTag) return;
    this.#delayedAck = undefined;
    void this.#host.sendAck(ackOf(this.#b, waiting.cseq, typeLines(ack), ack.body), nextHopOf(this.#b), 0);
  }

  /** A request within leg `leg`. */
  request(transaction: ServerTransaction, leg: Leg): void {
    const { request } = transaction;
    const dialog = leg === 'a' ? this.#a : this.#b;
    if (!dialog || this.#over) {
      transaction.respond(481);
    } else if (request.cseq <= dialog.remoteCseq) {
      transaction.respond(500, { reason: 'CSeq Out Of Order' }); // RFC 3261 12.2.2
    } else if (request.method === 'BYE') {
      transaction.respond(200);
      this.#hangUp(leg === 'a' ? 'b' : 'a');
      this.#finish();
    } else {
      this.#set(leg, refreshed(dialog, request));
      this.#relay(transaction, leg === 'a' ? 'b' : 'a');
    }
  }

  async #callOut(request: Message): Promise<void> {
    const draft = this.#host.outgoing(request);
    let acknowledged = 0;
    this.#outgoing = await this.#host.send(draft, undefined, {
      provisional: (response) => {
        if (response.status === 100) return;
        this.#invite?.respond(response.status, this.#answerOf(response));
      },
      final: (response) => {
        if (response.status < 300) this.#answered(draft, response, request, acknowledged);
        else this.#refused(response.status, response.reason);
        acknowledged += 1;
      },
      failed: (why) => {
        this.#host.count(`INVITE ${why}`);
        this.#refused(why === 'timeout' ? 408 : 500);
      },
    });
    if (this.#cancelled) this.#outgoing.cancel();
  }

  #answered(draft: RequestDraft, response: Message, request: Message, attempt: number): void {
    const b = dialogOfResponse(draft, response);
    const first = this.#b === undefined;
    if (first && request.body === '' && !this.#cancelled) this.#delayedAck = { cseq: response.cseq };
    else if (!this.#delayedAck) void this.#host.sendAck(ackOf(b, response.cseq), nextHopOf(b), attempt);
    if (this.#cancelled || (!first && b.remoteTag !== this.#b?.remoteTag)) {
      if (attempt === 0 || !this.#cancelled) this.#bye(b); // it answered too late, or another fork did before
      return;
    }
    if (!first) return;
    this.#b = b;
    this.#answer = response.body;
    this.#host.count('calls answered');
    this.#host.changed(this); // the backup knows it before the caller does
    if (this.#invite) this.#respondAnswered(this.#invite);
  }

  #respondAnswered(transaction: ServerTransaction): void {
    const lines = [`Contact: <${this.#host.contact}>`];
    if (this.#answer !== '') lines.push('Content-Type: application/sdp');
    transaction.respond(200, { toTag: this.#a.localTag, lines, body: this.#answer }, () => {
      this.#host.count('calls without ACK');
      this.#hangUp('a');
      this.#hangUp('b');
      this.#finish();
    });
  }

  #refused(status: number, reason?: string): void {
    const toTag = this.#a.localTag;
    this.#invite?.respond(status, reason === undefined ? { toTag } : { toTag, reason });
    this.#finish();
  }

  /** Sends on what the other leg asked, and its answer back. */
  #relay(transaction: ServerTransaction, to: Leg): void {
    const { request } = transaction;
    const dialog = to === 'a' ? this.#a : this.#b;
    const invite = request.method === 'INVITE';
    if (!dialog || (invite && this.#reinviting)) {
      transaction.respond(491); // RFC 3261 14.2
      return;
    }
    if (invite) {
      this.#reinviting = true;
      transaction.respond(100);
    }
    const asked = next(dialog);
    this.#set(to, asked);
    this.#host.changed(this);
    const lines = [...typeLines(request), ...(invite ? [`Contact: <${this.#host.contact}>`] : [])];
    const draft = inDialog(asked, request.method, lines, request.body);
    let acknowledged = 0;
    void this.#host.send(draft, nextHopOf(asked), {
      final: (response) => {
        if (invite && response.status < 300) {
          const now = refreshed((to === 'a' ? this.#a : this.#b) ?? asked, response);
          this.#set(to, now);
          void this.#host.sendAck(ackOf(now, response.cseq), nextHopOf(now), acknowledged);
          acknowledged += 1;
        }
        this.#reinviting = invite ? false : this.#reinviting;
        this.#host.changed(this);
        transaction.respond(response.status, { ...this.#answerOf(response), reason: response.reason });
      },
      failed: (why) => {
        this.#reinviting = invite ? false : this.#reinviting;
        this.#host.count(`${request.method} ${why}`);
        transaction.respond(why === 'timeout' ? 408 : 500);
      },
    });
  }

  #hangUp(leg: Leg): void {
    const dialog = leg === 'a' ? this.#a : this.#b;
    if (dialog) this.#bye(dialog);
  }

  #bye(dialog: Dialog): void {
    void this.#host.send(inDialog(next(dialog), 'BYE'), nextHopOf(dialog), {
      final: (response) => {
        if (response.status >= 300) this.#host.count(`${response.status} to BYE`);
      },
      failed: (why) => this.#host.count(`BYE ${why}`),
    });
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.over(this);
  }

  #set(leg: Leg, dialog: Dialog): void {
    if (leg === 'a') this.#a = dialog;
    else this.#b = dialog;
  }

  #answerOf(response: Message): { toTag: string; lines: string[]; body: string } {
    const lines = [`Contact: <${this.#host.contact}>`, ...typeLines(response)];
    return { toTag: this.#a.localTag, lines, body: response.body };
  }
}

function typeLines(message: Message): string[] {
  const type = message.value(Header.ContentType);
  return type === undefined || message.body === '' ? [] : [`Content-Type: ${type}`];
}
