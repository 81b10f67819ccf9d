import { type Message, parseMessage, RELAXED_LIMITS } from '../sip/message.ts';
import type { Hop } from '../transport/hop.ts';
import { inviteServer } from './invite-server.ts';
import { Invites } from './invites.ts';
import { compile } from './machine.ts';
import { branchOfBeginning, hasMagicCookie, legacyKey, serverKey, serverKeyBelow } from './matching.ts';
import { nonInviteServer } from './non-invite-server.ts';
import { type ServerSide, ServerTransaction } from './server-transaction.ts';
import { TextMap } from './text-map.ts';
import type { Setting } from './transaction.ts';
import { uses } from './unanswered.ts';

const INVITE = compile(inviteServer);
const NON_INVITE = compile(nonInviteServer);

/** The server transactions of a layer: finds the one that a request belongs to. */
export class Servers implements ServerSide {
  readonly setting: Setting;
  readonly connectionGone: ServerSide['connectionGone'];
  readonly #byKey = new TextMap<ServerTransaction>();
  readonly #invites = new Invites();

  constructor(setting: Setting, connectionGone: ServerSide['connectionGone']) {
    this.setting = setting;
    this.connectionGone = connectionGone;
  }

  /** What byKey() and begin() take with a key. */
  hashOf(key: string): number {
    return this.#byKey.hashOf(key);
  }

  byKey(key: string, hash: number): ServerTransaction | undefined {
    return this.#byKey.find(key, hash);
  }

  /** The INVITE that `ack` acknowledges, if it has its branch, as for a 2xx it hardly ever has, or is for a 3xx to 6xx. */
  ofAck(ack: Message, from: Hop): ServerTransaction | undefined {
    if (hasMagicCookie(ack)) return this.#inviteOf(ack, from) ?? this.#invites.refusedBefore(ack, from.address);
    const { transport } = from;
    // RFC 3261 17.2.3: an ACK's To tag is that of the response, which an INVITE has only within a dialog
    const invite =
      this.#byKey.get(legacyKey(ack, 'INVITE', transport, ack.toTag)) ??
      this.#byKey.get(legacyKey(ack, 'INVITE', transport, ''));
    if (invite === undefined || invite.last === '') return invite;
    return parseMessage(invite.last, RELAXED_LIMITS).toTag === ack.toTag ? invite : undefined;
  }

  /** The INVITE that `cancel` is about. */
  ofCancel(cancel: Message, from: Hop): ServerTransaction | undefined {
    return this.#inviteOf(cancel, from);
  }

  /** The INVITE that `cancel` is about, which came by way of others: `vias` of its Vias are theirs. */
  ofCancelBelow(cancel: Message, vias: number): ServerTransaction | undefined {
    const key = serverKeyBelow(cancel, 'INVITE', vias);
    return key === undefined ? undefined : this.#byKey.get(key);
  }

  /** Whose response began with `sent` and did not get to `hop` (ICMP). Looks at all that there are. */
  ofUndelivered(hop: Hop, sent: string): ServerTransaction | undefined {
    const branch = branchOfBeginning(sent);
    if (branch === undefined) return undefined;
    const start = `${branch}\n`;
    for (const transaction of this.#byKey.values()) {
      if (uses(transaction.hop, hop) && transaction.key.startsWith(start) && transaction.began(sent))
        return transaction;
    }
    return undefined;
  }

  begin(key: string, hash: number, request: Message, from: Hop): ServerTransaction {
    const initial = request.method === 'INVITE' ? INVITE : NON_INVITE;
    const transaction = new ServerTransaction(this, initial, key, request, from);
    this.#byKey.set(transaction, hash);
    if (initial === INVITE) this.#invites.add(transaction);
    this.setting.counts.servers++;
    transaction.start();
    return transaction;
  }

  refused(transaction: ServerTransaction): void {
    this.#invites.refused(transaction);
  }

  ended(transaction: ServerTransaction): void {
    this.setting.counts.servers--;
    this.#byKey.delete(transaction);
    if (transaction.method === 'INVITE') this.#invites.delete(transaction);
  }

  #inviteOf(request: Message, from: Hop): ServerTransaction | undefined {
    const key = serverKey(request, 'INVITE', from.transport);
    return this.#byKey.get(key) ?? (hasMagicCookie(request) ? this.#invites.from(from.address, key) : undefined);
  }
}
