import { isIP } from 'node:net';
import type { Logger as Log } from 'pino';
import type { OosCheckConfig, ServerConfig } from '../config.ts';
import type { HealthRecord, MemberState, PairHealth } from '../store/records.ts';
import type { Transport } from '../transport/hop.ts';
import { choose } from './balance.ts';
import { Checked } from './checked.ts';
import { MemberNames } from './member-names.ts';
import { Observers } from './observers.ts';
import type { OosEvent } from './oos-check.ts';
import { Pair, type Member } from './pair.ts';

/** How a ping of a member ended: a final status and the round trip in ms, or why there was none. */
export type PingResult =
  | { readonly answered: number; readonly rtt: number }
  | {
      readonly failed:
        | 'Timeout'
        | 'ConnectionRefused'
        | 'Unreachable'
        | 'ConnectionClosed'
        | 'NameNotResolved'
        /** It does not prove to be the member: see the log for why. */
        | 'CertificateRefused';
    };

/** What the upstreams ask of the edges. */
export interface UpstreamsOptions {
  readonly geoLocation: string;
  readonly servers: readonly ServerConfig[];
  readonly oosCheck: OosCheckConfig;
  readonly log: Log;
  now(): number;
  /** 0 to 1: jitter. */
  random(): number;
  /** Sends OPTIONS; the result comes by pinged(). `timeout` in ms. */
  ping(member: Member, timeout: number): void;
  /** Numeric addresses of a member's host name, best first; rejects if there are none. */
  resolve(host: string, port: number, transport: Transport): Promise<readonly { readonly address: string }[]>;
  /** The member that gets the pair's work changed. */
  onSwitch(pair: Pair, from: Member | undefined, to: Member | undefined): void;
  /** health() has news. */
  onChange(): void;
  /** A member is no longer configured: whatever pings it may be closed. */
  forget?(member: Member): void;
}

/** Proxies not heard of for this long are no longer asked about a remote pair, ms. */
const FORGET_AFTER = 24 * 3600_000;
/** A proxy that falls silent changes a majority without a word: how often they are counted again, ms. */
const FOLLOW_EVERY = 5_000;

/**
 * The SIP Servers: which pairs there are, which member of each gets its work, and which pair gets new work. Local
 * pairs are pinged, remote ones are known from what their own data centre's proxies publish. Sans-IO: time is given.
 */
export class Upstreams {
  readonly #options: UpstreamsOptions;
  readonly #observers = new Observers();
  readonly #names: MemberNames;
  #oosCheck: OosCheckConfig;
  #started = false;
  #followDue = Number.POSITIVE_INFINITY;
  #pairs: readonly Pair[] = [];
  #local: readonly Pair[] = [];
  #remote: readonly Pair[] = [];
  readonly #checked = new Map<Pair, Checked>();
  #byName = new Map<string, Pair>();
  #byHash = new Map<number, Pair>();
  /** By numeric address, and by the name that it is configured with: two numbers compare faster than a key can be made. */
  #byHost = new Map<string, Member[]>();

  constructor(options: UpstreamsOptions) {
    this.#options = options;
    this.#oosCheck = options.oosCheck;
    this.#names = new MemberNames(options, (member) => this.#addressChanged(member));
    this.#configure(options.servers);
  }

  get pairs(): readonly Pair[] {
    return this.#pairs;
  }

  /** Begins to ping. `peers`: what the live proxies publish, of whom those of this geo-location say who is active. */
  start(peers: Iterable<HealthRecord>): void {
    const now = this.#options.now();
    for (const record of peers) this.#observers.note(record, now);
    this.#started = true;
    for (const pair of this.#local) this.#begin(pair, now);
    this.#followRemotes(now);
    this.tick(now);
    this.#options.onChange();
  }

  tick(now: number): void {
    this.#names.tick(now);
    if (this.#followDue <= now) this.#followRemotes(now);
    for (const checked of this.#checked.values()) if (checked.next <= now) this.#step(checked, { kind: 'time' }, now);
  }

  /** When tick() is next needed, ms since the epoch. */
  next(): number | undefined {
    let at = Math.min(this.#names.next(), this.#followDue);
    for (const checked of this.#checked.values()) at = Math.min(at, checked.next);
    return Number.isFinite(at) ? at : undefined;
  }

  pinged(member: Member, result: PingResult): void {
    const { role } = member;
    this.#names.pinged(member, !('failed' in result));
    this.#tell(
      member,
      'failed' in result
        ? { kind: 'failed', role, reason: result.failed }
        : { kind: 'answered', role, status: result.answered, rtt: result.rtt },
      this.#options.now(),
    );
  }

  /** A request other than OPTIONS came from this member. */
  requestFrom(member: Member, now: number): void {
    // the common case, for every request of a server
    if (member.pair.active !== member) this.#tell(member, { kind: 'request', role: member.role }, now);
  }

  /** Traffic to this member met a transport error. */
  unreachable(member: Member, now: number): void {
    this.#tell(member, { kind: 'transportError', role: member.role }, now);
  }

  /** Another proxy published its health. A switch in it is a hint to look, not a vote. */
  hint(record: HealthRecord): void {
    const now = this.#options.now();
    const changed = this.#observers.note(record, now);
    for (const name of changed) {
      const pair = this.#byName.get(name);
      if (pair === undefined || pair.geoLocation !== record.geoLocation) continue;
      if (!pair.local) this.#followRemote(pair, now);
      const checked = this.#checked.get(pair);
      const active = this.#observers.activeBy(record.proxy, name);
      if (checked !== undefined && checked.active !== active) this.#step(checked, { kind: 'hint' }, now);
    }
  }

  /** Another proxy's record is gone: it has no vote any more. Of a data centre without any, what was known stays known. */
  proxyGone(proxy: string): void {
    this.#observers.gone(proxy);
  }

  /** Unknown of members that are not pinged from here. */
  stateOf(member: Member): MemberState {
    return this.#checked.get(member.pair)?.stateOf(member.role) ?? 'Unknown';
  }

  pairNamed(name: string): Pair | undefined {
    return this.#byName.get(name);
  }

  /** `hash`: 32-bit FNV-1a of the pair's name. */
  pairByHash(hash: number): Pair | undefined {
    return this.#byHash.get(hash);
  }

  /** `host`: a numeric address, as sockets report it, or, of a URI, the name in lower case that a member is configured with. */
  memberAt(host: string, port: number): Member | undefined {
    const members = this.#byHost.get(host);
    if (members === undefined) return undefined;
    for (const member of members) if (member.port === port) return member;
    return undefined;
  }

  /** By numeric address alone. */
  memberAtAddress(address: string): Member | undefined {
    return this.#byHost.get(address)?.[0];
  }

  /** The local pair for a new call: weighted rendezvous over those that have a member in service. */
  chooseForCall(callId: string, excluded?: Pair): Pair | undefined {
    return choose(this.#local, callId, this.#options.now(), excluded);
  }

  /** The local pair that a dialog nobody knows would have been given: no warming up or Retry-After moves it. */
  chooseForDialog(callId: string): Pair | undefined {
    return choose(this.#local, callId, Number.POSITIVE_INFINITY, undefined);
  }

  /** The local pair for an AOR's REGISTERs: rendezvous over those that have a member in service. */
  chooseForAor(aor: string, excluded?: Pair): Pair | undefined {
    return choose(this.#local, aor, undefined, excluded);
  }

  /** The pair of another data centre for work that no local one can take. */
  chooseRemote(key: string, excluded?: Pair): Pair | undefined {
    return choose(this.#remote, key, this.#options.now(), excluded);
  }

  /** What this proxy sees of its own data centre's pairs, as published. */
  health(_now: number): readonly PairHealth[] {
    return [...this.#checked.values()].map((checked) => checked.health());
  }

  /** Takes a changed configuration. Pairs and members that stay keep what is known of them. */
  reconfigure(servers: readonly ServerConfig[], oosCheck: OosCheckConfig): void {
    const now = this.#options.now();
    this.#oosCheck = oosCheck;
    const moved = this.#configure(servers);
    for (const pair of this.#checked.keys()) if (!this.#local.includes(pair)) this.#checked.delete(pair);
    if (!this.#started) return;
    for (const pair of this.#local) {
      const checked = this.#checked.get(pair);
      if (checked === undefined) this.#begin(pair, now);
      else this.#apply(checked, checked.reconfigure(oosCheck, moved, now), now);
    }
    this.#followRemotes(now);
    this.tick(now);
    this.#options.onChange();
  }

  /** @returns the members that stand in for others of the same pair and role now */
  #configure(servers: readonly ServerConfig[]): ReadonlySet<Member> {
    const { geoLocation } = this.#options;
    const before = new Set(this.#pairs.flatMap((pair) => pair.members));
    const moved = new Set<Member>();
    this.#pairs = servers.map((config) => {
      const known = this.#byName.get(config.name);
      if (known === undefined || known.geoLocation !== config.geoLocation)
        return new Pair(config, config.geoLocation === geoLocation);
      known.weight = config.weight;
      for (const member of known.reconfigure(config)) moved.add(member);
      return known;
    });
    this.#local = this.#pairs.filter((pair) => pair.local);
    this.#remote = this.#pairs.filter((pair) => !pair.local);
    this.#byName = new Map(this.#pairs.map((pair) => [pair.name, pair]));
    this.#byHash = new Map(this.#pairs.map((pair) => [pair.hash, pair]));
    const members = this.#pairs.flatMap((pair) => pair.members);
    for (const member of members) before.delete(member);
    for (const member of before) this.#options.forget?.(member);
    this.#names.follow(members);
    this.#index();
    return moved;
  }

  #index(): void {
    this.#byHost = new Map();
    for (const pair of this.#pairs) {
      for (const member of pair.members) {
        const name = member.host.toLowerCase();
        if (member.address !== '') this.#indexAt(member.address, member);
        // an address may be written in several ways, of which only the canonical one is looked for
        if (isIP(name) === 0) this.#indexAt(name, member);
      }
    }
  }

  #indexAt(host: string, member: Member): void {
    const there = this.#byHost.get(host);
    if (there === undefined) this.#byHost.set(host, [member]);
    else there.push(member);
  }

  #addressChanged(member: Member): void {
    this.#index();
    const checked = this.#checked.get(member.pair);
    if (checked !== undefined) this.#step(checked, { kind: 'hint' }, this.#options.now());
  }

  #begin(pair: Pair, now: number): void {
    const incumbent = this.#observers.incumbent(pair.geoLocation, pair.name, now);
    const checked = new Checked(pair, incumbent, this.#oosCheck, now);
    this.#checked.set(pair, checked);
    this.#switchTo(pair, pair.member(checked.active));
  }

  #tell(member: Member, event: OosEvent, now: number): void {
    const checked = this.#checked.get(member.pair);
    // a result may come for a member that is no longer configured
    if (checked !== undefined && member.pair.members.includes(member)) this.#step(checked, event, now);
  }

  #step(checked: Checked, event: OosEvent, now: number): void {
    const result = checked.step(event, now, () => this.#options.random());
    this.#apply(checked, result, now);
  }

  #apply(checked: Checked, result: ReturnType<Checked['step']>, now: number): void {
    const { pair } = checked;
    this.#switchTo(pair, pair.member(checked.active));
    for (const role of result.pings) {
      const member = pair.member(role);
      if (member === undefined) continue;
      if (member.address !== '') this.#options.ping(member, this.#oosCheck.timeout);
      else if (this.#names.failed(member)) this.#tell(member, { kind: 'failed', role, reason: 'NameNotResolved' }, now);
    }
    if (result.changed) this.#options.onChange();
  }

  #followRemotes(now: number): void {
    this.#followDue = now + FOLLOW_EVERY;
    this.#observers.forgetBefore(now - FORGET_AFTER);
    for (const pair of this.#remote) this.#followRemote(pair, now);
  }

  #followRemote(pair: Pair, now: number): void {
    const active = this.#observers.majority(pair.geoLocation, pair.name, now);
    // what was known stays known where nobody tells any more
    const known = active ?? pair.active?.role;
    if (known !== undefined) this.#switchTo(pair, pair.member(known));
  }

  #switchTo(pair: Pair, member: Member | undefined): void {
    const from = pair.active;
    if (from === member) return;
    pair.active = member;
    const now = this.#options.now();
    if (member === undefined) pair.share.out(now);
    else pair.registers.back(now, pair.share.back(now));
    pair.share.open();
    this.#options.onSwitch(pair, from, member);
  }
}
