import type { Message } from '../../proxy/sip/message.ts';
import { formatAddress } from './address.ts';
import { newBranch, renderRequest, type RequestDraft } from './draft.ts';
import type { Names } from './names.ts';
import type { ClientTransaction, Transactions } from './transactions.ts';
import type { Remote } from './wire.ts';

/** How long a target may stay silent before the next one is tried, ms. Proxies answer an INVITE with 100 at once, other requests when the server did. */
export interface Patience {
  readonly invite: number;
  readonly other: number;
}

export interface ReachListener {
  provisional?(response: Message): void;
  final(response: Message, remote: Remote): void;
  /** No target answered. */
  failed(why: 'refused' | 'timeout' | 'unresolved'): void;
}

/**
 * What a copy of a request gets where another copy was before: an INVITE that is merged (RFC 3261 8.2.2.2), a BYE whose
 * dialog is over (15.1.2), a CSeq that is not new (12.2.2).
 */
const seenBefore: ReadonlySet<number> = new Set([482, 481, 500]);

/**
 * One request on its way to the first of several targets that answers with something else than 503 (RFC 3263 4.3). A
 * target that is left since it is silent may have passed the request on: its answer still counts.
 */
export class Reach {
  readonly #transactions: Transactions;
  readonly #names: Names;
  readonly #draft: RequestDraft;
  readonly #targets: Remote[];
  readonly #patience: number;
  readonly #listener: ReachListener;
  /** Copies that may yet be answered, the newest last. */
  readonly #open = new Set<ClientTransaction>();
  /** A refusal that says that another copy was there before. */
  #held: { readonly response: Message; readonly remote: Remote } | undefined;
  #over = false;
  #tries = 0;

  constructor(
    transactions: Transactions,
    names: Names,
    draft: RequestDraft,
    targets: readonly Remote[],
    patience: Patience,
    listener: ReachListener,
  ) {
    this.#transactions = transactions;
    this.#names = names;
    this.#draft = draft;
    this.#targets = [...targets];
    this.#patience = draft.method === 'INVITE' ? patience.invite : patience.other;
    this.#listener = listener;
    this.#tryNext('unresolved');
  }

  /** How many targets it was sent to. */
  get tries(): number {
    return this.#tries;
  }

  /** `through`: the address of another proxy than the one that has the INVITE. */
  cancel(through?: string): void {
    for (const client of this.#open)
      client.cancel([], through === undefined ? client.remote : { ...client.remote, address: through });
  }

  #tryNext(why: 'refused' | 'timeout' | 'unresolved'): void {
    const remote = this.#targets.shift();
    if (!remote) {
      if (!this.#over) this.#listener.failed(why);
      this.#over = true;
      return;
    }
    this.#tries += 1;
    const last = this.#targets.length === 0;
    const branch = newBranch();
    const { wire } = this.#transactions;
    const text = renderRequest(this.#draft, remote.transport, formatAddress(wire), branch);
    let left = false;
    const leave = (next: 'refused' | 'timeout'): void => {
      if (left) return;
      left = true;
      this.#transactions.stop(timer);
      this.#names.suspect(remote);
      this.#tryNext(next);
    };
    // The last one gets all the time a transaction has.
    const timer = last ? undefined : this.#transactions.after(this.#patience, () => leave('timeout'));
    const client = this.#transactions.send(text, branch, remote, {
      provisional: (response) => {
        this.#transactions.stop(timer);
        this.#listener.provisional?.(response);
      },
      final: (response) => {
        this.#transactions.stop(timer);
        this.#open.delete(client);
        const next = !left && response.status === 503 && !last;
        left = true;
        if (next) this.#tryNext('refused');
        else this.#answered(response, remote);
      },
      failed: (next) => {
        this.#open.delete(client);
        leave(next);
        if (this.#held !== undefined) this.#answered(this.#held.response, this.#held.remote);
      },
    });
    this.#open.add(client);
  }

  #answered(response: Message, remote: Remote): void {
    if (response.status >= 300) {
      if (this.#over) return;
      if (this.#open.size > 0 && seenBefore.has(response.status)) {
        this.#held = { response, remote };
        return;
      }
    }
    this.#over = true;
    this.#listener.final(response, remote);
  }
}
