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

/** One request on its way to the first of several targets that answers with something else than 503 (RFC 3263 4.3). */
export class Reach {
  readonly #transactions: Transactions;
  readonly #names: Names;
  readonly #draft: RequestDraft;
  readonly #targets: Remote[];
  readonly #patience: number;
  readonly #listener: ReachListener;
  #client: ClientTransaction | undefined;
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
    const client = this.#client;
    if (client !== undefined)
      client.cancel([], through === undefined ? client.remote : { ...client.remote, address: through });
  }

  #tryNext(why: 'refused' | 'timeout' | 'unresolved'): void {
    const remote = this.#targets.shift();
    if (!remote) {
      this.#listener.failed(why);
      return;
    }
    this.#tries += 1;
    const last = this.#targets.length === 0;
    const branch = newBranch();
    const { wire } = this.#transactions;
    const text = renderRequest(this.#draft, remote.transport, formatAddress(wire), branch);
    let leave = (next: 'refused' | 'timeout'): void => {
      leave = () => undefined;
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
        leave = () => undefined;
        if (response.status === 503 && !last) this.#tryNext('refused');
        else this.#listener.final(response, remote);
      },
      failed: (next) => leave(next),
    });
    this.#client = client;
  }
}
