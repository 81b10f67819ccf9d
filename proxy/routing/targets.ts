import type { Binding } from '../store/records.ts';
import type { Pair } from '../upstream/pair.ts';
import type { Core } from './core.ts';
import type { Target } from './target.ts';
import { handOvers, type Received } from './received.ts';
import type { Decision } from './route.ts';
import { OPEN, pairEnd } from './token.ts';
import {
  distinct,
  isAtEnd,
  isSameWay,
  waysByAddress,
  waysByFlow,
  waysToDevice,
  waysToEnd,
  waysToRemotePair,
  type Way,
} from './way.ts';

const NONE: readonly Binding[] = [];
/** The row of the routing table by which a server names one contact of a phone. */
const BOUND_CONTACT = 13;

/** Turns what was decided into the target set (RFC 3261 16.5): which copies there will be, and each one's ways. */
export class Targets {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  of(decision: Decision, received: Received): Target[] {
    switch (decision.do) {
      case 'answer':
        return [];
      case 'pair':
        return this.#pair(decision.pair, decision.pinned, received);
      case 'register':
        return this.#pair(decision.pair, false, received);
      case 'uri':
        return [
          {
            pair: undefined,
            pinned: false,
            ways: [{ ...decision, hop: undefined, end: OPEN }],
          },
        ];
      case 'bindings':
        if (decision.end !== undefined) return this.#dialog(decision.bindings, decision.end, received);
        return this.#fork(decision.bindings, decision.row === BOUND_CONTACT ? this.#others(decision.bindings) : NONE);
    }
  }

  #pair(pair: Pair, pinned: boolean, received: Received): Target[] {
    const core = this.#core;
    if (pair.geoLocation === core.config.geoLocation) return [{ pair, pinned, ways: [] }];
    // handed to us for a pair that is not ours either: never handed on twice
    if (received.sender === 'Proxy') return [];
    const ways: Way[] = waysToRemotePair(pair, received.message.callId, core.reach, core.suspects);
    // last of all straight to it: its proxies may be dead, and nobody know it yet
    const hop = pair.active === undefined ? undefined : core.copier.hopToMember(pair.active);
    if (hop !== undefined) ways.push({ hop, end: pairEnd(pair.name, pair.geoLocation) });
    return ways.length === 0 ? [] : [{ pair, pinned, ways }];
  }

  /**
   * One target a device: the flows of one instance are tried in turn, never at once (RFC 5626 5.3). `others`: of the
   * same devices, for when the flows of `bindings` are gone.
   */
  #fork(bindings: readonly Binding[], others: readonly Binding[]): Target[] {
    const { config, reach } = this.#core;
    const newestFirst = config.registration.forking === 'Newest' ? bindings.slice(0, 1) : bindings;
    const byQ = [...newestFirst].sort((a, b) => b.q - a.q);
    const devices = new Map<string, Binding[]>();
    for (const binding of byQ) {
      const device = binding.instance ?? `${binding.aor} ${binding.id}`;
      const known = devices.get(device);
      if (known !== undefined) known.push(binding);
      else devices.set(device, [binding]);
    }
    for (const other of others) devices.get(other.instance ?? '')?.push(other);
    const forks: Target[] = [];
    for (const flows of devices.values()) {
      const ways = waysToDevice(flows, reach);
      const [first] = ways;
      // RFC 3261 16.5: once each. A phone that was set up anew has a new instance, and is where the old one was
      if (first === undefined || forks.some((fork) => leadsOver(fork, first))) continue;
      forks.push({ pair: undefined, pinned: false, ways });
    }
    return forks;
  }

  /** Inside a dialog: the contact's current flow beats the one in the token, since phones reconnect in mid-call. */
  #dialog(bound: readonly Binding[], end: Parameters<typeof waysToEnd>[0], received: Received): Target[] {
    const { reach } = this.#core;
    // of several phones that have this contact, as behind NATs they may, the one whose dialog it is
    const its = bound.length > 1 ? bound.filter((binding) => isAtEnd(binding, end)) : bound;
    const bindings = its.length > 0 ? its : bound;
    const others = this.#others(bindings);
    const ways = distinct([
      ...bindings.flatMap((binding) => waysByFlow(binding, reach)),
      ...waysToEnd(end, reach, handOvers(received), received.handover?.caller ?? OPEN),
      ...others.flatMap((binding) => waysByFlow(binding, reach)),
      ...[...bindings, ...others].flatMap((binding) => waysByAddress(binding, reach)),
    ]);
    return ways.length === 0 ? [] : [{ pair: undefined, pinned: false, ways }];
  }

  /** What else the devices of these bindings have registered: their other flows (RFC 5626). */
  #others(bindings: readonly Binding[]): readonly Binding[] {
    const { replica, wall } = this.#core;
    let others: Binding[] | undefined;
    for (const { aor, instance } of bindings) {
      if (instance === undefined) continue;
      for (const other of replica.bindings(aor, wall())) {
        const isKnown = bindings.some(({ aor: its, id }) => its === aor && id === other.id);
        if (other.instance === instance && !isKnown) (others ??= []).push(other);
      }
    }
    return others ?? NONE;
  }
}

function leadsOver({ ways }: Target, way: Way): boolean {
  const [first] = ways;
  return first !== undefined && isSameWay(first, way);
}
