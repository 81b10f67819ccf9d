import type { Message } from '../../../proxy/sip/message.ts';
import { Counter } from '../counter.ts';
import { Names } from '../names.ts';
import type { Tracer } from '../trace.ts';
import { Transactions, type ServerTransaction } from '../transactions.ts';
import { B2bua } from './b2bua.ts';
import { ask, follow, Link, type MemberStateName, type MemberStatus } from './link.ts';
import type { ServerOptions } from './options.ts';
import { Registrar } from './registrar.ts';
import { PairState } from './state.ts';

const allow = 'Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REGISTER';

export interface MemberReport {
  readonly event: MemberStateName | 'following' | 'failed';
  readonly epoch?: number;
  readonly calls?: number;
  readonly why?: string;
}

/** One member of a SIP Server pair: serving, or following the one that does. */
export class Member {
  readonly #options: ServerOptions;
  readonly #report: (report: MemberReport) => void;
  readonly #tracer: Tracer | undefined;
  readonly #counter = new Counter();
  readonly #state = new PairState();
  readonly #names: Names;
  readonly #registrar: Registrar;
  #name: MemberStateName = 'Backup';
  #epoch = 0;
  #following = false;
  #link: Link | undefined;
  #stopFollowing: (() => void) | undefined;
  #transactions: Transactions | undefined;
  #b2bua: B2bua | undefined;
  #promotion: NodeJS.Timeout | undefined;
  #genesysRoute: string | undefined;
  #closed = false;

  constructor(options: ServerOptions, report: (report: MemberReport) => void, tracer?: Tracer) {
    this.#options = options;
    this.#report = report;
    this.#tracer = tracer;
    this.#names = new Names(options.dns);
    this.#registrar = new Registrar(options, this.#state);
    this.#genesysRoute = options.genesysRoute;
  }

  /** A primary serves at once, unless its partner already does; a backup follows. */
  async start(): Promise<void> {
    const { link, peer, role } = this.#options;
    if (link) {
      this.#link = await Link.listen(link, {
        status: () => this.status(),
        promote: () => this.promote(),
        genesysRoute: (uri) => this.#setGenesysRoute(uri),
        snapshot: () => this.#state.snapshot(),
        followerLost: () => void this.#look(),
      });
      const connected = this.#link;
      this.#state.publish = (change) => connected.change(change);
    }
    const partner = peer && role === 'primary' ? await ask(peer, { ask: 'status' }) : undefined;
    if (role === 'primary' && (!partner || partner.state === 'Backup')) await this.#serve();
    else await this.#standBy();
  }

  status(): MemberStatus {
    const { role } = this.#options;
    return {
      role,
      state: this.#name,
      epoch: this.#epoch,
      calls: this.#state.calls.size,
      following: this.#following,
      counts: this.#counter.toJSON(),
    };
  }

  /** Serves after the promotion time; not if it does so or will already. */
  promote(): void {
    if (this.#name !== 'Backup' || this.#closed) return;
    this.#stopFollowing?.();
    this.#following = false;
    this.#enter('Promoting');
    this.#promotion = setTimeout(() => {
      this.#serve().catch((error: unknown) => this.#report({ event: 'failed', why: String(error) }));
    }, this.#options.promotionTime);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#promotion);
    this.#stopFollowing?.();
    this.#link?.close();
    await this.#transactions?.close();
  }

  async #serve(): Promise<void> {
    this.#epoch += 1;
    const transactions = this.#transactions ?? (await this.#open());
    this.#transactions = transactions;
    this.#b2bua = new B2bua(this.#options, this.#state, transactions, this.#names, this.#counter);
    this.#b2bua.genesysRoute = this.#genesysRoute;
    this.#enter('Active');
  }

  async #standBy(): Promise<void> {
    const closed = this.#options.backupMode === 'closed';
    // Whoever hears that it stands by finds its port open.
    if (!closed) this.#transactions ??= await this.#open();
    this.#b2bua = undefined;
    this.#state.clear();
    this.#enter('Backup');
    if (closed) {
      await this.#transactions?.close();
      this.#transactions = undefined;
    }
    if (this.#options.peer) this.#follow(this.#options.peer);
  }

  #follow(peer: NonNullable<ServerOptions['peer']>): void {
    this.#stopFollowing = follow(peer, this.#options.heartbeatTimeout, {
      snapshot: (epoch, changes) => {
        this.#epoch = epoch;
        this.#following = true;
        this.#state.clear();
        for (const change of changes) this.#state.apply(change);
        this.#report({ event: 'following', epoch, calls: this.#state.calls.size });
      },
      change: (change) => this.#state.apply(change),
      lost: () => this.promote(),
    });
  }

  /** Our follower is gone: if it serves now (we were paused), step down. */
  async #look(): Promise<void> {
    const { peer, onDual } = this.#options;
    if (!peer || onDual === 'stay' || this.#name !== 'Active' || this.#closed) return;
    const partner = await ask(peer, { ask: 'status' });
    if (!partner || partner.state === 'Backup' || partner.epoch < this.#epoch || this.#closed) return;
    this.#link?.dropFollowers();
    await this.#standBy();
  }

  #open(): Promise<Transactions> {
    return Transactions.open(
      { ...this.#options.listen, tcp: true, tracer: this.#tracer, counter: this.#counter },
      {
        request: (transaction) => this.#requested(transaction),
        cancelled: (invite) => this.#b2bua?.cancelled(invite),
        acknowledged: (ack: Message) => this.#b2bua?.acknowledged(ack),
        lost: (remote) => this.#names.suspect(remote),
      },
    );
  }

  #requested(transaction: ServerTransaction): void {
    const { method, toTag } = transaction.request;
    if (!this.#b2bua) this.#requestedAsBackup(transaction);
    else if (toTag !== '') this.#b2bua.request(transaction);
    else if (method === 'INVITE') this.#b2bua.invite(transaction);
    else if (method === 'REGISTER') this.#registrar.register(transaction);
    else if (method === 'OPTIONS') transaction.respond(200, { lines: [allow] });
    else if (method === 'BYE') transaction.respond(481);
    else transaction.respond(405, { lines: [allow] });
  }

  #requestedAsBackup(transaction: ServerTransaction): void {
    const { backupMode } = this.#options;
    if (backupMode === 'silent' || backupMode === 'closed') return;
    transaction.respond(transaction.request.method === 'OPTIONS' ? Number(backupMode) : 503);
  }

  #setGenesysRoute(uri: string | undefined): void {
    this.#genesysRoute = uri;
    if (this.#b2bua) this.#b2bua.genesysRoute = uri;
  }

  #enter(name: MemberStateName): void {
    this.#name = name;
    this.#report({ event: name, epoch: this.#epoch, calls: this.#state.calls.size });
  }
}
