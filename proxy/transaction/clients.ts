import { cancelFor } from '../sip/cancel.ts';
import type { Message } from '../sip/message.ts';
import type { Hop } from '../transport/hop.ts';
import { sentRequest } from './client-actions.ts';
import { type ClientOwner, type ClientSide, ClientTransaction, nobody } from './client-transaction.ts';
import { branchOfBeginning } from './matching.ts';
import { inviteClient } from './invite-client.ts';
import { compile } from './machine.ts';
import { nonInviteClient } from './non-invite-client.ts';
import { TextMap } from './text-map.ts';
import type { Setting } from './transaction.ts';
import { Unanswered, uses } from './unanswered.ts';

const INVITE = compile(inviteClient);
const NON_INVITE = compile(nonInviteClient);

/** The client transactions of a layer: finds the one that a response, or a failing hop, belongs to. */
export class Clients implements ClientSide {
  readonly setting: Setting;
  readonly #byBranch = new TextMap<ClientTransaction>();
  /** A CANCEL has the branch of its INVITE (RFC 3261 9.1). */
  readonly #cancels = new TextMap<ClientTransaction>();
  readonly #unanswered = new Unanswered();

  constructor(setting: Setting) {
    this.setting = setting;
  }

  /** RFC 3261 17.1.3: by branch and CSeq method, whatever address it came from. */
  ofResponse(response: Message): ClientTransaction | undefined {
    const method = response.method;
    const transaction = this.#of(method).get(response.via.branch);
    return transaction !== undefined && transaction.method === method ? transaction : undefined;
  }

  begin(
    request: string,
    branch: string,
    method: string,
    hop: Hop,
    owner: ClientOwner,
    startedAt: number,
  ): ClientTransaction {
    const initial = method === 'INVITE' ? INVITE : NON_INVITE;
    const transaction = new ClientTransaction(this, initial, request, branch, method, hop, owner, startedAt);
    this.#of(method).set(transaction);
    this.#unanswered.add(transaction);
    this.setting.counts.clients++;
    transaction.start();
    return transaction;
  }

  /** Fails what waits for a response from `hop`; how many that were. */
  fail(hop: Hop): number {
    const failed = this.#unanswered.over(hop);
    for (const transaction of failed) transaction.fail();
    return failed.length;
  }

  /**
   * ICMP: what began with `sent` did not get to `hop`. Fails the request that it was, and others to there that had to be
   * sent again, since one error may stand for many; none that has any response, for whoever can guess a branch can send
   * such an error. How many that were.
   */
  undelivered(hop: Hop, sent: string): number {
    const branch = branchOfBeginning(sent);
    let failed: ClientTransaction[] = [];
    if (branch === undefined) {
      failed = this.#repeatedTo(hop).filter((one) => one.request.startsWith(sent));
    } else {
      const quoted = this.#of(sent.startsWith('CANCEL ') ? 'CANCEL' : '').get(branch);
      if (quoted?.lastStatus === 0 && uses(quoted.hop, hop) && quoted.request.startsWith(sent))
        failed = [quoted, ...this.#repeatedTo(hop).filter((one) => one !== quoted)];
    }
    for (const transaction of failed) transaction.fail();
    return failed.length;
  }

  /** Requests to `hop` that were sent more than once and have no response. */
  #repeatedTo(hop: Hop): ClientTransaction[] {
    const { t1 } = this.setting;
    return this.#unanswered.over(hop).filter(({ lastStatus, interval }) => lastStatus === 0 && interval > t1);
  }

  sendCancel(invite: ClientTransaction): void {
    const text = cancelFor(sentRequest(invite), invite.cancelLines);
    this.begin(text, invite.branch, 'CANCEL', invite.hop, nobody, this.setting.now());
  }

  answered(transaction: ClientTransaction): void {
    this.#unanswered.delete(transaction);
  }

  ended(transaction: ClientTransaction): void {
    this.setting.counts.clients--;
    this.#unanswered.delete(transaction);
    this.#of(transaction.method).delete(transaction);
  }

  #of(method: string): TextMap<ClientTransaction> {
    return method === 'CANCEL' ? this.#cancels : this.#byBranch;
  }
}
