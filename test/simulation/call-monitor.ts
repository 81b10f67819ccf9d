import type { Message } from '../../proxy/sip/message.ts';
import type { Host } from './network.ts';
import type { ProxyProcess } from './proxy-process.ts';
import type { World } from './world.ts';

/** What changed of a call so long ago every proxy knows, ms. */
const NEWS = 3000;
/** What a restored store lacks is kept for so long for others to write, as proxy/store/calls.ts has it, and then some, ms. */
const REWRITTEN = 140_000;
/** How far clocks are apart, ms. */
const CLOCKS = 2000;
/** Any call is over so long after it began: it rings for a minute, and then lasts for half of one, ms. */
const OVER = 110_000;
/** Statuses that nobody gives but who is called: the call is over. */
const DECLINED: ReadonlySet<number> = new Set([486, 487]);

/** A proxy's run that passed on a call's end, which it knew. */
interface End {
  readonly boot: string;
  readonly at: number;
}

/** What may be wrong with call data. */
interface Doubt {
  readonly rule: 'CallsDiffer' | 'CallNotForgotten';
  readonly text: string;
  readonly callId: string;
}

/** Invariants of call data: all proxies know the same calls on the same pairs, and none that is over. */
export class CallMonitor {
  readonly #world: World;
  /** Requests that begin or end calls, by the run of the proxy that they came to: whether it knew the call then. */
  readonly #requests = new Map<string, boolean>();
  readonly #ends = new Map<string, End[]>();
  /** When a call's INVITE last came to any proxy, and when a message of it last did. */
  readonly #invited = new Map<string, number>();
  readonly #heard = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A message comes to a proxy. */
  arrived(process: ProxyProcess, from: Host, message: Message): void {
    const { clock } = this.#world;
    const { callId, method } = message;
    if (method !== 'INVITE' && method !== 'BYE') return;
    this.#heard.set(callId, clock.now);
    if (!message.isRequest || (method === 'INVITE' && message.toTag !== '')) return;
    if (method === 'INVITE') this.#invited.set(callId, clock.now);
    // whoever handed it over ends it
    if (this.#world.proxyAt(from) !== undefined) return;
    const key = requestKey(process, message);
    if (!this.#requests.has(key))
      this.#requests.set(key, method === 'INVITE' || process.replica.call(callId) !== undefined);
  }

  /** A proxy sends a message. */
  sent(process: ProxyProcess, to: Host, message: Message): void {
    const { clock } = this.#world;
    const { callId, method, status } = message;
    const isEnd = method === 'BYE' ? status === 200 : method === 'INVITE' && DECLINED.has(status);
    if (message.isRequest || !isEnd || this.#world.proxyAt(to) !== undefined) return;
    if (this.#requests.get(requestKey(process, message)) !== true) return;
    const ends = this.#ends.get(callId) ?? [];
    this.#ends.set(callId, [...ends, { boot: process.boot, at: clock.now }]);
  }

  /** What is wrong now; a timer may just have ended a call, and nobody have heard of it. */
  doubts(): ReadonlyMap<string, Doubt> {
    const doubts = new Map<string, Doubt>();
    const doubt = (rule: Doubt['rule'], text: string, callId: string): void => {
      doubts.set(`${rule} ${text}`, { rule, text, callId });
    };
    if (this.#isMixed) return doubts;
    this.#forgotten(doubt);
    this.#equal(doubt);
    return doubts;
  }

  /** What was wrong then and is still so. */
  judge(then: ReadonlyMap<string, Doubt>): void {
    for (const [key, { rule, text, callId }] of this.doubts())
      if (then.has(key)) this.#world.violation(rule, text, callId);
  }

  /** None is remembered whose end came to a proxy that lives, or that no fault touched and that must be over. */
  #forgotten(doubt: (rule: Doubt['rule'], text: string, callId: string) => void): void {
    const world = this.#world;
    const { clock } = world;
    for (const { replica, place } of world.processes) {
      for (const { callId, since } of replica.allCalls()) {
        const call = world.ledger.ofLeg(callId);
        if (call === undefined) {
          doubt('CallNotForgotten', `${place.name} knows ${callId}, which nobody made`, callId);
        } else if (this.#hasEnded(callId, since) && !this.#isLost(callId)) {
          doubt('CallNotForgotten', `${place.name} still knows ${callId}, which has ended`, callId);
        } else if (call.startedAt + OVER < clock.now && world.ledger.isUntouched(call, call.startedAt + OVER)) {
          doubt('CallNotForgotten', `${place.name} still knows ${callId}, which no fault touched`, callId);
        }
      }
    }
  }

  /** Every proxy knows the same calls, each on the same pair. */
  #equal(doubt: (rule: Doubt['rule'], text: string, callId: string) => void): void {
    const world = this.#world;
    const { clock } = world;
    const [first, ...others] = world.processes;
    if (first === undefined) return;
    const known = pairs(first);
    for (const process of others) {
      const theirs = pairs(process);
      for (const callId of new Set([...known.keys(), ...theirs.keys()])) {
        if (known.get(callId) === theirs.get(callId) || clock.now - (this.#heard.get(callId) ?? 0) < NEWS) continue;
        if (this.#isLost(callId)) continue;
        const [a = 'nothing', b = 'nothing'] = [known.get(callId), theirs.get(callId)];
        doubt('CallsDiffer', `${callId}: ${first.place.name} has ${a}, ${process.place.name} has ${b}`, callId);
      }
    }
  }

  /** The stand-in for an older release does not see what it writes of calls while it sees nobody else. */
  get #isMixed(): boolean {
    return this.#world.proxies.some(({ isOlder }) => isOlder);
  }

  /**
   * A store that is lost takes along what it alone has of a call: what a proxy wrote there that is started anew, and that
   * a call ended which was one key, as an older release has it: such leave no mark. One
   * that had not heard of the call's end keeps the call until the others have had the time to write it again, also if
   * it was cut off from a store that forgot its past meanwhile.
   */
  #isLost(callId: string): boolean {
    const { faults, etcds, proxies, ledger, clock, beginsOlder } = this.#world;
    const since = ledger.ofLeg(callId)?.startedAt ?? 0;
    return etcds.some(({ geoLocation, host }) => {
      const lost = faults.faults.filter(
        ({ what, hosts, to }) => what === 'store lost' && hosts.includes(host.name) && to > since,
      );
      const isAnew = proxies.some(({ config, startedAt }) => config.geoLocation === geoLocation && startedAt > since);
      const cut = faults.faults.filter(
        ({ what, between }) => what === 'cut from a store' && between?.includes(host.address) === true,
      );
      return (
        lost.some(() => isAnew || beginsOlder) ||
        [...lost, ...cut].some(({ to }) => to > since && to + REWRITTEN > clock.now)
      );
    });
  }

  /** Not an INVITE that went on, or to another pair, when the call was over: `since` is when it was last begun. */
  #hasEnded(callId: string, since: number): boolean {
    const world = this.#world;
    const { clock } = world;
    const invited = this.#invited.get(callId) ?? 0;
    return (this.#ends.get(callId) ?? []).some(
      ({ boot, at }) =>
        at < clock.now - NEWS &&
        at > invited &&
        at > since - CLOCKS &&
        world.processes.some((process) => process.boot === boot),
    );
  }
}

function requestKey({ boot }: ProxyProcess, { callId, cseq, method }: Message): string {
  return `${boot} ${callId} ${cseq} ${method}`;
}

function pairs({ replica }: ProxyProcess): Map<string, string> {
  return new Map([...replica.allCalls()].map(({ callId, pair }) => [callId, pair]));
}
