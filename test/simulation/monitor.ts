import { decodeBinding } from '../../proxy/store/codec.ts';
import { parseKey, tokenKeyKey } from '../../proxy/store/keys.ts';
import { HEARTBEAT, type Binding } from '../../proxy/store/records.ts';
import { DOMAIN } from './names.ts';
import type { ProxyModel } from './proxy-model.ts';
import type { ProxyProcess } from './proxy-process.ts';
import type { ServerPair } from './server-pair.ts';
import type { World } from './world.ts';

/** How often the proxies' bindings are compared with what servers granted, ms. */
const LOOK = 5000;
/** A dead proxy's lease of 10 s has run out and every other one was told, ms. */
const LEASE = 13_000;
/** What a switch may take beyond its bound: a tick, and a packet's way, ms. */
const SLACK = 600;

/** How far two clocks are apart at most without being set, ms. */
const SKEW = 1000;
/** More than all calls and registrations of a minute make: of each thing that a proxy remembers. */
const REMEMBERED = 400;

/** What every proxy knows of the others by then, ms. */
const NEWS = 3000;
const JUST_TOLD = 'what was told just now';

/** Invariants of the proxies' state: watched all along, and judged at the end. */
export class Monitor {
  readonly #world: World;
  /** Since when a pair has had nobody who serves. */
  readonly #lostAt = new Map<ServerPair, number>();
  switches = 0;

  constructor(world: World) {
    this.#world = world;
    world.clock.every(LOOK, () => this.#bindings());
  }

  /** Who serves has changed: the proxies must see it in time. */
  pairChanged(pair: ServerPair): void {
    const { clock } = this.#world;
    const [member, second] = pair.serving;
    if (member === undefined && !this.#lostAt.has(pair)) this.#lostAt.set(pair, clock.now);
    if (member === undefined || second !== undefined) return;
    const { changedAt, changes } = pair;
    const lostAt = this.#lostAt.get(pair) ?? changedAt;
    this.#lostAt.delete(pair);
    const { interval, timeout, recheck } = this.#world.oosCheck;
    const slow = changedAt - lostAt > 29_000 ? changedAt + recheck : 0;
    const bound = Math.max(lostAt + interval + timeout, changedAt + 500, slow) + SLACK;
    clock.at(bound, () => {
      if (pair.changes !== changes) return;
      for (const proxy of this.#world.proxies) {
        const active = this.#judged(proxy, pair, lostAt, bound);
        if (active === undefined) continue;
        this.switches++;
        if (active !== member.role) {
          this.#world.violation(
            'SwitchedLate',
            `${proxy.name} holds ${active} of ${pair.name} for active; ${member.role} has served for ${Math.round(bound - changedAt)} ms`,
          );
        }
      }
    });
  }

  /** A proxy was killed: when its lease has run out the others must know. */
  proxyDied(proxy: ProxyModel): void {
    const { clock, faults } = this.#world;
    const diedAt = clock.now;
    clock.after(LEASE, () => {
      if (proxy.process !== undefined || proxy.startedAt >= diedAt) return;
      for (const other of this.#world.processes) {
        const hindered = faults.faults.some((fault) => !fault.hosts.includes(proxy.name) && fault.to + 8000 >= diedAt);
        if (!hindered && other.readyAt < diedAt && other.replica.proxies.has(proxy.name)) {
          this.#world.violation(
            'DeadProxyKnown',
            `${other.place.name} still knows ${proxy.name}, which died ${LEASE} ms ago`,
          );
        }
      }
    });
  }

  /** What a proxy holds that could know; undefined: something hindered it. */
  #judged(proxy: ProxyModel, pair: ServerPair, from: number, to: number): string | undefined {
    const { process } = proxy;
    if (process === undefined || proxy.config.geoLocation !== pair.site || process.readyAt > from - 8000)
      return undefined;
    const links = this.#world.faults.faults.some(
      (fault) =>
        fault.from <= to &&
        fault.to + 8000 >= from &&
        (fault.hosts.includes(proxy.name) || fault.between !== undefined),
    );
    if (links) return undefined;
    const known = process.upstreams.pairNamed(pair.name);
    return known === undefined ? undefined : (known.active?.role ?? 'none');
  }

  /** No binding without a server's 2xx. */
  #bindings(): void {
    for (const { process } of this.#world.proxies) {
      if (process === undefined) continue;
      if (process.core.counts.internalErrors > 0)
        this.#world.violation('InternalError', `${process.place.name} could not handle a message`);
      this.#bounded(process);
      for (const binding of process.replica.allBindings(this.#world.clock.now)) {
        const why = this.#world.truth.objection(
          userOf(binding),
          binding.contact,
          binding.stamp.callId,
          binding.stamp.cseq,
        );
        if (why !== undefined)
          this.#world.violation(
            'NotGranted',
            `${process.place.name} holds ${binding.aor} at ${binding.contact}: ${why}`,
          );
        const end = this.#world.truth.endOf(binding.stamp.callId, binding.stamp.cseq);
        if (end !== undefined && binding.expires > end + this.#world.options.clockStep + SKEW) {
          this.#world.violation(
            'LivesTooLong',
            `${process.place.name} holds ${binding.aor} for ${Math.round(binding.expires - end)} ms longer than granted`,
          );
        }
      }
    }
  }

  #bounded({ layer, core, replica, timers, place }: ProxyProcess): void {
    const { clients, servers } = layer.counts;
    const { writesWaiting, callsWaiting, callsKnown } = replica.counters;
    const remembered = {
      ...{ clients, servers, unanswered: core.unanswered, copies: core.pendingCopies, timers: timers.size },
      ...{ flows: core.flows.size, writesWaiting, callsWaiting },
      ...{ bindings: replica.bindingRows, proxies: replica.proxies.size },
    };
    for (const [what, count = 0] of Object.entries(remembered))
      if (count > REMEMBERED) this.#world.violation('Unbounded', `${place.name} has ${count} ${what}`);
    const { legs } = this.#world.ledger;
    if (callsKnown !== undefined && callsKnown > legs)
      this.#world.violation('Unbounded', `${place.name} knows ${callsKnown} calls of ${legs}`);
  }

  /** After all is healed: every proxy knows the same, and what servers and phones agreed on last. */
  replicasEqual(): void {
    const world = this.#world;
    const [first, ...others] = world.processes;
    if (first === undefined) return;
    const known = live(first, world);
    for (const process of others) {
      const theirs = live(process, world);
      for (const key of new Set([...known.keys(), ...theirs.keys()])) {
        if (known.get(key) === theirs.get(key) || [known.get(key), theirs.get(key)].includes(JUST_TOLD)) continue;
        if ([first, process].some((one) => hasJustRemoved(one, key, world))) continue;
        world.violation(
          'ReplicasDiffer',
          `${key}: ${first.place.name} has ${known.get(key) ?? 'nothing'}, ${process.place.name} has ${theirs.get(key) ?? 'nothing'}`,
        );
      }
    }
    this.#stored(known);
    this.#latest(first);
    for (const process of world.processes) {
      for (const { place } of world.processes) {
        if (!process.replica.proxies.has(place.name))
          world.violation('ProxyUnknown', `${process.place.name} does not know ${place.name}`);
      }
      this.#presence(process);
      this.#keys(process, first);
      if (!process.replica.complete) world.violation('NotComplete', `${process.place.name} has not loaded every store`);
    }
  }

  /** The latest news of every proxy is here: which process it is, and how its pairs are. */
  #presence({ place, replica }: ProxyProcess): void {
    const world = this.#world;
    for (const { boot, readyAt, place: other } of world.processes) {
      if (readyAt > world.clock.now - NEWS) continue;
      const known = replica.proxies.get(other.name)?.boot ?? boot;
      if (known !== boot) world.violation('ProxyUnknown', `${place.name} knows ${other.name} as ${known}, not ${boot}`);
      const age = other.now() - (replica.health.get(other.name)?.at ?? 0);
      if (age > 2 * HEARTBEAT + NEWS)
        world.violation('HealthUnknown', `${place.name} has had no health of ${other.name} for ${Math.round(age)} ms`);
    }
  }

  /** All verify with the same keys, and each data centre's store has them all. */
  #keys({ place, replica }: ProxyProcess, first: ProxyProcess): void {
    const [mine, theirs] = [replica.keys.ids().join(), first.replica.keys.ids().join()];
    if (mine !== theirs)
      this.#world.violation('KeysDiffer', `${place.name} has ${mine}, ${first.place.name} has ${theirs}`);
    const { held } = this.#world.etcd(place.config.geoLocation);
    for (const id of replica.keys.ids()) {
      const key = replica.keys.byId(id);
      if (key !== undefined && !held.has(tokenKeyKey(key)))
        this.#world.violation('NotStored', `${place.name} has the key ${tokenKeyKey(key)}, which its store lacks`);
    }
  }

  /** What is known is in a store: a proxy that starts now would know it too. */
  #stored(known: ReadonlyMap<string, string>): void {
    const { clock, etcds, truth } = this.#world;
    const stored = new Set<string>();
    /** Of these a store has what was told just now, and a proxy not yet. */
    const renewed = new Set<string>();
    for (const { held } of etcds) {
      for (const [key, { value }] of held) {
        const parsed = parseKey(key);
        const binding = parsed?.kind === 'binding' ? decodeBinding(parsed, value) : undefined;
        if (binding === undefined) continue;
        const name = `${binding.aor} ${binding.id}`;
        stored.add(`${name} ${versionOf(binding)}`);
        if (truth.toldAt(binding.stamp.callId, binding.stamp.cseq) > clock.now - 2000) renewed.add(name);
      }
    }
    for (const [name, what] of known)
      if (what !== JUST_TOLD && !renewed.has(name) && !stored.has(`${name} ${what}`))
        this.#world.violation('NotStored', `${name} ${what} is in no store`);
  }

  /** What a phone asked for last and a proxy was told is granted is what is known: no removed contact is back. */
  #latest(process: ProxyProcess): void {
    const { truth, phones, clock, proxies } = this.#world;
    for (const { plan, contact } of phones) {
      const latest = truth.latest(contact);
      if (latest?.told === undefined || clock.now - latest.told.at < 1500) continue;
      const { told } = latest;
      // the proxy died before its store had it
      const holder = proxies.find(({ name }) => name === told.proxy);
      if (holder === undefined || holder.startedAt > told.at) continue;
      const bound = process.replica
        .bindings(`${plan.user}@${DOMAIN}`, clock.now)
        .filter((binding) => binding.contact === contact);
      const orders = bound.map(({ stamp }) => truth.orderOf(stamp.callId, stamp.cseq));
      // stamps are read on clocks that may be set wrong
      const near = 2 * this.#world.options.clockStep + SKEW;
      if (bound.some(({ stamp }) => truth.isContested(latest, stamp.callId, stamp.cseq, near))) continue;
      const aged = latest.cameLast + latest.expires * 1000 <= clock.now + 1000;
      if (latest.expires === 0 && bound.length > 0) {
        this.#world.violation('BackFromTheDead', `${plan.user} has unregistered and is bound to ${contact}`);
      } else if (latest.expires > 0 && !aged && !orders.some((order) => order >= latest.order)) {
        this.#world.violation(
          'Forgotten',
          `${plan.user} was registered through ${told.proxy}; known: ${orders.join() || 'nothing'} instead of ${latest.order}`,
        );
      }
    }
  }

  /** Everything has ended. */
  end(): void {
    for (const process of this.#world.processes) {
      const { layer, core, replica, place } = process;
      const leak = (what: string, count: number): void => {
        if (count !== 0) this.#world.violation('NotEmpty', `${place.name} has ${count} ${what}`);
      };
      leak('client transactions', layer.counts.clients);
      leak('server transactions', layer.counts.servers);
      leak('unanswered requests', core.unanswered);
      leak('pending copies', core.pendingCopies);
      leak('writes that wait', replica.counters['writesWaiting'] ?? 0);
      leak('bindings', replica.counts(place.now()).bindings);
      leak('timers', process.timers.size - core.flows.size);
    }
  }
}

function versionOf({ contact, expires, stamp }: Binding): string {
  return `${contact} until ${expires} by ${stamp.callId} ${stamp.cseq}`;
}

function userOf(binding: Binding): string {
  return binding.aor.replace(/@.*$/, '');
}

/** A phone's leaving is known here, and not yet there. */
function hasJustRemoved({ replica }: ProxyProcess, key: string, { truth, clock }: World): boolean {
  const [aor = '', id = ''] = key.split(' ');
  const known = replica.binding(aor, id);
  return known?.removed === true && truth.toldAt(known.stamp.callId, known.stamp.cseq) > clock.now - 2000;
}

function live(process: ProxyProcess, world: World): Map<string, string> {
  const known = new Map<string, string>();
  for (const binding of process.replica.allBindings(world.clock.now)) {
    const { aor, id, expires, stamp } = binding;
    // what is told just now is here and not yet there
    if (world.truth.toldAt(stamp.callId, stamp.cseq) > world.clock.now - 2000) known.set(`${aor} ${id}`, JUST_TOLD);
    else if (expires > world.clock.now + 1000) known.set(`${aor} ${id}`, versionOf(binding));
  }
  return known;
}
