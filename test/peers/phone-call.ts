import type { Message } from '../../proxy/sip/message.ts';
import {
  ackOf,
  dialogOfRequest,
  dialogOfResponse,
  inDialog,
  next,
  nextHopOf,
  outOfDialog,
  refreshed,
  type Dialog,
} from './dialog.ts';
import { newTag, type RequestDraft } from './draft.ts';
import type { PhoneLine } from './phone-line.ts';
import type { Reach } from './reach.ts';
import { answering, directionOf, sdp, type Direction } from './sdp.ts';
import { SipRefusal } from './sip-refusal.ts';
import type { ServerTransaction } from './transactions.ts';

/** One call of a phone, from the first INVITE to the BYE. */
export class PhoneCall {
  readonly callId: string;
  readonly incoming: boolean;
  readonly localTag: string;
  /** Every change of the other side's SDP ends here. */
  remoteDirection: Direction = 'sendrecv';
  readonly #line: PhoneLine;
  readonly #ringing = Promise.withResolvers<void>();
  readonly #answered = Promise.withResolvers<this>();
  readonly #ended = Promise.withResolvers<'here' | 'there'>();
  #state: 'calling' | 'up' | 'ended' = 'calling';
  #dialog: Dialog | undefined;
  #invite: ServerTransaction | undefined;
  #reach: Reach | undefined;
  readonly #dropped = new Set<string>();
  #sdpVersion = 1;

  private constructor(line: PhoneLine, callId: string, localTag: string, incoming: boolean) {
    this.#line = line;
    this.callId = callId;
    this.localTag = localTag;
    this.incoming = incoming;
    for (const { promise } of [this.#ringing, this.#answered]) promise.catch(() => undefined); // nobody has to look
  }

  /** Calls `uri`; the call rings, is answered and ends by the promises of that name. */
  static dial(line: PhoneLine, uri: string, lines: readonly string[] = []): PhoneCall {
    const to = `<${uri}>`;
    const media = { address: line.transactions.wire.address, port: 40_000 };
    const draft = outOfDialog(
      'INVITE',
      uri,
      `"${line.user}" <${line.aor}>`,
      to,
      [`Contact: <${line.contact}>`, 'Content-Type: application/sdp', ...lines],
      sdp(media, 1),
    );
    const call = new PhoneCall(line, valueOf(draft, 'Call-ID'), tagOf(valueOf(draft, 'From')), false);
    void call.#send(draft, line.proxy, (response) => call.#answeredBy(draft, response));
    return call;
  }

  /** A call that arrives: it rings. */
  static incoming(line: PhoneLine, invite: ServerTransaction): PhoneCall {
    const { request } = invite;
    const call = new PhoneCall(line, request.callId, newTag(), true);
    call.#invite = invite;
    call.#dialog = dialogOfRequest(request, call.localTag);
    call.remoteDirection = directionOf(request.body);
    invite.respond(180, { toTag: call.localTag, lines: [`Contact: <${line.contact}>`] });
    call.#ringing.resolve();
    return call;
  }

  /** The INVITE that came, as received. */
  get invitedWith(): string {
    return this.#invite?.request.text ?? '';
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Where its in-dialog requests go first: a URI. */
  get nextHop(): string {
    return this.#dialog ? nextHopOf(this.#dialog) : this.#line.proxy;
  }

  /** When the other side rings. */
  get rings(): Promise<void> {
    return this.#ringing.promise;
  }

  /** When it is answered; rejects with SipRefusal. */
  get answered(): Promise<this> {
    return this.#answered.promise;
  }

  /** When it is over, and who ended it. */
  get ended(): Promise<'here' | 'there'> {
    return this.#ended.promise;
  }

  answers(): void {
    const direction = answering(this.remoteDirection);
    const answer = { toTag: this.localTag, lines: this.#sdpLines(), body: this.#sdp(direction) };
    this.#invite?.respond(200, answer, () => this.#line.counter.add('missed ACK'));
    this.#state = 'up';
    this.#answered.resolve(this);
  }

  rejects(status = 486): void {
    this.#invite?.respond(status, { toTag: this.localTag });
    this.#end('here');
  }

  /** Gives up a call that is not answered yet: resolves when its INVITE got its final response. */
  async cancels(through?: string): Promise<void> {
    this.#reach?.cancel(through);
    await this.#answered.promise.then(
      () => this.hangsUp(),
      () => undefined,
    );
  }

  holds(): Promise<void> {
    return this.#offers('sendonly');
  }

  resumes(): Promise<void> {
    return this.#offers('sendrecv');
  }

  async sendsInfo(body = 'Signal=5\r\n'): Promise<void> {
    const { draft } = this.#next('INFO', ['Content-Type: application/dtmf-relay'], body);
    await this.#answerTo(draft);
  }

  async hangsUp(): Promise<void> {
    if (this.#state === 'ended') return;
    const { draft } = this.#next('BYE');
    try {
      await this.#answerTo(draft);
    } catch (error) {
      // both hung up at once, or a proxy died that had passed on the BYE and not yet its 200: the call is over (15.1.1)
      const passedOn = error instanceof SipRefusal && error.status === 481 && (this.#reach?.tries ?? 1) > 1;
      if (!this.hasEnded && !passedOn) throw error;
    } finally {
      this.#end('here');
    }
  }

  /** A request within the call. */
  request(transaction: ServerTransaction): void {
    const { request } = transaction;
    const dialog = this.#dialog;
    if (!dialog || this.#state === 'ended') {
      transaction.respond(481);
    } else if (request.cseq < dialog.remoteCseq) {
      transaction.respond(500); // RFC 3261 12.2.2
    } else {
      this.#dialog = refreshed(dialog, request);
      this.#requested(transaction);
    }
  }

  /** CANCEL for its INVITE. */
  cancelled(): void {
    this.#invite?.respond(487, { toTag: this.localTag });
    this.#end('there');
  }

  #requested(transaction: ServerTransaction): void {
    const { request } = transaction;
    if (request.method === 'BYE') {
      transaction.respond(200);
      this.#end('there');
    } else if (request.method === 'INVITE' || request.method === 'UPDATE') {
      this.remoteDirection = directionOf(request.body);
      this.#sdpVersion += 1;
      transaction.respond(200, { lines: this.#sdpLines(), body: this.#sdp(answering(this.remoteDirection)) }, () =>
        this.#line.counter.add('missed ACK'),
      );
    } else {
      transaction.respond(200);
    }
  }

  #answeredBy(draft: RequestDraft, response: Message): void {
    if (response.status >= 300) {
      this.#refused(response.status, `INVITE to ${draft.uri}: ${response.status} ${response.reason}`);
      return;
    }
    const dialog = dialogOfResponse(draft, response);
    if (this.#dialog) {
      const fork = dialog.remoteTag !== this.#dialog.remoteTag && !this.#dropped.has(dialog.remoteTag);
      if (fork) this.#dropFork(dialog);
      return;
    }
    this.#dialog = dialog;
    this.#state = 'up';
    this.remoteDirection = directionOf(response.body);
    this.#ringing.resolve();
    this.#answered.resolve(this);
  }

  /** A second 2xx of a forked INVITE (RFC 3261 13.2.2.4): acknowledged already, and ended. */
  #dropFork(dialog: Dialog): void {
    this.#dropped.add(dialog.remoteTag);
    const draft = inDialog(next(dialog), 'BYE');
    void this.#line.send(draft, nextHopOf(dialog), { final: () => undefined, failed: () => undefined });
  }

  async #offers(direction: Direction): Promise<void> {
    this.#sdpVersion += 1;
    const { draft } = this.#next('INVITE', this.#sdpLines(), this.#sdp(direction));
    const response = await this.#answerTo(draft);
    this.remoteDirection = directionOf(response.body);
    if (this.#dialog) this.#dialog = refreshed(this.#dialog, response);
  }

  #next(method: string, lines: readonly string[] = [], body = ''): { draft: RequestDraft } {
    if (!this.#dialog) throw new Error(`${method} on a call that is not up`);
    this.#dialog = next(this.#dialog);
    return { draft: inDialog(this.#dialog, method, lines, body) };
  }

  #answerTo(draft: RequestDraft): Promise<Message> {
    return new Promise((resolve, reject) => {
      void this.#send(
        draft,
        this.nextHop,
        (response) => {
          if (response.status < 300) resolve(response);
          else reject(new SipRefusal(response.status, `${draft.method} of ${this.#line.user}: ${response.status}`));
        },
        (why) => reject(new SipRefusal(0, `${draft.method} of ${this.#line.user}: ${why}`)),
      );
    });
  }

  async #send(
    draft: RequestDraft,
    nextHop: string,
    final: (response: Message) => void,
    failed: (why: string) => void = (why) => this.#refused(0, `INVITE to ${draft.uri}: ${why}`),
  ): Promise<void> {
    let acknowledged = 0;
    this.#reach = await this.#line.send(draft, nextHop, {
      provisional: (response) => {
        if (response.status > 100) this.#ringing.resolve();
      },
      final: (response) => {
        if (draft.method === 'INVITE' && response.status < 300) {
          this.#acknowledge(draft, response, acknowledged);
          acknowledged += 1;
        }
        final(response);
      },
      failed,
    });
  }

  /** Every 2xx, repeated or from another fork, has its ACK (RFC 3261 13.2.2.4). */
  #acknowledge(draft: RequestDraft, response: Message, attempt: number): void {
    const answered = dialogOfResponse(draft, response);
    const routes = this.#dialog?.remoteTag === answered.remoteTag ? this.#dialog.routes : answered.routes;
    const dialog = { ...answered, routes };
    void this.#line.sendAck(ackOf(dialog, response.cseq), nextHopOf(dialog), attempt);
  }

  #refused(status: number, message: string): void {
    const refusal = new SipRefusal(status, message);
    this.#ringing.reject(refusal);
    this.#answered.reject(refusal);
    this.#end('there');
  }

  #end(by: 'here' | 'there'): void {
    this.#state = 'ended';
    this.#answered.reject(new SipRefusal(487, 'the call ended before it was answered'));
    this.#ended.resolve(by);
  }

  #sdpLines(): string[] {
    return [`Contact: <${this.#line.contact}>`, 'Content-Type: application/sdp'];
  }

  #sdp(direction: Direction): string {
    return sdp({ address: this.#line.transactions.wire.address, port: 40_000 }, this.#sdpVersion, direction);
  }
}

function valueOf(draft: RequestDraft, name: string): string {
  return draft.lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
}

function tagOf(value: string): string {
  return /;tag=([^;]+)/.exec(value)?.[1] ?? '';
}
