import { ackFor } from '../../proxy/sip/ack.ts';
import { cancelFor } from '../../proxy/sip/cancel.ts';
import { DEFAULT_LIMITS, Message } from '../../proxy/sip/message.ts';
import { SipError } from '../../proxy/sip/sip-error.ts';
import type { Hop } from '../../proxy/transport/hop.ts';
import { respond } from '../builders.ts';
import { type Dialog, dialogOfRequest, dialogOfResponse, inDialog } from '../peers/dialog.ts';
import { renderRequest } from '../peers/draft.ts';
import type { Sent } from '../proxy/routing/scene.ts';
import { Random } from '../simulation/random.ts';
import type { Step } from './conversation.ts';
import { mutateText } from './mutate-text.ts';

interface Said {
  readonly text: string;
  readonly from: Hop;
}

const REMEMBERED = 32;

/** Everybody around the proxy: what they have said and heard, and what they say next in a step that builds on it. */
export class Peers {
  readonly #said: Said[] = [];
  readonly #asked: Sent[] = [];
  readonly #dialogs: { readonly dialog: Dialog; readonly at: Hop }[] = [];
  #branches = 0;

  /** Something has been said to the proxy. */
  said(text: string, from: Hop): void {
    keep(this.#said, { text, from });
  }

  /** The proxy has sent something. */
  heard(sent: Sent): void {
    const { message, hop } = sent;
    if (message.isRequest) {
      if (message.method !== 'ACK' && message.method !== 'CANCEL') keep(this.#asked, sent);
    } else if (message.status >= 200 && message.status < 300 && message.toTag !== '') {
      this.#begins(() => dialogOfResponse({ method: '', uri: 'sip:x', lines: [], body: '' }, message), hop);
    }
  }

  /** What a step that is no `say` makes a peer say; undefined if there is nothing yet to build on. */
  next(step: Step): Said | undefined {
    switch (step.does) {
      case 'again':
        return chosen(this.#said, step.which);
      case 'answer': {
        const asked = chosen(this.#asked, step.which);
        if (asked === undefined) return undefined;
        const { message, hop } = asked;
        const contact = `<sip:peer@${hop.address}:${hop.port}>`;
        if (step.status >= 200 && step.status < 300) {
          this.#begins(() => dialogOfRequest(message, 'to-1'), hop);
        }
        return { text: twisted(respond(message, step.status, { contact }), step.twist), from: hop };
      }
      case 'follow': {
        const found = chosen(this.#dialogs, step.which);
        if (found === undefined) return undefined;
        const { dialog, at } = found;
        const cseq = dialog.localCseq + (step.method === 'ACK' ? 0 : ++this.#branches);
        const draft = inDialog({ ...dialog, localCseq: cseq }, step.method);
        const via = `${at.address}:${at.port}`;
        const text = renderRequest(draft, at.transport, via, `z9hG4bK-follow-${++this.#branches}`);
        return { text: twisted(text, step.twist), from: at };
      }
      case 'hop': {
        const invites = this.#said.filter(({ text }) => text.startsWith('INVITE '));
        const found = chosen(invites, step.which);
        if (found === undefined) return undefined;
        const invite = new Message(found.text, DEFAULT_LIMITS);
        const text = step.method === 'CANCEL' ? cancelFor(invite) : ackFor(invite, invite);
        return { text: twisted(text, step.twist), from: found.from };
      }
      default:
        return undefined;
    }
  }

  /** A Contact that a peer can't read begins no dialog. */
  #begins(dialogOf: () => Dialog, at: Hop): void {
    try {
      keep(this.#dialogs, { dialog: dialogOf(), at });
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
    }
  }
}

function keep<T>(kept: T[], one: T): void {
  kept.push(one);
  if (kept.length > REMEMBERED) kept.shift();
}

/** Counted from the last one. */
function chosen<T>(kept: readonly T[], which: number): T | undefined {
  return kept[kept.length - 1 - (which % Math.max(kept.length, 1))];
}

function twisted(text: string, twist: number): string {
  return twist === 0 ? text : mutateText(text, new Random(twist), text);
}
