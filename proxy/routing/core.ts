import type { Logger as Log } from 'pino';
import type { ProxyConfig } from '../config.ts';
import { DEFAULT_LIMITS, type LimitsConfig, messageLimits } from '../limits.ts';
import type { Defect } from '../sip/defects.ts';
import type { TransactionLayer } from '../transaction/layer.ts';
import type { TimerWheel } from '../transaction/timers.ts';
import type { ProxyRecord } from '../store/records.ts';
import type { Message, ParseLimits } from '../sip/message.ts';
import type { Replica } from '../store/replica.ts';
import type { Connection, Hop } from '../transport/hop.ts';
import type { Reached } from '../transport/resolve.ts';
import type { Member, Pair } from '../upstream/pair.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import { Calls } from './calls.ts';
import type { Trust } from './classify.ts';
import { Arrivals } from './arrivals.ts';
import { Copier } from './copier.ts';
import type { Target } from './target.ts';
import { newCounts, newDefectCounts, type Counts } from './counts.ts';
import { FlowHolds } from './flow-holds.ts';
import { HeldAcks } from './held-acks.ts';
import type { Identity } from './identity.ts';
import { Incoming } from './incoming.ts';
import { Pending } from './pending.ts';
import { FailedTargets } from './failed-targets.ts';
import type { Received } from './received.ts';
import type { ResponseContext } from './response-context.ts';
import type { Decision } from './route.ts';
import { Suspects } from './suspects.ts';
import { TokenSigner } from './token.ts';
import type { Reach } from './way.ts';

/** What the core needs of the outside: everything it does to the world goes through here. */
export interface Outside {
  send(text: string, hop: Hop): void;
  /**
   * RFC 3263: the hops that a URI leads to, best first, for a request of `size` bytes; at once where nothing needs to be
   * looked up. `reached`: it is the contact of whom a dialog is with. Throws or rejects if it leads nowhere.
   */
  resolve(uri: string, size: number, reached?: Reached): readonly Hop[] | Promise<readonly Hop[]>;
  readonly reach: Reach;
}

export interface CoreOptions {
  readonly config: ProxyConfig;
  readonly boot: string;
  readonly log: Log;
  /** What timers go by, ms: it never steps. */
  readonly now: () => number;
  /** The time of day, ms since the epoch: what expiries and stamps are. By default the same. */
  readonly wall?: () => number;
  readonly random: () => number;
  readonly timers: TimerWheel;
  readonly replica: Replica;
  readonly upstreams: Upstreams;
  readonly outside: Outside;
  readonly identity: Identity;
  readonly trust: Trust;
}

/**
 * The proxy's core, without I/O: a message comes in, the routing table decides, copies go out. Time is given; sockets,
 * store and servers are behind `Outside`, the replica and the upstreams.
 */
export class Core {
  readonly counts: Counts = newCounts();
  /** How many messages were refused, by what was wrong with them. */
  readonly defects: Record<Defect, number> = newDefectCounts();
  readonly timers: TimerWheel;
  readonly now: () => number;
  readonly wall: () => number;
  readonly log: Log;
  readonly replica: Replica;
  readonly upstreams: Upstreams;
  readonly signer: TokenSigner;
  readonly boot: string;
  readonly flows: FlowHolds;
  config: ProxyConfig;
  identity: Identity;
  trust: Trust;
  /** How much of a message is read. */
  messageLimits: ParseLimits;
  /** It has been told to end: OPTIONS say so, and new work may go elsewhere. */
  draining = false;
  /** New work is answered 503; what belongs to a dialog or comes from another proxy is not. */
  refusing = false;
  readonly outside: Outside;
  readonly copier: Copier;
  readonly pending = new Pending();
  readonly heldAcks: HeldAcks;
  readonly suspects = new Suspects();
  readonly failedTargets = new FailedTargets();
  readonly arrivals: Arrivals;
  readonly random: () => number;
  /** What comes in: the edges give it messages, the transaction layer what is new in them. */
  readonly incoming: Incoming;
  readonly #calls: Calls;
  #layer: TransactionLayer | undefined;
  #unanswered = 0;
  /** As they were when they last changed. */
  #proxies: ReadonlyMap<string, ProxyRecord> = new Map();

  constructor(options: CoreOptions) {
    this.config = options.config;
    this.messageLimits = messageLimits(this.limits);
    this.boot = options.boot;
    this.log = options.log;
    this.now = options.now;
    this.wall = options.wall ?? options.now;
    this.random = options.random;
    this.timers = options.timers;
    this.flows = new FlowHolds(options.timers);
    this.replica = options.replica;
    this.upstreams = options.upstreams;
    this.outside = options.outside;
    this.identity = options.identity;
    this.trust = options.trust;
    this.copier = new Copier(this, options.config);
    this.#calls = new Calls(this);
    this.heldAcks = new HeldAcks(this);
    this.arrivals = new Arrivals(options.now());
    this.signer = new TokenSigner(options.replica.keys);
    this.incoming = new Incoming(this);
  }

  /** The transaction layer and the core know each other: the layer is made second. */
  attach(layer: TransactionLayer): void {
    this.#layer = layer;
  }

  reconfigure(config: ProxyConfig, identity: Identity, trust: Trust): void {
    this.config = config;
    this.messageLimits = messageLimits(this.limits);
    this.identity = identity;
    this.trust = trust;
    this.copier.reconfigure(config);
    this.incoming.reconfigure();
  }

  get limits(): LimitsConfig {
    return this.config.limits ?? DEFAULT_LIMITS;
  }

  get reach(): Reach {
    return this.outside.reach;
  }

  get layer(): TransactionLayer {
    if (this.#layer === undefined) throw new Error('the core was used before attach()');
    return this.#layer;
  }

  /** Time has come this far, ms. Never throws: the timers after one that is wrong run in the next call. */
  advance(now: number): void {
    this.arrivals.lives(now, this.wall());
    try {
      this.timers.advance(now);
    } catch (error) {
      this.counts.internalErrors++;
      this.log.error({ err: error }, 'a timer could not be handled');
    }
  }

  /** Copies that still follow a pair or wait for a proxy. */
  get pendingCopies(): number {
    return this.pending.size;
  }

  /** No transaction needs this stream: at most bindings lead over it. */
  isIdle(connection: Connection): boolean {
    return connection.holds <= (this.flows.has(connection) ? 1 : 0);
  }

  /** Whether a SIP Server or another proxy of this shard has this numeric address. */
  hasPeerAt(address: string): boolean {
    return this.upstreams.memberAtAddress(address) !== undefined || this.identity.proxyAt(address) !== undefined;
  }

  /** Requests that were forwarded and have had no final response: what a shutdown waits for. */
  get unanswered(): number {
    return this.#unanswered;
  }

  /** The pair that may take what `not` can't; undefined: there is none. */
  pairBeside({ received, registration }: ResponseContext, not: Pair | undefined): Pair | undefined {
    if (registration !== undefined) return this.upstreams.chooseForAor(registration.aor, not);
    return this.upstreams.chooseForCall(received.message.callId, not);
  }

  otherPair(context: ResponseContext, not: Pair | undefined): Target | undefined {
    const { message } = context.received;
    const pair = this.pairBeside(context, not);
    if (pair === undefined) return undefined;
    if (message.method === 'INVITE') this.#calls.remember(message.callId, pair);
    return { pair, pinned: false, ways: [] };
  }

  tag(): string {
    return Math.floor(this.random() * 0x1_0000_0000_0000).toString(36);
  }

  // --- what happens elsewhere ---

  /** A pair's active member changed. */
  pairSwitched(pair: Pair, to: Member | undefined): void {
    this.counts.pairSwitches++;
    if (to === undefined) this.pending.lost(pair);
    else {
      this.heldAcks.release(pair, to);
      this.pending.switched(pair, to);
    }
  }

  memberUnreachable(pair: Pair, hop: Hop): void {
    const member = pair.members.find((m) => m.address === hop.address && m.port === hop.port);
    if (member !== undefined) this.upstreams.unreachable(member, this.now());
  }

  /** A server answered 503 with Retry-After, ms: new calls go to other pairs for so long. */
  memberBusy(pair: Pair, hop: Hop, retryAfter: number): void {
    const { active } = pair;
    if (active === undefined || active.address !== hop.address || active.port !== hop.port) return;
    const duration = pair.share.close(this.now(), retryAfter);
    this.counts.pairBusy++;
    this.log.warn({ pair: pair.name, seconds: duration / 1000 }, 'the SIP Server asks for no new calls (503)');
  }

  /** A proxy has published its record, or that was withdrawn or its lease ran out. */
  proxiesChanged(): void {
    const { proxies } = this.replica;
    for (const [name, record] of this.#proxies) {
      const now = proxies.get(name);
      // a process that was started anew under the same name has nothing of what the earlier one had
      if (now?.boot !== record.boot) this.#proxyGone(record);
      if (now === undefined) this.upstreams.proxyGone(name);
    }
    this.#proxies = new Map(proxies);
  }

  #proxyGone(record: ProxyRecord): void {
    this.incoming.strays.proxyGone(record);
    this.suspects.clear(record.name);
    this.pending.gone(record.name);
  }

  /** Another proxy published something: it lives. */
  proxyHeard(name: string): void {
    this.suspects.clear(name);
  }

  /** A request is about to be forwarded. */
  began(received: Received, decision: Decision | undefined): void {
    this.#calls.began(received, decision);
    this.#unanswered++;
  }

  /** A request that was forwarded has had its final answer, which is `answer` if that is a 2xx. */
  ended(context: ResponseContext, status: number, pair: Pair | undefined, answer: Message | undefined): void {
    this.#unanswered--;
    if (context.registersAt !== undefined) {
      const now = this.now();
      context.registersAt.registers.leave(now - context.startedAt, now);
      this.incoming.registerAnswered(context.received.from, status);
    }
    this.#calls.ended(context, status, pair, answer);
  }
}
