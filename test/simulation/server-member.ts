import { Header } from '../../proxy/sip/header.ts';
import type { Message } from '../../proxy/sip/message.ts';
import { parseNameAddr } from '../../proxy/sip/name-addr.ts';
import { parseUri } from '../../proxy/sip/uri.ts';
import type { MemberRole } from '../../proxy/store/records.ts';
import type { ServerTransaction } from '../../proxy/transaction/layer.ts';
import type { Hop } from '../../proxy/transport/hop.ts';
import { respond } from '../builders.ts';
import { Caller } from './caller.ts';
import type { Host } from './network.ts';
import { connectCall } from './server-call.ts';
import type { Leg, ServerCall, ServerPair } from './server-pair.ts';

/** One SIP Server: registrar that asks for credentials, and B2BUA. */
export class ServerMember extends Caller {
  readonly pair: ServerPair;
  readonly role: MemberRole;
  readonly contact: string;
  serving = false;

  constructor(pair: ServerPair, role: MemberRole, host: Host) {
    super(pair.world, host);
    this.pair = pair;
    this.role = role;
    this.contact = `sip:${pair.name}@${host.address}:5060`;
  }

  get transport(): 'UDP' | 'TCP' {
    return this.pair.transport;
  }

  /** Proxies that it knows to answer, those of its own data centre first. */
  override proxies(): readonly Hop[] {
    return this.world.proxiesFor(this.host).map((proxy) => this.hop(this.transport, proxy.host.address));
  }

  override request(transaction: ServerTransaction, request: Message): void {
    if (!this.serving) {
      this.answer(transaction, 503);
      return;
    }
    switch (request.method) {
      case 'OPTIONS':
        this.answer(transaction, 200);
        return;
      case 'REGISTER':
        this.#register(transaction, request);
        return;
      case 'INVITE':
        if (request.toTag === '') this.#invite(transaction, request);
        else this.#again(transaction, request);
        return;
      case 'BYE':
        this.#bye(transaction, request);
        return;
      default:
        this.answer(transaction, request.toTag === '' ? 501 : 481, request.toTag === '' ? undefined : request.toTag);
    }
  }

  override cancel(invite: ServerTransaction): void {
    const call = this.pair.calls.get(invite.request.callId);
    if (call === undefined || call.state !== 'SetUp') return;
    this.pair.forget(call);
    this.world.ledger.hungUp(call.a.callId);
    this.answer(invite, 487);
    this.onCancelled.get(call)?.();
  }

  /** What ends the other leg of a call that is being set up. */
  readonly onCancelled = new Map<ServerCall, () => void>();

  #register(transaction: ServerTransaction, request: Message): void {
    if (!request.has(Header.Authorization)) {
      this.answer(transaction, 401, undefined, ['WWW-Authenticate: Digest realm="x", nonce="y"']);
      return;
    }
    const expires = Number(request.value(Header.Expires) ?? '0');
    const contacts = request.values(Header.Contact);
    const to = parseUri(parseNameAddr(request.value(Header.To) ?? '').uri);
    for (const contact of contacts)
      this.world.truth.granted(to.user, parseNameAddr(contact).uri, request.callId, request.cseq, expires);
    const listed = expires === 0 ? [] : contacts.map((contact) => `Contact: ${contact};expires=${expires}`);
    const text = respond(request, 200, { toTag: this.world.unique('r', this.pair.name), headers: listed });
    transaction.respond(text, 200);
  }

  #invite(transaction: ServerTransaction, request: Message): void {
    const known = this.pair.calls.get(request.callId);
    if (known !== undefined) {
      // the same request over another way, or again to the one that follows the calls
      this.answer(transaction, known.state === 'Ended' ? 481 : 482);
      return;
    }
    connectCall(this, transaction, request);
  }

  #again(transaction: ServerTransaction, request: Message): void {
    const leg = this.#legOf(request);
    if (leg?.dialog === undefined) this.answer(transaction, 481, request.toTag);
    else if (request.cseq <= leg.dialog.remoteCseq) this.answer(transaction, 482, request.toTag);
    else {
      leg.dialog.remoteCseq = request.cseq;
      leg.dialog.refresh(request);
      this.accept(transaction, leg.dialog.localTag, () => undefined);
    }
  }

  #bye(transaction: ServerTransaction, request: Message): void {
    const call = this.pair.calls.get(request.callId);
    const leg = this.#legOf(request);
    if (call === undefined || leg === undefined) {
      this.answer(transaction, 481, request.toTag);
      return;
    }
    this.answer(transaction, 200, request.toTag);
    this.pair.forget(call);
    this.hangUp(leg === call.a ? call.b : call.a);
  }

  /** Ends one leg; the member that speaks then does it. */
  hangUp(leg: Leg): void {
    const { dialog } = leg;
    if (dialog === undefined) return;
    this.world.ledger.hungUp(leg.callId);
    this.inDialog(dialog, 'BYE', (outcome) => this.world.ledger.hungUpBy(leg.callId, outcome));
  }

  #legOf(request: Message): Leg | undefined {
    const call = this.pair.calls.get(request.callId);
    if (call === undefined) return undefined;
    const leg = call.a.callId === request.callId ? call.a : call.b;
    return leg.dialog?.holds(request) === true ? leg : undefined;
  }
}
