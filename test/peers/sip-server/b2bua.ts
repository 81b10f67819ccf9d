import type { Message } from '../../../proxy/sip/message.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { parseNameAddr } from '../../../proxy/sip/name-addr.ts';
import { parseUri } from '../../../proxy/sip/uri.ts';
import { formatAddress } from '../address.ts';
import type { Counter } from '../counter.ts';
import { dialogOfResponse, nextHopOf, outOfDialog } from '../dialog.ts';
import { newBranch, renderRequest, type RequestDraft } from '../draft.ts';
import type { Names } from '../names.ts';
import { Reach, type ReachListener } from '../reach.ts';
import type { ServerTransaction, Transactions } from '../transactions.ts';
import type { Remote } from '../wire.ts';
import { Call, type CallHost, type Leg } from './call.ts';
import type { ServerOptions } from './options.ts';
import type { PairState } from './state.ts';

const patience = { invite: 1000, other: 4000 };

/** The calls of an active member. */
export class B2bua implements CallHost {
  readonly #options: ServerOptions;
  readonly #state: PairState;
  readonly #transactions: Transactions;
  readonly #names: Names;
  readonly #counter: Counter;
  readonly #calls = new Map<string, Call>();
  /** By Call-ID, ours and theirs. */
  readonly #byCallId = new Map<string, Call[]>();
  /** X-Genesys-Route of outgoing INVITEs. */
  genesysRoute: string | undefined;
  #turn = 0;

  /** Takes over what calls the state holds. */
  constructor(options: ServerOptions, state: PairState, transactions: Transactions, names: Names, counter: Counter) {
    this.#options = options;
    this.#state = state;
    this.#transactions = transactions;
    this.#names = names;
    this.#counter = counter;
    this.genesysRoute = options.genesysRoute;
    for (const known of state.calls.values()) {
      this.#add(Call.resume(this, known));
      this.#counter.add('calls taken over');
    }
  }

  get contact(): string {
    return `sip:${this.#options.contactHost ?? formatAddress(this.#options.listen)}`;
  }

  invite(transaction: ServerTransaction): void {
    const { request } = transaction;
    const known = this.#byCallId.get(request.callId)?.find((call) => call.isBegunBy(request));
    if (known) {
      known.invitedAgain(transaction);
      return;
    }
    this.#counter.add('calls begun');
    this.#add(Call.begin(this, transaction));
  }

  cancelled(invite: ServerTransaction): void {
    const { request } = invite;
    const call = this.#byCallId.get(request.callId)?.find((one) => one.isBegunBy(request));
    if (call) call.cancelled();
    else invite.respond(487);
  }

  acknowledged(ack: Message): void {
    for (const call of this.#byCallId.get(ack.callId) ?? []) call.acknowledged(ack);
  }

  /** A request with a To tag. */
  request(transaction: ServerTransaction): void {
    const { callId, toTag } = transaction.request;
    for (const call of this.#byCallId.get(callId) ?? []) {
      const leg: Leg | undefined =
        call.a.callId === callId && call.a.localTag === toTag
          ? 'a'
          : call.b?.callId === callId && call.b.localTag === toTag
            ? 'b'
            : undefined;
      if (leg) {
        call.request(transaction, leg);
        return;
      }
    }
    this.#counter.add('unknown dialog');
    transaction.respond(481);
  }

  outgoing(invite: Message): RequestDraft {
    const { domain } = this.#options;
    const called = parseUri(invite.uri);
    const own = called.host === domain || called.host === this.#options.listen.address;
    const uri = own ? `sip:${called.user}@${domain}` : invite.uri;
    const from = parseNameAddr(invite.value(Header.From) ?? '');
    const lines = [`Contact: <${this.contact}>`];
    const type = invite.value(Header.ContentType);
    if (type !== undefined) lines.push(`Content-Type: ${type}`);
    if (this.genesysRoute !== undefined) lines.push(`X-Genesys-Route: <${this.genesysRoute}>`);
    const display = from.display === '' ? '' : `"${from.display.replaceAll('"', '')}" `;
    return outOfDialog('INVITE', uri, `${display}<${from.uri}>`, `<${uri}>`, lines, invite.body);
  }

  async send(draft: RequestDraft, nextHop: string | undefined, listener: ReachListener): Promise<Reach> {
    const targets = await this.#targets(nextHop);
    return new Reach(this.#transactions, this.#names, draft, targets, patience, {
      ...listener,
      final: (response, remote) => {
        // Whoever took the INVITE is the first to be tried for the rest of its dialog.
        this.#names.answered(nextHop ?? nextHopOf(dialogOfResponse(draft, response)), remote);
        listener.final(response, remote);
      },
    });
  }

  async sendAck(ack: RequestDraft, nextHop: string, attempt: number): Promise<void> {
    const targets = await this.#targets(nextHop);
    const remote = targets[attempt % targets.length];
    if (!remote) return;
    const { wire } = this.#transactions;
    wire.send(renderRequest(ack, remote.transport, formatAddress(wire), newBranch()), remote);
  }

  changed(call: Call): void {
    const { state } = call;
    if (!state || !this.#calls.has(call.id)) return;
    this.#state.change({ call: state });
    this.#index(state.b.callId, call);
  }

  over(call: Call): void {
    this.#counter.add('calls over');
    this.#calls.delete(call.id);
    if (call.state) this.#state.change({ over: call.id });
    for (const callId of [call.a.callId, call.b?.callId]) {
      if (callId === undefined) continue;
      const left = (this.#byCallId.get(callId) ?? []).filter((one) => one !== call);
      if (left.length > 0) this.#byCallId.set(callId, left);
      else this.#byCallId.delete(callId);
    }
  }

  count(what: string): void {
    this.#counter.add(what);
  }

  /** Its proxies are tried in turn, a different one first each time. */
  async #targets(nextHop: string | undefined): Promise<Remote[]> {
    const { outboundName } = this.#options;
    for (const name of [nextHop, outboundName === undefined ? undefined : `sip:${outboundName}`]) {
      const named = name === undefined ? [] : await this.#names.targets(name);
      if (named.length > 0) return named;
    }
    const outbound = this.#options.outbound.map((address): Remote => ({ transport: 'UDP', ...address }));
    this.#turn += 1;
    const first = this.#turn % Math.max(outbound.length, 1);
    return this.#names.ordered([...outbound.slice(first), ...outbound.slice(0, first)]);
  }

  #add(call: Call): void {
    this.#calls.set(call.id, call);
    this.#index(call.a.callId, call);
    if (call.b) this.#index(call.b.callId, call);
  }

  #index(callId: string, call: Call): void {
    const known = this.#byCallId.get(callId) ?? [];
    if (!known.includes(call)) this.#byCallId.set(callId, [...known, call]);
  }
}
