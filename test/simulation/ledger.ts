import type { Outcome } from './agent.ts';
import type { Caller } from './caller.ts';
import type { Fault } from './fault-log.ts';
import type { Host } from './network.ts';
import type { Random } from './random.ts';
import type { ServerPair } from './server-pair.ts';
import type { World } from './world.ts';

/** By then every proxy knows the member that was promoted, and what waited for it was sent to it, ms. */
const PROMOTED = 9000;
/** A call that was refused sooner was not waiting for a member to be promoted, ms. */
const WAITED = 20_000;

/** A call as the simulation meant it and as it went. */
export interface Call {
  readonly callId: string;
  readonly from: string;
  readonly to: string;
  readonly plan: 'Answer' | 'Busy' | 'NoAnswer';
  readonly startedAt: number;
  readonly caller: Caller;
  /** Who took part, or should have. */
  readonly hosts: Set<Host>;
  /** Since when the callee's registration has been what it is. */
  readonly knownSince: number;
  readonly calleeRegistered: boolean;
  /** The pairs that answered it: more than one if it was offered to another one too. */
  readonly answeredBy: Set<ServerPair>;
  /** The pairs that it was given to. */
  readonly offered: Set<ServerPair>;
  over: boolean;
  /** Its CANCEL took another way than its INVITE. */
  cancelledElsewhere: boolean;
}

/** For so long a request inside a dialog is tried, ms: its own time, and that of the proxies that say nothing. */
const TRIED = 60_000;
const PROXY_FAULTS: ReadonlySet<string> = new Set(['killed', 'power off', 'restart in order', 'rolling restart']);

/** What ends a call or changes it on the caller's side. */
const TO_PAIR: ReadonlySet<string> = new Set(['EndFailed', 'ChangeFailed']);
/** An etcd's faults after which it knows every proxy that lives as before: no lease runs out. */
const AT_ONCE: ReadonlySet<string> = new Set(['store stopped', 'store slow', 'store lost']);
/** By then every proxy knows of a registration, ms. */
const KNOWN = 3000;

const NOBODY: ReadonlySet<ServerPair> = new Set();

/** All calls by the Call-IDs of both their legs, and the judgement on each step. */
export class Ledger {
  readonly #world: World;
  readonly #legs = new Map<string, Call>();
  /** Which pair made a called leg. */
  readonly #made = new Map<string, ServerPair>();
  readonly tally = { begun: 0, answered: 0, refused: 0, failed: 0, excused: 0, ended: 0 };

  constructor(world: World) {
    this.#world = world;
  }

  begin(callId: string, from: string, to: string, caller: Caller, random: Random): Call {
    const { clock, phones } = this.#world;
    const callees = phones.filter((phone) => phone.plan.user === to);
    const through = [...callees, phones.find((phone) => phone === caller)].map((phone) => phone?.proxyName);
    const hosts = new Set<Host>([
      caller.host,
      ...(callees.length === 0 ? [this.#world.sbc] : callees).map(({ host }) => host),
    ]);
    for (const proxy of this.#world.proxies) if (through.includes(proxy.name)) hosts.add(proxy.host);
    const call: Call = {
      callId,
      from,
      to,
      plan: random.chance(0.75) ? 'Answer' : random.chance(0.5) ? 'Busy' : 'NoAnswer',
      startedAt: clock.now,
      caller,
      hosts,
      knownSince: Math.min(clock.now, ...callees.map(({ registeredAt }) => registeredAt ?? clock.now)),
      calleeRegistered:
        callees.length === 0 || callees.some(({ wanted, registeredAt }) => wanted && registeredAt !== undefined),
      answeredBy: new Set(),
      offered: new Set(),
      over: false,
      cancelledElsewhere: false,
    };
    this.#legs.set(callId, call);
    this.tally.begun++;
    return call;
  }

  link(a: string, b: string, pair: ServerPair): void {
    const call = this.#legs.get(a);
    if (call === undefined) return;
    this.#legs.set(b, call);
    this.#made.set(b, pair);
    call.offered.add(pair);
    for (const host of Object.values(pair.hosts)) call.hosts.add(host);
  }

  ofLeg(callId: string): Call | undefined {
    return this.#legs.get(callId);
  }

  answered(callId: string, pair: ServerPair): void {
    this.#legs.get(callId)?.answeredBy.add(pair);
  }

  /** Whose dialogs have this Call-ID; none: nobody's yet. */
  pairsOf(callId: string): ReadonlySet<ServerPair> {
    const made = this.#made.get(callId);
    return made === undefined ? (this.#legs.get(callId)?.answeredBy ?? NOBODY) : new Set([made]);
  }

  setUp(call: Call, outcome: Outcome): void {
    const status = typeof outcome === 'string' ? 0 : outcome.status;
    const meant =
      call.plan === 'Answer' ? status >= 200 && status < 300 : status === (call.plan === 'Busy' ? 486 : 487);
    if (status >= 300 || status === 0) call.over = true;
    if (meant) this.tally[status < 300 ? 'answered' : 'refused']++;
    else if (!call.calleeRegistered) this.tally.excused++;
    else this.#failed(call, 'CallFailed', `${call.from} called ${call.to} (${call.plan}): ${said(outcome)}`);
  }

  changed(call: Call, outcome: Outcome): void {
    if (call.over || (typeof outcome !== 'string' && outcome.status < 300)) return;
    // glare, or a request that crossed the end of the call
    if (typeof outcome !== 'string' && [481, 482, 491].includes(outcome.status)) return;
    this.#failed(call, 'ChangeFailed', `re-INVITE of ${call.callId}: ${said(outcome)}`);
  }

  ended(call: Call, outcome: Outcome): void {
    const over = call.over;
    call.over = true;
    if (typeof outcome !== 'string' && (outcome.status < 300 || (outcome.status === 481 && over))) this.tally.ended++;
    else this.#failed(call, 'EndFailed', `BYE of ${call.callId}: ${said(outcome)}`);
  }

  /** A 2xx to INVITE waits for its ACK for seconds. */
  unacknowledged(callId: string): void {
    const call = this.#legs.get(callId);
    if (call !== undefined && !call.over) this.#failed(call, 'NoAck', `no ACK in ${callId}`);
  }

  /** A server ends the call. */
  hungUp(callId: string): void {
    const call = this.#legs.get(callId);
    if (call !== undefined) call.over = true;
  }

  hungUpBy(callId: string, outcome: Outcome): void {
    const call = this.#legs.get(callId);
    if (call === undefined) return;
    call.over = true;
    // 481: the other side hung up at the same time
    if (typeof outcome !== 'string' && (outcome.status < 300 || outcome.status === 481)) this.tally.ended++;
    else this.#failed(call, 'EndFailedByServer', `the server's BYE of ${callId}: ${said(outcome)}`);
  }

  /** Whether no fault was on its path until then. */
  isUntouched(call: Call, to: number): boolean {
    return this.#touching(call, to).touching.length === 0;
  }

  /** How many Call-IDs there are. */
  get legs(): number {
    return this.#legs.size;
  }

  #failed(call: Call, rule: string, what: string): void {
    this.tally.failed++;
    const { pairs, touching: all } = this.#touching(call, this.#world.clock.now);
    const touching = all.filter((fault) => !this.#isHarmless(fault, call, rule));
    if (touching.length === 0) this.#world.violation(rule, `${what}, though no fault touched it`, call.callId);
    else if (this.#isProxyOnly(rule, touching)) {
      this.#world.violation(
        'DialogLost',
        `${what}, though nothing but proxies failed, and others were there`,
        call.callId,
      );
    } else if (this.#isSwitchOnly(call, rule, touching, pairs)) {
      this.#world.violation(
        rule === 'CallFailed' ? 'SetUpLost' : 'DialogLost',
        `${what}, though nothing but a member failed`,
        call.callId,
      );
    } else this.tally.excused++;
  }

  /** The faults on a call's path until then, and the pairs that it could have been given to. */
  #touching(call: Call, to: number): { pairs: readonly ServerPair[]; touching: readonly Fault[] } {
    const { faults } = this.#world;
    // a proxy that has no pair to give it to sends it to none
    const sites = new Set([...call.hosts].map((host) => this.#world.proxyAt(host)?.config.geoLocation));
    const pairs = this.#world.pairs.filter(({ site }) => sites.has(site));
    const servers = pairs.flatMap(({ hosts }) => Object.values(hosts));
    // where a phone is registered is known by way of the stores
    const stores = this.#world.etcds.map(({ host }) => host);
    const from = Math.min(call.startedAt, call.knownSince - 10_000);
    return { pairs, touching: faults.allTouching([...call.hosts, ...servers, ...stores], from, to) };
  }

  /**
   * An etcd that is away harms no call but by the news that it holds back: where a phone is registered, that a proxy
   * lives, which proxy has the INVITE of a CANCEL, and all that a proxy would know which started meanwhile.
   */
  #isHarmless({ what, from, hosts, between }: Fault, call: Call, rule: string): boolean {
    const { etcds, proxies, phones } = this.#world;
    const isStore = etcds.some(({ host }) => hosts.includes(host.name) || between?.includes(host.address) === true);
    if (!isStore || call.cancelledElsewhere || proxies.some(({ startedAt }) => startedAt >= from)) return false;
    // to its pair a call goes by its token, and to nobody's registration
    if (TO_PAIR.has(rule)) return true;
    if (rule !== 'CallFailed') return false;
    if (!phones.some(({ plan }) => plan.user === call.to)) return true;
    return AT_ONCE.has(what) && call.knownSince < from - KNOWN;
  }

  /** A request inside a dialog gets to its pair through any proxy: it is enough that one is well. */
  #isProxyOnly(rule: string, touching: readonly Fault[]): boolean {
    const { clock, proxies } = this.#world;
    if (rule !== 'EndFailed' && rule !== 'ChangeFailed') return false;
    const well = proxies.some(
      ({ name, process }) =>
        process !== undefined &&
        process.readyAt < clock.now - TRIED &&
        !touching.some(({ hosts, to }) => hosts.includes(name) && to > clock.now - TRIED),
    );
    return well && touching.every(({ what }) => PROXY_FAULTS.has(what));
  }

  /**
   * A member that fails loses no call that was set up, and no set-up that no server had answered: its requests go to
   * the member that is promoted.
   */
  #isSwitchOnly(call: Call, rule: string, touching: readonly Fault[], pairs: readonly ServerPair[]): boolean {
    const { now } = this.#world.clock;
    const calm = pairs.every((pair) => pair.serving.length === 1 && now - pair.changedAt > PROMOTED);
    if (!calm || !touching.every(({ what }) => what.startsWith('member '))) return false;
    return rule === 'CallFailed'
      ? call.plan === 'Answer' && call.offered.size === 0 && now - call.startedAt > WAITED
      : rule === 'EndFailed' || rule === 'ChangeFailed';
  }
}

function said(outcome: Outcome): string {
  return typeof outcome === 'string' ? outcome : String(outcome.status);
}
