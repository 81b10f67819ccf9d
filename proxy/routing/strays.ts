import type { Message } from '../sip/message.ts';
import type { ProxyRecord } from '../store/records.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { NOWHERE, type Timer } from '../transaction/timers.ts';
import type { Hop, Transport } from '../transport/hop.ts';
import { proxyOf } from './branch.ts';
import type { Core } from './core.ts';
import type { Target } from './target.ts';
import { forwardResponse, sentByOf } from './forward.ts';
import { handOvers, type Received } from './received.ts';
import { decide, type View } from './route.ts';
import { nextVia } from './source.ts';
import type { Targets } from './targets.ts';
import { flowEnd, type End } from './token.ts';
import { fnv1a } from '../hash.ts';
import { hopToProxy, mayHandOver, wayThrough, type Way } from './way.ts';

/** How long call data take to come at the most, as a rule: gathered for 100 ms, committed, and watched elsewhere. ms */
export const NEWS_OF_CALLS = 400;

/** Looks again when news of a call had their time to come. */
export class LateNews implements Timer {
  place = NOWHERE;
  readonly #again: () => void;

  constructor(again: () => void) {
    this.#again = again;
  }

  expire(): void {
    this.#again();
  }
}

/** Proxies that are gone and whose addresses are remembered. */
const REMEMBERED = 64;
/** An INVITE went to its pair at the first try, or, where the pair switched meanwhile, at the second. */
const TRIES = [1, 2];

/** What came to this proxy and belongs to another one of the shard: CANCELs of its INVITEs, responses to its requests. */
export class Strays {
  readonly #core: Core;
  readonly #targets: Targets;
  readonly #gone = new Map<string, ProxyRecord>();

  constructor(core: Core, targets: Targets) {
    this.#core = core;
    this.#targets = targets;
  }

  /** A proxy's record was withdrawn, or its lease ran out. */
  proxyGone(record: ProxyRecord): void {
    this.#gone.delete(record.name);
    this.#gone.set(record.name, record);
    for (const [name] of this.#gone) if (this.#gone.size > REMEMBERED) this.#gone.delete(name);
  }

  /** The INVITE here that a CANCEL is about which another proxy has handed to this one. */
  inviteOf(received: Received): ServerTransaction | undefined {
    const { handover, message } = received;
    if (handover === undefined || received.sender !== 'Proxy' || !this.#isHere(handover.callee)) return undefined;
    return this.#core.layer.inviteBelow(message, handOvers(received));
  }

  /** Another proxy may have the INVITE of a CANCEL, and have routed it just now: call data takes its time to come. */
  mayComeToKnow({ message, handover }: Received): boolean {
    const { reach, replica } = this.#core;
    return handover === undefined && reach.proxies.size > 1 && replica.call(message.callId) === undefined;
  }

  /** Where a CANCEL goes whose INVITE is not here (row 3 of the routing table); nowhere: nobody knows its call. */
  targetsOfCancel(received: Received, view: View): Target[] {
    const { reach, replica } = this.#core;
    const { message, handover } = received;
    if (handover !== undefined) return this.#handedOn(received, handover.callee);
    const call = replica.call(message.callId);
    if (call === undefined) return [];
    const gone = this.#whereItsInviteWent(received, call.proxy, view);
    const owner = call.proxy === reach.proxy ? undefined : reach.proxies.get(call.proxy);
    const way = owner && wayThrough(owner, flowEnd(owner.name, owner.boot, 0), reach);
    return way === undefined ? gone.map((one) => target([one])) : [target([way, ...gone])];
  }

  /**
   * A response that matches nothing here. Its branch names the proxy that it is for, which gets it as it came; if that
   * one is gone it goes on its way without state (RFC 3261 16.11). Of our own only a 2xx to INVITE still has a meaning
   * (16.7). From or to one of ours only: else anybody could bounce responses off us.
   */
  response(message: Message, from: Hop): void {
    const { copier, counts, identity, outside, reach } = this.#core;
    const { branch } = message.via;
    const writer = proxyOf(branch);
    const next = writer === undefined ? undefined : nextVia(message);
    if (writer === undefined || next === undefined || !(this.#isOneOfOurs(from) || this.#isOneOfOurs(next))) return;
    const owner = identity.proxyOfBranch(writer);
    if (owner !== undefined) {
      const hop = this.#mayPass(owner, from) ? hopToProxy(owner, reach) : undefined;
      if (hop === undefined) return;
      counts.responsesHandedOver++;
      outside.send(message.text, hop);
      return;
    }
    const isSuccess = message.method === 'INVITE' && message.status >= 200 && message.status < 300;
    if (copier.isOurs(branch) && !isSuccess) return;
    const hop = reach.hop(next.transport, next.address, next.port);
    if (hop === undefined) return;
    counts.responsesStateless++;
    outside.send(forwardResponse(message, hop), hop);
  }

  /** Each hand-over of a response leads nearer to its proxy: never a loop. */
  #mayPass(owner: ProxyRecord, from: Hop): boolean {
    const { identity, reach } = this.#core;
    const by = identity.proxyAt(from.address);
    if (by === undefined) return true;
    return owner.geoLocation === reach.geoLocation && by.geoLocation !== reach.geoLocation;
  }

  #isOneOfOurs({ transport, address, port }: Pick<Hop, 'transport' | 'address' | 'port'>): boolean {
    const { upstreams, identity, trust } = this.#core;
    // a stream's remote port may be any
    const member = transport === 'UDP' ? upstreams.memberAt(address, port) : upstreams.memberAtAddress(address);
    const proxy = identity.proxyAt(address) !== undefined || identity.isAt(address, port);
    return member !== undefined || proxy || trust.servers.has({ address });
  }

  #isHere(end: End): boolean {
    const { boot, proxy } = this.#core.reach;
    return end.kind === 'flow' && end.proxy === fnv1a(proxy) && end.boot === fnv1a(boot);
  }

  #handedOn(received: Received, end: End): Target[] {
    const { reach } = this.#core;
    if (received.sender !== 'Proxy' || end.kind !== 'flow' || this.#isHere(end)) return [];
    const count = handOvers(received);
    for (const proxy of reach.proxies.values()) {
      if (fnv1a(proxy.name) !== end.proxy || !mayHandOver(count, proxy, reach)) continue;
      const way = wayThrough(proxy, end, reach, count);
      if (way !== undefined) return [target([way])];
    }
    return [];
  }

  /** The ways that `proxy` sent the INVITE, each with the branch that it would write. */
  #whereItsInviteWent(received: Received, proxy: string, view: View): Way[] {
    const { copier } = this.#core;
    const ways: Way[] = [];
    const decision = decide(received, view);
    for (const { pair, ways: itsWays } of this.#targets.of(decision, received)) {
      const hop = pair?.active === undefined ? undefined : copier.hopToMember(pair.active);
      const tries = itsWays.length > 0 ? itsWays.map((way, i) => ({ way, attempt: i + 1 })) : [];
      if (itsWays.length === 0 && hop !== undefined)
        for (const attempt of TRIES) tries.push({ way: { hop, end: { kind: 'open' } }, attempt });
      for (const { way, attempt } of tries) {
        const sentBy = way.hop === undefined ? undefined : this.#sentBy(proxy, way.hop);
        if (sentBy !== undefined) ways.push({ ...way, as: { name: proxy, sentBy, attempt } });
      }
    }
    return ways;
  }

  #sentBy(proxy: string, { transport, listener }: Hop): string | undefined {
    const { reach } = this.#core;
    if (proxy === reach.proxy) return sentByOf(listener);
    const record = reach.proxies.get(proxy) ?? this.#gone.get(proxy);
    return record && sentByAs(record, transport);
  }
}

function target(ways: readonly Way[]): Target {
  return { pair: undefined, pinned: false, ways };
}

function sentByAs({ addresses }: ProxyRecord, transport: Transport): string | undefined {
  const at = addresses.find((one) => one.transport === transport);
  if (at === undefined) return undefined;
  return at.sentBy ?? (at.address.includes(':') ? `[${at.address}]:${at.port}` : `${at.address}:${at.port}`);
}
