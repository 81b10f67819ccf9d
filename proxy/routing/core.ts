import type { Logger as Log } from 'pino';
import type { ProxyConfig } from '../config.ts';
import { Header } from '../sip/header.ts';
import { parseMessage, type Message } from '../sip/message.ts';
import { reasonPhrase, response } from '../sip/response.ts';
import { SipError } from '../sip/sip-error.ts';
import type { TransactionLayer, TransactionUser } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { TimerWheel } from '../transaction/timers.ts';
import type { Replica } from '../store/replica.ts';
import type { Hop } from '../transport/hop.ts';
import type { Member, Pair } from '../upstream/pair.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import { Backlog } from './backlog.ts';
import { Calls } from './calls.ts';
import { classify, memberOf, type Trust } from './classify.ts';
import { Copier } from './copier.ts';
import type { Target } from './copying.ts';
import { newCounts, type Counts } from './counts.ts';
import { FlowHolds } from './flow-holds.ts';
import { forwardResponse } from './forward.ts';
import type { Identity } from './identity.ts';
import { readRoutes, type Received } from './received.ts';
import { nextVia, withTrueSource } from './source.ts';
import { Registration } from './registration.ts';
import { ResponseContext } from './response-context.ts';
import { Pending } from './pending.ts';
import { Suspects } from './suspects.ts';
import { decide, type View } from './route.ts';
import { Targets } from './targets.ts';
import { flowEnd, OPEN, pairEnd, TokenSigner, type End } from './token.ts';
import { TokenBucket } from './token-bucket.ts';
import type { Reach } from './way.ts';

/** What the core needs of the outside: everything it does to the world goes through here. */
export interface Outside {
  send(text: string, hop: Hop): void;
  /** RFC 3263: the hops that a URI leads to, best first; rejects if it leads nowhere. */
  resolve(uri: string): Promise<readonly Hop[]>;
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
export class Core implements TransactionUser {
  readonly counts: Counts = newCounts();
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
  draining = false;
  readonly outside: Outside;
  readonly copier: Copier;
  readonly pending = new Pending();
  readonly suspects = new Suspects();
  readonly #random: () => number;
  readonly #calls: Calls;
  readonly #targets: Targets;
  #layer: TransactionLayer | undefined;
  #unanswered = 0;
  #invites: TokenBucket;
  #registers: TokenBucket;
  readonly #backlog = new Backlog();

  constructor(options: CoreOptions) {
    this.config = options.config;
    this.boot = options.boot;
    this.log = options.log;
    this.now = options.now;
    this.wall = options.wall ?? options.now;
    this.#random = options.random;
    this.timers = options.timers;
    this.flows = new FlowHolds(options.timers);
    this.replica = options.replica;
    this.upstreams = options.upstreams;
    this.outside = options.outside;
    this.identity = options.identity;
    this.trust = options.trust;
    this.copier = new Copier(this, options.config);
    this.#calls = new Calls(this);
    this.signer = new TokenSigner(options.replica.keys);
    this.#targets = new Targets(this);
    this.#invites = new TokenBucket(options.config.overload.invitesPerSecond);
    this.#registers = new TokenBucket(options.config.overload.registersPerSecond);
  }

  /** The transaction layer and the core know each other: the layer is made second. */
  attach(layer: TransactionLayer): void {
    this.#layer = layer;
  }

  reconfigure(config: ProxyConfig, identity: Identity, trust: Trust): void {
    this.config = config;
    this.identity = identity;
    this.trust = trust;
    this.copier.reconfigure(config);
    this.#invites = new TokenBucket(config.overload.invitesPerSecond);
    this.#registers = new TokenBucket(config.overload.registersPerSecond);
  }

  get reach(): Reach {
    return this.outside.reach;
  }

  get layer(): TransactionLayer {
    if (this.#layer === undefined) throw new Error('the core was used before attach()');
    return this.#layer;
  }

  // --- what comes in ---

  /** Time has come this far, ms. Never throws: the timers after one that is wrong run in the next call. */
  advance(now: number): void {
    try {
      this.timers.advance(now);
    } catch (error) {
      this.counts.internalErrors++;
      this.log.error({ err: error }, 'a timer could not be handled');
    }
  }

  /** A whole message from the wire. Never throws: one message that we are wrong about must not end all calls. */
  receive(text: string, from: Hop): void {
    try {
      this.#take(text, from);
    } catch (error) {
      this.counts.internalErrors++;
      this.log.error(
        { err: error, from: `${from.transport} ${from.address}:${from.port}` },
        'a message could not be handled and is dropped',
      );
    }
  }

  #take(text: string, from: Hop): void {
    let message: Message;
    try {
      message = parseMessage(text);
      if (message.isRequest) message = withTrueSource(message, from);
    } catch (error) {
      this.malformed(error, from);
      return;
    }
    if (message.isRequest) this.counts.requests++;
    else this.counts.responses++;
    if (!this.replica.ready) {
      this.#notReady(message, from);
      return;
    }
    if (message.isRequest && message.method !== 'OPTIONS') {
      const member = memberOf(message, from, this.upstreams);
      if (member !== undefined) this.upstreams.requestFrom(member, this.now());
    }
    try {
      this.layer.receive(message, from);
    } catch (error) {
      if (error instanceof SipError) this.malformed(error, from);
      else throw error;
    }
  }

  /**
   * Without keys and bindings we would send a dialog's requests astray: their sender repeats them, or takes another
   * proxy. What begins something new is told to do so at once.
   */
  #notReady(message: Message, from: Hop): void {
    this.counts.notReady++;
    if (!message.isRequest || message.toTag !== '' || message.method === 'ACK' || message.method === 'CANCEL') return;
    this.outside.send(response(message, 503, 'Not Ready', ['Retry-After: 2'], this.tag()), from);
  }

  /** What could not be parsed: answered with the reason where an answer can be built, else counted and dropped. */
  malformed(error: unknown, from: Hop): void {
    if (!(error instanceof SipError)) throw error;
    this.counts.unparseable++;
    const request = error.answerable;
    this.log.debug(
      { from: from.address, port: from.port, status: error.status, reason: error.reason },
      'message refused',
    );
    if (request === undefined || !request.isRequest || request.method === 'ACK') return;
    this.outside.send(response(request, error.status, error.reason, error.headers, this.tag()), from);
  }

  request(server: ServerTransaction, message: Message, from: Hop): void {
    try {
      this.#route(server, message, from);
    } catch (error) {
      if (error instanceof SipError) {
        this.#answer(server, message, error.status, error.reason, error.headers);
        return;
      }
      this.#answer(server, message, 500, 'Proxy Internal Error', undefined);
      throw error;
    }
  }

  cancel(invite: ServerTransaction): void {
    const context = invite.context;
    if (context instanceof ResponseContext) context.cancel();
  }

  unmatchedCancel(server: ServerTransaction, cancel: Message): void {
    this.#answer(server, cancel, 481, reasonPhrase(481), undefined);
  }

  /** ACK to a 2xx belongs to no transaction: it is sent on without state (RFC 3261 16.11). */
  ack(message: Message, from: Hop): void {
    try {
      const received = this.#read(message, from);
      const decision = decide(received, this.#view());
      const targets = this.#targets.of(decision, received);
      const target = targets[0];
      const member = target?.pair !== undefined && target.ways.length === 0 ? target.pair.active : undefined;
      const way = target?.ways[0];
      const hop = member !== undefined ? this.copier.hopToMember(member) : way?.hop;
      if (hop !== undefined) this.copier.sendStateless(received, hop, way);
      else if (way !== undefined) this.copier.resolveStateless(received, way);
      else this.counts.strayAcks++;
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
      this.counts.strayAcks++;
    }
  }

  /**
   * RFC 3261 16.7: only a 2xx to INVITE still has a meaning when its transaction is gone; it goes on without state. From
   * or to one of ours only: else anybody could bounce responses off us.
   */
  strayResponse(message: Message, from: Hop): void {
    this.counts.strayResponses++;
    if (message.status < 200 || message.status > 299 || message.method !== 'INVITE') return;
    if (!this.copier.isOurs(message.via.branch)) return;
    const next = nextVia(message);
    if (next === undefined || !(this.#isOneOfOurs(from) || this.#isOneOfOurs(next))) return;
    const hop = this.reach.hop(next.transport, next.address, next.port);
    if (hop !== undefined) this.outside.send(forwardResponse(message), hop);
  }

  #isOneOfOurs({ address, port }: { readonly address: string; readonly port: number }): boolean {
    return this.upstreams.memberAt(address, port) !== undefined || this.identity.proxyAt(address) !== undefined;
  }

  // --- what is decided ---

  #route(server: ServerTransaction, message: Message, from: Hop): void {
    const received = this.#read(message, from);
    if (received.forged) this.counts.forgedTokens++;
    const refused = this.#validate(received);
    if (refused !== undefined) {
      this.#answer(server, message, refused.status, refused.reason, refused.headers);
      return;
    }
    const decision = decide(received, this.#view());
    if (decision.do === 'answer') {
      this.#answer(server, message, decision.status, decision.reason, decision.lines);
      return;
    }
    if (message.method === 'INVITE') server.respond(response(message, 100, 'Trying'), 100);

    const callerEnd = this.#callerEnd(received);
    const targets = this.#targets.of(decision, received);
    if (targets.length === 0) {
      if (decision.do === 'pair' || decision.do === 'register')
        this.#answer(server, message, 503, 'Data Centre Out Of Reach', undefined);
      else if (received.sender === 'Proxy') this.#answer(server, message, 430, 'Flow Failed', undefined);
      else this.#answer(server, message, 480, 'No Way To The Phone', undefined);
      return;
    }
    const context = new ResponseContext(this, server, received, decision.row, callerEnd, targets);
    server.context = context;
    if (decision.do === 'register') {
      const registration = Registration.begin(this, context, decision.aor, decision.pair);
      if (registration instanceof SipError) {
        this.counts.registerRefused++;
        this.#answer(server, message, registration.status, registration.reason, registration.headers);
        return;
      }
      context.registration = registration;
      decision.pair.registers.enter();
    }
    this.#calls.began(received, decision);
    this.#unanswered++;
    context.start(this.config.registration.forking !== 'Parallel');
  }

  #read(message: Message, from: Hop): Received {
    const now = this.wall();
    const routes = readRoutes(message, this.identity, this.signer, now);
    const member = memberOf(message, from, this.upstreams);
    const sender = classify(from, member, routes.handover !== undefined, this.trust, this.identity);
    return {
      message,
      from,
      sender,
      member,
      // 16.6 step 3: where there is none, 70 goes out
      maxForwards: message.maxForwards < 0 ? 71 : message.maxForwards,
      uri: routes.uri,
      target: routes.target,
      ownRoutes: routes.ownRoutes,
      strict: routes.strict,
      token: routes.token,
      handover: routes.handover,
      forged: routes.forged,
      route: routes.route,
    };
  }

  /** RFC 3261 16.3, beyond what parsing has checked. */
  #validate(received: Received): SipError | undefined {
    const { message } = received;
    if (received.maxForwards <= 0 && message.method !== 'OPTIONS') return new SipError(483, 'Too Many Hops');
    if (message.has(Header.ProxyRequire)) {
      const lines = [`Unsupported: ${message.values(Header.ProxyRequire).join(', ')}`];
      return new SipError(420, 'Bad Extension', { headers: lines });
    }
    return undefined;
  }

  #view(): View {
    return {
      config: this.config,
      identity: this.identity,
      now: this.wall(),
      draining: this.draining,
      replica: this.replica,
      upstreams: this.upstreams,
      admitInvite: this.#admitInvite,
      admitRegister: this.#admitRegister,
    };
  }

  readonly #admitInvite = (): boolean => {
    const admitted = this.#invites.take(this.now());
    if (!admitted) this.counts.overload++;
    return admitted;
  };

  readonly #admitRegister = (pair: Pair): number => {
    const now = this.now();
    if (!pair.registers.full && this.#registers.take(now)) {
      this.#backlog.admitted(now);
      return 0;
    }
    this.counts.overload++;
    return this.#backlog.refused(now, this.#random());
  };

  /** Our side of a new dialog's token; undefined where no Record-Route is added. */
  #callerEnd(received: Received): End | undefined {
    const { message, member, from } = received;
    if (received.sender === 'Proxy' || message.toTag !== '') return undefined;
    if (message.method !== 'INVITE' && message.method !== 'SUBSCRIBE' && message.method !== 'REFER') return undefined;
    if (member !== undefined) return pairEnd(member.pair.name, member.pair.geoLocation);
    if (received.sender !== 'Endpoint') return OPEN;
    if (from.connection !== undefined) return flowEnd(this.config.place.name, this.boot, from.connection.number);
    return { kind: 'udp', address: from.address, port: from.port };
  }

  #answer(
    server: ServerTransaction,
    message: Message,
    status: number,
    reason: string,
    lines: readonly string[] | undefined,
  ): void {
    this.counts.answeredLocally++;
    server.respond(response(message, status, reason, lines, this.tag()), status);
    if (status >= 400 && message.method !== 'OPTIONS') {
      this.log.debug({ method: message.method, callId: message.callId, status, reason }, 'request answered here');
    }
  }

  /** Copies that still follow a pair or wait for a proxy. */
  get pendingCopies(): number {
    return this.pending.size;
  }

  /** Requests that were forwarded and have had no final response: what a shutdown waits for. */
  get unanswered(): number {
    return this.#unanswered;
  }

  otherPair(context: ResponseContext, not: Pair | undefined): Target | undefined {
    const { message } = context.received;
    const pair = this.upstreams.chooseForCall(message.callId, not);
    if (pair === undefined) return undefined;
    if (message.method === 'INVITE') this.#calls.remember(message.callId, pair);
    return { pair, pinned: false, ways: [] };
  }

  tag(): string {
    return Math.floor(this.#random() * 0x1_0000_0000_0000).toString(36);
  }

  // --- what happens elsewhere ---

  /** A pair's active member changed. */
  pairSwitched(pair: Pair, to: Member | undefined): void {
    this.counts.pairSwitches++;
    if (to !== undefined) this.pending.switched(pair, to);
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

  proxyGone(name: string): void {
    this.suspects.clear(name);
    this.pending.gone(name);
  }

  /** Another proxy published something: it lives. */
  proxyHeard(name: string): void {
    this.suspects.clear(name);
  }

  /** A request that was forwarded has had its final answer. */
  ended(context: ResponseContext, status: number, pair: Pair | undefined): void {
    this.#unanswered--;
    context.registration?.pair.registers.leave();
    this.#calls.ended(context, status, pair);
  }
}
