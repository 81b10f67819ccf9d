import type { Pair } from '../upstream/pair.ts';
import type { Core } from './core.ts';
import type { Received } from './received.ts';
import type { ResponseContext } from './response-context.ts';
import type { Decision } from './route.ts';

/** How long a call is remembered at the most, ms. */
const LIMIT = 4 * 3600_000;

/** Call data: which pair holds a Call-ID, from its INVITE to its BYE, and at debug a line in the log for either. */
export class Calls {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  began({ message, member, sender }: Received, decision: Decision | undefined): void {
    if (message.method !== 'INVITE' || message.toTag !== '' || sender === 'Proxy') return;
    this.#core.counts.callsStarted++;
    const pair = decision?.do === 'pair' && decision.remember ? decision.pair : member?.pair;
    if (pair !== undefined) this.remember(message.callId, pair);
  }

  remember(callId: string, pair: Pair): void {
    const { config, replica } = this.#core;
    const now = this.#core.wall();
    replica.saveCall({
      callId,
      pair: pair.name,
      proxy: config.place.name,
      since: now,
      expires: now + LIMIT,
    });
  }

  /** A request has had its final answer. */
  ended(context: ResponseContext, status: number, pair: Pair | undefined): void {
    const { counts, log, replica } = this.#core;
    const { message, sender } = context.received;
    if (message.method === 'BYE') {
      replica.endCall(message.callId);
      counts.callsEnded++;
      if (log.isLevelEnabled('debug')) log.debug({ call: message.callId, status }, 'call ended');
      return;
    }
    if (message.method !== 'INVITE' || message.toTag !== '' || sender === 'Proxy') return;
    const answered = status >= 200 && status < 300;
    if (answered) counts.callsAnswered++;
    else counts.callsFailed++;
    // a challenged INVITE comes back under the same Call-ID
    if (!answered && status !== 401 && status !== 407) replica.endCall(message.callId);
    if (!log.isLevelEnabled('debug')) return;
    const ms = this.#core.now() - context.startedAt;
    log.debug(
      { call: message.callId, status, row: context.row, pair: pair?.name, ms },
      answered ? 'call answered' : 'call failed',
    );
  }
}
