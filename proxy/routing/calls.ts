import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { NOWHERE, type Timer } from '../transaction/timers.ts';
import type { Pair } from '../upstream/pair.ts';
import type { Core } from './core.ts';
import type { Received } from './received.ts';
import type { ResponseContext } from './response-context.ts';
import type { Decision } from './route.ts';

/** How long a call is remembered at the most, ms. */
const LIMIT = 4 * 3600_000;
/** How long calls wait to be written together, ms. */
const GATHER = 100;
/** How long past the end of its session a BYE may come, ms: a BYE is sent before that (RFC 4028 10). */
const SESSION_GRACE = 32_000;
/** How long a challenged INVITE is waited for with credentials, ms: a scanner never sends any. */
const CHALLENGED = 60_000;

/** Call data: which pair holds a Call-ID, from its INVITE to its BYE, and at debug a line in the log for either. */
export class Calls {
  readonly #core: Core;
  readonly #flush: Flush;

  constructor(core: Core) {
    this.#core = core;
    this.#flush = new Flush(core);
  }

  began({ message, member, sender }: Received, decision: Decision | undefined): void {
    if (message.method !== 'INVITE' || message.toTag !== '' || sender === 'Proxy') return;
    this.#core.counts.callsStarted++;
    const pair = decision?.do === 'pair' && decision.remember ? decision.pair : member?.pair;
    if (pair === undefined) return;
    if (decision?.row === 12 && this.#core.replica.call(message.callId) !== undefined)
      this.#core.counts.redialledElsewhere++;
    this.remember(message.callId, pair);
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
    this.#flush.soon();
  }

  /** A request has had its final answer. */
  ended(context: ResponseContext, status: number, pair: Pair | undefined, answer: Message | undefined): void {
    const { counts, log, replica } = this.#core;
    const { message, sender } = context.received;
    if (answer !== undefined) this.#keep(message, answer);
    if (message.method === 'BYE') {
      this.#end(message.callId);
      counts.callsEnded++;
      if (log.isLevelEnabled('debug')) log.debug({ call: message.callId, status }, 'call ended');
      return;
    }
    if (message.method !== 'INVITE' || message.toTag !== '' || sender === 'Proxy') return;
    const answered = status >= 200 && status < 300;
    if (answered) counts.callsAnswered++;
    else counts.callsFailed++;
    // a challenged INVITE comes back under the same Call-ID
    if (status === 401 || status === 407) replica.keepCall(message.callId, this.#core.wall() + CHALLENGED);
    else if (!answered) this.#end(message.callId);
    if (!log.isLevelEnabled('debug')) return;
    const ms = this.#core.now() - context.startedAt;
    log.debug(
      { call: message.callId, status, row: context.row, pair: pair?.name, ms },
      answered ? 'call answered' : 'call failed',
    );
  }

  #end(callId: string): void {
    this.#core.replica.endCall(callId);
    this.#flush.soon();
  }

  /** RFC 4028 8.2: a session that nobody refreshes is over, whether a BYE comes or not. */
  #keep({ method, callId }: Message, answer: Message): void {
    if (method !== 'INVITE' && method !== 'UPDATE') return;
    const seconds = Number.parseInt(answer.value(Header.SessionExpires) ?? '', 10);
    if (seconds > 0) this.#core.replica.keepCall(callId, this.#core.wall() + seconds * 1000 + SESSION_GRACE);
  }
}

/** Calls are written many at a time: soon after the first of them. */
class Flush implements Timer {
  place = NOWHERE;
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  soon(): void {
    if (this.place === NOWHERE) this.#core.timers.schedule(this, this.#core.now() + GATHER);
  }

  expire(): void {
    this.#core.replica.flushCalls();
  }
}
