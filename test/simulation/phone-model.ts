import { Header } from '../../proxy/sip/header.ts';
import type { Message } from '../../proxy/sip/message.ts';
import { parseNameAddr } from '../../proxy/sip/name-addr.ts';
import type { ServerTransaction } from '../../proxy/transaction/layer.ts';
import type { Hop } from '../../proxy/transport/hop.ts';
import { register } from '../builders.ts';
import type { Outcome } from './agent.ts';
import { Caller } from './caller.ts';
import { Dialog } from './dialog.ts';
import type { Host } from './network.ts';
import { outgoingCall } from './outgoing-call.ts';
import type { World } from './world.ts';

export interface PhonePlan {
  readonly user: string;
  readonly transport: 'UDP' | 'TCP';
  /** Its contact is not where it can be reached. */
  readonly nated: boolean;
  /** Seconds that it registers for. */
  readonly expires: number;
}

/** How long it waits for an answer to REGISTER before it tries another proxy, ms. */
const PATIENCE = 6000;

/** A phone: registers and stays registered, through another proxy if need be, and makes and takes calls. */
export class PhoneModel extends Caller {
  readonly plan: PhonePlan;
  readonly transport: 'UDP' | 'TCP';
  readonly contact: string;
  /** Since when it has been registered, as far as it knows; undefined: it is not. */
  registeredAt: number | undefined;
  /** Whether it means to be. */
  wanted = false;
  readonly dialogs = new Map<string, Dialog>();
  readonly #ringing = new Map<ServerTransaction, string>();
  #proxy: number;
  #callId: string;
  #cseq = 0;
  #turn = 0;

  constructor(world: World, host: Host, plan: PhonePlan) {
    super(world, host);
    this.plan = plan;
    this.transport = plan.transport;
    const parameters = plan.transport === 'TCP' ? ';transport=tcp' : '';
    const at = plan.nated ? `192.168.1.${world.random.int(2, 250)}` : host.address;
    this.contact = `sip:${plan.user}@${at}:5060${parameters}`;
    this.#proxy = world.random.int(0, world.proxies.length - 1);
    this.#callId = world.unique('reg', host.name);
    this.listen();
  }

  get proxyName(): string {
    return this.world.proxies[this.#proxy]?.name ?? '';
  }

  override proxies(): readonly Hop[] {
    const { proxies } = this.world;
    return proxies
      .map((_, i) => proxies[(this.#proxy + i) % proxies.length])
      .flatMap((proxy) => (proxy === undefined ? [] : [this.hop(this.transport, proxy.host.address)]));
  }

  /** It forgets what it had registered as, and begins anew. */
  reboot(): void {
    this.#callId = this.world.unique('reg', this.host.name);
    this.#cseq = 0;
    this.register();
  }

  register(): void {
    this.wanted = true;
    this.#register(this.plan.expires, false);
  }

  unregister(): void {
    this.wanted = false;
    this.#register(0, false);
  }

  /** It goes off without a word: its registration runs out. */
  retire(): void {
    this.wanted = false;
    this.#turn++;
  }

  override disconnected(): void {
    if (this.transport !== 'TCP' || !this.wanted) return;
    this.registeredAt = undefined;
    this.#elsewhere();
  }

  #register(expires: number, authorized: boolean): void {
    const turn = ++this.#turn;
    const hop = this.proxies()[0];
    if (hop === undefined) return;
    const branch = this.newBranch();
    const text = register({
      from: this.plan.user,
      fromTag: this.world.unique('f', this.plan.user),
      callId: this.#callId,
      cseq: ++this.#cseq,
      branch,
      transport: this.transport,
      sentBy: `${this.host.address}:5060`,
      contact: `<${this.contact}>`,
      expires,
      headers: authorized ? ['Authorization: Digest username="x"'] : [],
    });
    this.world.truth.asked(this.plan.user, this.contact, this.#callId, this.#cseq, expires);
    const ours = (): boolean => turn === this.#turn;
    const transaction = this.ask(text, branch, 'REGISTER', hop, {
      final: (outcome) => {
        if (ours()) this.#answered(outcome, expires, authorized);
      },
    });
    this.world.clock.after(PATIENCE, () =>
      this.host.happens(() => {
        if (!ours() || transaction.lastStatus >= 200) return;
        transaction.abandon();
        this.#elsewhere();
      }),
    );
  }

  #answered(outcome: Outcome, expires: number, authorized: boolean): void {
    if (typeof outcome !== 'string' && outcome.status === 401 && !authorized) {
      this.#register(expires, true);
    } else if (typeof outcome !== 'string' && outcome.status === 200) {
      this.#turn++;
      this.registeredAt = expires === 0 ? undefined : this.world.clock.now;
      if (expires > 0) this.#later(expires * 500, () => this.#register(expires, true));
    } else if (typeof outcome !== 'string' && outcome.status === 503) {
      const seconds = Number(outcome.value(Header.RetryAfter) ?? '1');
      this.#later(seconds * 200, () => this.#elsewhere());
    } else this.#elsewhere();
  }

  /** Another proxy may do better. */
  #elsewhere(): void {
    this.#turn++;
    this.#proxy = (this.#proxy + 1) % this.world.proxies.length;
    this.#later(this.world.random.between(200, 1500), () => this.#register(this.wanted ? this.plan.expires : 0, true));
  }

  #later(ms: number, run: () => void): void {
    const turn = ++this.#turn;
    this.world.clock.after(ms, () => this.host.happens(() => void (turn === this.#turn && run())));
  }

  /** Calls a user of the domain, or a number outside. */
  call(user: string): void {
    outgoingCall(this, this.plan.user, user, (dialog) => void this.dialogs.set(dialog.callId, dialog));
  }

  override request(transaction: ServerTransaction, request: Message): void {
    const dialog = this.dialogs.get(request.callId);
    if (request.toTag !== '') this.#inDialog(transaction, request, dialog);
    else if (request.method !== 'INVITE') this.answer(transaction, 200);
    // RFC 3261 8.2.2.2: the same request over another way
    else if (dialog !== undefined || [...this.#ringing.keys()].some((other) => other.request.callId === request.callId))
      this.answer(transaction, 482);
    else this.#rung(transaction, request);
  }

  #inDialog(transaction: ServerTransaction, request: Message, dialog: Dialog | undefined): void {
    if (dialog === undefined || !dialog.holds(request)) {
      this.answer(transaction, 481, request.toTag);
    } else if (request.method === 'BYE') {
      this.dialogs.delete(dialog.callId);
      this.answer(transaction, 200, request.toTag);
    } else if (request.method === 'INVITE') {
      if (request.cseq <= dialog.remoteCseq) {
        this.answer(transaction, 482, request.toTag);
        return;
      }
      dialog.remoteCseq = request.cseq;
      dialog.refresh(request);
      this.accept(transaction, dialog.localTag, () => undefined);
    } else this.answer(transaction, 200, request.toTag);
  }

  #rung(transaction: ServerTransaction, invite: Message): void {
    const { world } = this;
    const tag = world.unique('to', this.host.name);
    const to = parseNameAddr(invite.value(Header.To) ?? '').uri;
    const call = world.ledger.ofLeg(invite.callId);
    if (!to.includes(`:${this.plan.user}@`)) world.violation('WrongPhone', `${this.plan.user} was rung for ${to}`);
    this.#ringing.set(transaction, tag);
    this.answer(transaction, 180, tag);
    const plan = call?.plan ?? 'Answer';
    if (plan === 'NoAnswer') return;
    world.clock.after(world.random.between(300, 3000), () =>
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

  override cancel(invite: ServerTransaction): void {
    const tag = this.#ringing.get(invite);
    if (tag === undefined) return;
    this.#ringing.delete(invite);
    this.answer(invite, 487, tag);
  }
}
