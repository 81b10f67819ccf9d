import { formatAddress } from './address.ts';
import type { Counter } from './counter.ts';
import { newBranch, renderRequest, type RequestDraft } from './draft.ts';
import type { Names } from './names.ts';
import { Reach, type Patience, type ReachListener } from './reach.ts';
import type { Transactions } from './transactions.ts';

interface LineOptions {
  readonly user: string;
  readonly domain: string;
  readonly transport: 'UDP' | 'TCP';
  readonly proxy: string;
  /** Its address, if undefined. */
  readonly contactHost: string | undefined;
  readonly patience: Patience;
}

/** What a phone's registration and calls send with. */
export class PhoneLine {
  readonly user: string;
  readonly domain: string;
  readonly transport: 'UDP' | 'TCP';
  /** URI of its outbound proxy. */
  readonly proxy: string;
  readonly transactions: Transactions;
  readonly names: Names;
  readonly counter: Counter;
  readonly #contactHost: string | undefined;
  readonly #patience: Patience;

  constructor(options: LineOptions, transactions: Transactions, names: Names, counter: Counter) {
    this.user = options.user;
    this.domain = options.domain;
    this.transport = options.transport;
    this.proxy = options.proxy;
    this.#contactHost = options.contactHost;
    this.#patience = options.patience;
    this.transactions = transactions;
    this.names = names;
    this.counter = counter;
  }

  /** Address of record. */
  get aor(): string {
    return `sip:${this.user}@${this.domain}`;
  }

  get contact(): string {
    const transport = this.transport === 'TCP' ? ';transport=tcp' : '';
    const { address, port } = this.transactions.wire;
    return `sip:${this.user}@${formatAddress({ address: this.#contactHost ?? address, port })}${transport}`;
  }

  /** Sends to the targets of `nextHop` (a URI), one after the other. */
  async send(draft: RequestDraft, nextHop: string, listener: ReachListener): Promise<Reach> {
    const targets = await this.names.targets(nextHop, this.transport);
    return new Reach(this.transactions, this.names, draft, targets, this.#patience, {
      ...listener,
      final: (response, remote) => {
        this.names.answered(nextHop, remote);
        listener.final(response, remote);
      },
    });
  }

  /** An ACK for a 2xx is answered by nothing: when the 2xx comes again, `attempt` chooses another target. */
  async sendAck(ack: RequestDraft, nextHop: string, attempt: number): Promise<void> {
    const targets = await this.names.targets(nextHop, this.transport);
    const remote = targets[attempt % targets.length];
    if (!remote) return;
    const { wire } = this.transactions;
    wire.send(renderRequest(ack, remote.transport, formatAddress(wire), newBranch()), remote);
  }
}
