import type { Pair } from '../upstream/pair.ts';
import { Backlog } from './backlog.ts';
import type { Core } from './core.ts';
import { TokenBucket } from './token-bucket.ts';

/** How much new work this proxy and its pairs take (`overload`, and what a pair holds): the routing table asks. */
export class Admission {
  readonly #core: Core;
  readonly #invites: TokenBucket;
  readonly #registers: TokenBucket;
  readonly #backlog = new Backlog();

  constructor(core: Core) {
    this.#core = core;
    this.#invites = new TokenBucket(core.config.overload.invitesPerSecond);
    this.#registers = new TokenBucket(core.config.overload.registersPerSecond);
  }

  reconfigure(): void {
    const { overload } = this.#core.config;
    this.#invites.retune(overload.invitesPerSecond);
    this.#registers.retune(overload.registersPerSecond);
  }

  /** False: refused. */
  readonly admitInvite = (): boolean => {
    const admitted = this.#invites.take(this.#core.now());
    if (!admitted) this.#core.counts.overload++;
    return admitted;
  };

  /** The Retry-After, s; 0: it is admitted. */
  readonly admitRegister = (pair: Pair | undefined): number => {
    const now = this.#core.now();
    if (pair?.registers.full === false && this.#registers.take(now)) {
      this.#backlog.admitted(now);
      return 0;
    }
    if (pair !== undefined) this.#core.counts.overload++;
    return this.#backlog.refused(now, this.#core.random());
  };
}
