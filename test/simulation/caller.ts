import type { Message } from '../../proxy/sip/message.ts';
import { parseUri } from '../../proxy/sip/uri.ts';
import type { ClientTransaction, ServerTransaction } from '../../proxy/transaction/layer.ts';
import type { Hop } from '../../proxy/transport/hop.ts';
import { respond } from '../builders.ts';
import { Agent, type Outcome } from './agent.ts';
import type { Dialog } from './dialog.ts';
import { CLUSTER_NAME } from './names.ts';

/** How long an agent waits for any response before it tries the name's next address (RFC 3263 4.3), ms. */
const NEXT_ADDRESS = 4000;
const T1 = 500;
const T2 = 4000;
const GIVE_UP = 32_000;

/** An agent that makes and takes calls: 2xx and ACK of INVITE, requests inside dialogs with failover. */
export abstract class Caller extends Agent {
  /** 2xx that wait for their ACK, by Call-ID and CSeq. */
  readonly #unacknowledged = new Map<string, { given: boolean }>();

  abstract get transport(): 'UDP' | 'TCP';
  /** The Contact of its dialogs. */
  abstract readonly contact: string;
  /** Where the cluster's name leads to, best first. */
  abstract proxies(): readonly Hop[];

  /** Where a request of this dialog may go: its first route's addresses, else its target's. */
  hopsOf(dialog: Dialog): readonly Hop[] {
    const first = dialog.routes[0];
    const uri = parseUri(first === undefined ? dialog.target : first.replace(/^[^<]*<([^>]*)>.*$/, '$1'));
    if (uri.host === CLUSTER_NAME) return this.proxies();
    return [this.hop(this.transport, uri.host, uri.port === 0 ? 5060 : uri.port)];
  }

  /** Sends a request inside a dialog, to one address after the other until one answers. */
  inDialog(dialog: Dialog, method: 'INVITE' | 'BYE', done: (outcome: Outcome) => void): void {
    const cseq = ++dialog.cseq;
    const hops = this.hopsOf(dialog);
    let ended = false;
    const attempt = (index: number): void => {
      const hop = hops[index];
      if (hop === undefined) {
        ended = true;
        done('timeout');
        return;
      }
      const branch = this.newBranch();
      const text = dialog.write(method, branch, `${this.host.address}:5060`, this.transport, this.contact, cseq);
      let heard = false;
      let over = false;
      const transaction: ClientTransaction = this.ask(text, branch, method, hop, {
        provisional: () => {
          heard = true;
        },
        final: (outcome) => {
          heard = true;
          if (typeof outcome !== 'string' && outcome.status < 300 && method === 'INVITE')
            this.acknowledge(dialog, outcome);
          if (ended || over) return;
          const goOn = outcome === 'unreachable' || (typeof outcome !== 'string' && outcome.status === 503);
          if (goOn && index + 1 < hops.length) {
            over = true;
            attempt(index + 1);
            return;
          }
          ended = true;
          done(outcome);
        },
      });
      this.world.clock.after(NEXT_ADDRESS, () =>
        this.host.happens(() => {
          if (heard || over || ended || index + 1 >= hops.length || this.closed) return;
          over = true;
          transaction.abandon();
          attempt(index + 1);
        }),
      );
    };
    attempt(0);
  }

  /** The ACK of a 2xx, each time that it comes; if it comes again, its ACK may be lost on the way taken: the next one. */
  acknowledge(dialog: Dialog, answer: Message, count = 0): void {
    const hops = this.hopsOf(dialog);
    const hop = hops[count % Math.max(1, hops.length)];
    if (hop === undefined) return;
    const text = dialog.write(
      'ACK',
      this.newBranch(),
      `${this.host.address}:5060`,
      this.transport,
      this.contact,
      answer.cseq,
    );
    this.transmit(text, hop);
  }

  /** Answers an INVITE with 2xx, again and again until its ACK comes (RFC 3261 13.3.1.4). */
  accept(transaction: ServerTransaction, toTag: string, lost: () => void): void {
    const { request } = transaction;
    const text = respond(request, 200, { toTag, contact: `<${this.contact}>` });
    const key = `${request.callId} ${request.cseq}`;
    const waiting = { given: false };
    this.#unacknowledged.set(key, waiting);
    transaction.respond(text, 200);
    const began = this.world.clock.now;
    const again = (interval: number): void => {
      this.world.clock.after(interval, () =>
        this.host.happens(() => {
          if (waiting.given || this.closed) return;
          if (this.world.clock.now - began > GIVE_UP) {
            this.#unacknowledged.delete(key);
            lost();
            return;
          }
          if (interval === T2) this.world.ledger.unacknowledged(request.callId);
          transaction.respond(text, 200);
          again(Math.min(2 * interval, T2));
        }),
      );
    };
    again(T1);
  }

  override ack(ack: Message): void {
    const key = `${ack.callId} ${ack.cseq}`;
    const waiting = this.#unacknowledged.get(key);
    if (waiting === undefined) return;
    waiting.given = true;
    this.#unacknowledged.delete(key);
  }

  override unmatchedCancel(transaction: ServerTransaction): void {
    this.answer(transaction, 481);
  }

  answer(transaction: ServerTransaction, status: number, toTag?: string, headers: readonly string[] = []): void {
    const tag = toTag ?? this.world.unique('t', this.host.name);
    transaction.respond(respond(transaction.request, status, { toTag: tag, headers }), status);
  }
}
