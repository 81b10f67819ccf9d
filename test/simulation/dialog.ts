import { Header } from '../../proxy/sip/header.ts';
import type { Message } from '../../proxy/sip/message.ts';
import { parseNameAddr } from '../../proxy/sip/name-addr.ts';
import { request } from '../builders.ts';

/** One side's view of a dialog (RFC 3261 12). */
export class Dialog {
  readonly callId: string;
  readonly localTag: string;
  readonly local: string;
  readonly remote: string;
  remoteTag: string;
  target: string;
  routes: readonly string[];
  cseq: number;
  /** CSeq of the latest request that came. */
  remoteCseq: number;

  constructor(
    of: Pick<
      Dialog,
      'callId' | 'localTag' | 'local' | 'remote' | 'remoteTag' | 'target' | 'routes' | 'cseq' | 'remoteCseq'
    >,
  ) {
    this.callId = of.callId;
    this.localTag = of.localTag;
    this.local = of.local;
    this.remote = of.remote;
    this.remoteTag = of.remoteTag;
    this.target = of.target;
    this.routes = of.routes;
    this.cseq = of.cseq;
    this.remoteCseq = of.remoteCseq;
  }

  /** The callee's: from the INVITE that came. */
  static ofInvite(invite: Message, localTag: string): Dialog {
    return new Dialog({
      callId: invite.callId,
      localTag,
      local: bare(invite.value(Header.To)),
      remote: bare(invite.value(Header.From)),
      remoteTag: invite.fromTag,
      target: contactOf(invite) ?? '',
      routes: invite.values(Header.RecordRoute),
      cseq: 100,
      remoteCseq: invite.cseq,
    });
  }

  /** The caller's: what the 2xx adds to the INVITE that it sent. */
  static ofAnswer(answer: Message): Dialog {
    return new Dialog({
      callId: answer.callId,
      localTag: answer.fromTag,
      local: bare(answer.value(Header.From)),
      remote: bare(answer.value(Header.To)),
      remoteTag: answer.toTag,
      target: contactOf(answer) ?? '',
      routes: answer.values(Header.RecordRoute).toReversed(),
      cseq: answer.cseq,
      remoteCseq: 0,
    });
  }

  /** A 2xx to a re-INVITE refreshes the target (12.2.1.2). */
  refresh(message: Message): void {
    this.target = contactOf(message) ?? this.target;
  }

  /** A request inside it. `cseq`: an ACK's is that of its INVITE. */
  write(method: string, branch: string, sentBy: string, transport: string, contact: string, cseq: number): string {
    return request(method, {
      uri: this.target,
      from: this.local,
      fromTag: this.localTag,
      to: this.remote,
      toTag: this.remoteTag,
      callId: this.callId,
      cseq,
      branch,
      sentBy,
      transport,
      route: this.routes,
      ...(method === 'INVITE' ? { contact } : {}),
    });
  }

  /** Whether a request belongs to it. */
  holds(message: Message): boolean {
    return message.toTag === this.localTag && message.fromTag === this.remoteTag;
  }
}

export function contactOf(message: Message): string | undefined {
  const value = message.values(Header.Contact)[0];
  return value === undefined ? undefined : parseNameAddr(value).uri;
}

function bare(value: string | undefined): string {
  return (value ?? '').replace(/;tag=[^;]*/, '');
}
