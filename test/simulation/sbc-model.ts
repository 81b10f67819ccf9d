import type { Message } from '../../proxy/sip/message.ts';
import type { ServerTransaction } from '../../proxy/transaction/layer.ts';
import type { Hop } from '../../proxy/transport/hop.ts';
import { Caller } from './caller.ts';
import { Dialog } from './dialog.ts';
import type { Host } from './network.ts';
import { outgoingCall } from './outgoing-call.ts';
import type { World } from './world.ts';

/** The way outside: takes every call, and brings calls from there. */
export class SbcModel extends Caller {
  readonly transport = 'UDP';
  readonly contact: string;
  readonly dialogs = new Map<string, Dialog>();
  readonly #ringing = new Map<ServerTransaction, string>();

  constructor(world: World, host: Host) {
    super(world, host);
    this.contact = `sip:trunk@${host.address}:5060`;
    this.listen();
  }

  /** It asks the proxies by OPTIONS which of them can take a call. */
  override proxies(): readonly Hop[] {
    return this.world.proxiesFor(this.host).map((proxy) => this.hop('UDP', proxy.host.address));
  }

  call(number: string, user: string): void {
    outgoingCall(this, number, user, (dialog) => void this.dialogs.set(dialog.callId, dialog));
  }

  override request(transaction: ServerTransaction, request: Message): void {
    const dialog = this.dialogs.get(request.callId);
    if (request.toTag === '') {
      if (request.method !== 'INVITE') this.answer(transaction, 200);
      else if (dialog !== undefined) this.answer(transaction, 482);
      else this.#rung(transaction, request);
    } else if (dialog === undefined || !dialog.holds(request)) this.answer(transaction, 481, request.toTag);
    else if (request.method === 'BYE') {
      this.dialogs.delete(dialog.callId);
      this.answer(transaction, 200, request.toTag);
    } else if (request.cseq <= dialog.remoteCseq) this.answer(transaction, 482, request.toTag);
    else {
      dialog.remoteCseq = request.cseq;
      dialog.refresh(request);
      this.accept(transaction, dialog.localTag, () => undefined);
    }
  }

  override cancel(invite: ServerTransaction): void {
    const tag = this.#ringing.get(invite);
    if (tag !== undefined && this.#ringing.delete(invite)) this.answer(invite, 487, tag);
  }

  #rung(transaction: ServerTransaction, invite: Message): void {
    const tag = this.world.unique('to', 'sbc');
    const plan = this.world.ledger.ofLeg(invite.callId)?.plan ?? 'Answer';
    this.answer(transaction, 183, tag);
    this.#ringing.set(transaction, tag);
    if (plan === 'NoAnswer') return;
    this.world.clock.after(this.world.random.between(200, 2000), () =>
      this.host.happens(() => {
        if (!this.#ringing.delete(transaction)) return;
        if (plan === 'Busy') {
          this.answer(transaction, 486, tag);
          return;
        }
        this.dialogs.set(invite.callId, Dialog.ofInvite(invite, tag));
        this.accept(transaction, tag, () => this.dialogs.delete(invite.callId));
      }),
    );
  }
}
