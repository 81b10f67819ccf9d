import { defect, isDefect } from '../sip/defects.ts';
import { Header } from '../sip/header.ts';
import { parseMessage, type Message } from '../sip/message.ts';
import { reasonPhrase, response } from '../sip/response.ts';
import { NO_VIA } from '../sip/nouns.ts';
import { SipError } from '../sip/sip-error.ts';
import { formatUri } from '../sip/uri.ts';
import type { ClientTransaction, TransactionUser } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Hop } from '../transport/hop.ts';
import type { Pair } from '../upstream/pair.ts';
import { Backlog } from './backlog.ts';
import { classify, memberOf } from './classify.ts';
import type { Core } from './core.ts';
import { withLostVias } from './lost-vias.ts';
import { handOvers, readMaxBreadth, readRoutes, throughUs, type Received } from './received.ts';
import { Registration } from './registration.ts';
import { ResponseContext } from './response-context.ts';
import { decide, type View } from './route.ts';
import { Senders } from './senders.ts';
import { hasViaBelow, withoutAsserted, withTrueSource } from './source.ts';
import { LateNews, NEWS_OF_CALLS, Strays } from './strays.ts';
import { Targets } from './targets.ts';
import { flowEnd, OPEN, pairEnd, type End } from './token.ts';
import { TokenBucket } from './token-bucket.ts';

/** Schemes of a Request-URI that a SIP Server can route: with tel numbers (RFC 3966) and services (RFC 5031). */
const ROUTABLE: ReadonlySet<string> = new Set(['sip', 'sips', 'tel', 'urn']);

const NONE: readonly string[] = [];

/** What comes in: it is read, judged and given to the transaction layer, and what is new is routed. */
export class Incoming implements TransactionUser {
  readonly #core: Core;
  /** What belongs to other proxies. */
  readonly strays: Strays;
  readonly #targets: Targets;
  readonly #invites: TokenBucket;
  readonly #registers: TokenBucket;
  readonly #backlog = new Backlog();
  readonly #senders: Senders;

  constructor(core: Core) {
    this.#core = core;
    this.#targets = new Targets(core);
    this.strays = new Strays(core, this.#targets);
    this.#senders = new Senders(core);
    this.#invites = new TokenBucket(core.config.overload.invitesPerSecond);
    this.#registers = new TokenBucket(core.config.overload.registersPerSecond);
  }

  reconfigure(): void {
    const { overload } = this.#core.config;
    this.#invites.retune(overload.invitesPerSecond);
    this.#registers.retune(overload.registersPerSecond);
    this.#senders.reconfigure();
  }

  /** A whole message from the wire. Never throws: one message that we are wrong about must not end all calls. */
  receive(text: string, from: Hop): void {
    try {
      this.#take(text, from);
    } catch (error) {
      this.#core.counts.internalErrors++;
      this.#core.log.error(
        { err: error, from: `${from.transport} ${from.address}:${from.port}` },
        'a message could not be handled and is dropped',
      );
    }
  }

  #take(text: string, from: Hop): void {
    let message: Message;
    let back = from;
    try {
      message = parseMessage(text, this.#core.messageLimits);
    } catch (error) {
      this.malformed(error, from);
      return;
    }
    if (message.isRequest) {
      this.#core.counts.requests++;
      back = this.#senders.answersGo(message, from);
      message = withTrueSource(message, from, from.transport === 'UDP' && back === from);
    } else {
      this.#core.counts.responses++;
      // RFC 3261 16.7 step 3: without a Via below ours it is for this proxy, which asks for nothing itself but by CANCEL
      if (message.method !== 'CANCEL' && !hasViaBelow(message)) {
        const whole = withLostVias(message, this.#core.layer.ownerOf(message));
        if (whole === undefined) {
          this.#core.counts.strayResponses++;
          return;
        }
        this.#core.counts.viasGivenBack++;
        message = whole;
      }
      if (message.has(Header.PAssertedIdentity) && !this.#senders.mayAssert(from)) message = withoutAsserted(message);
    }
    if (!this.#core.replica.ready) {
      this.#notReady(message, back);
      return;
    }
    if (message.isRequest && message.method !== 'OPTIONS') {
      const member = memberOf(message, from, this.#core.upstreams);
      if (member !== undefined) this.#core.upstreams.requestFrom(member, this.#core.now());
    }
    try {
      this.#core.layer.receive(message, from, back);
    } catch (error) {
      if (error instanceof SipError) this.malformed(error, from);
      else throw error;
    }
  }

  /**
   * Without keys and bindings we would send a dialog's requests astray: their sender repeats them, or takes another
   * proxy. What begins something new is told to do so at once.
   */
  #notReady(message: Message, back: Hop): void {
    this.#core.counts.notReady++;
    if (!message.isRequest || message.toTag !== '' || message.method === 'ACK' || message.method === 'CANCEL') return;
    this.#core.outside.send(response(message, 503, 'Not Ready', ['Retry-After: 2']), back);
  }

  /** What could not be parsed: answered with the reason where an answer can be built, else counted and dropped. */
  malformed(error: unknown, from: Hop): void {
    if (!(error instanceof SipError)) throw error;
    this.#core.counts.unparseable++;
    this.#countDefect(error.reason);
    const faulty = error.answerable;
    this.#core.log.debug(
      { from: from.address, port: from.port, status: error.status, reason: error.reason },
      'message refused',
    );
    if (!this.#senders.mayComplain(from) || faulty === undefined || !faulty.answerable) return;
    const readable = faulty.via !== NO_VIA;
    const back = readable ? this.#senders.answersGo(faulty, from) : from;
    const request = readable ? withTrueSource(faulty, from, from.transport === 'UDP' && back === from) : faulty;
    this.#core.outside.send(response(request, error.status, error.reason, error.headers), back);
  }

  #countDefect(reason: string): void {
    if (isDefect(reason)) this.#core.defects[reason]++;
  }

  request(server: ServerTransaction, message: Message, from: Hop): void {
    try {
      if (message.method === 'CANCEL') this.#cancelElsewhere(server, message, from);
      else this.#route(server, message, from);
    } catch (error) {
      if (error instanceof SipError) {
        this.#refuse(server, message, from, error);
        return;
      }
      this.#answer(server, message, 500, 'Proxy Internal Error', undefined);
      throw error;
    }
  }

  cancel(invite: ServerTransaction, cancel: Message): void {
    const context = invite.context;
    if (context instanceof ResponseContext) context.cancel(cancel);
  }

  unmatchedCancel(server: ServerTransaction, cancel: Message, from: Hop): void {
    this.request(server, cancel, from);
  }

  foreignCancel(cancel: Message, back: Hop): void {
    const { counts, outside } = this.#core;
    counts.foreignCancels++;
    if (!this.#senders.mayComplain(back)) return;
    counts.answeredLocally++;
    outside.send(response(cancel, 481, reasonPhrase(481)), back);
  }

  mayEnd(invite: ServerTransaction, from: Hop): boolean {
    return this.#senders.mayEnd(invite, from);
  }

  /**
   * Row 3 of the routing table: another proxy has its INVITE, or has handed it to this one, which has. `waited`: news of
   * its call had their time to come.
   */
  #cancelElsewhere(server: ServerTransaction, cancel: Message, from: Hop, waited = false): void {
    const received = this.#read(cancel, from);
    const invite = this.strays.inviteOf(received);
    if (invite !== undefined && !this.#senders.mayEndBelow(invite, cancel, handOvers(received))) {
      server.drop();
      this.foreignCancel(cancel, server.from);
      return;
    }
    if (invite !== undefined) {
      server.respond(response(cancel, 200, 'OK', undefined, this.#core.tag()), 200);
      if (invite.final === 0) this.cancel(invite, cancel);
      return;
    }
    const targets = received.maxForwards <= 0 ? [] : this.strays.targetsOfCancel(received, this.#view());
    if (targets.length > 0) {
      const context = new ResponseContext(this.#core, server, received, 3, undefined, targets);
      server.context = context;
      this.#core.began(received, undefined);
      context.start(false);
    } else if (!waited && this.strays.mayComeToKnow(received)) {
      const again = (): void => this.#cancelElsewhere(server, cancel, from, true);
      this.#core.timers.schedule(new LateNews(again), this.#core.now() + NEWS_OF_CALLS);
    }
    // 430 is spoken between proxies only: the one that handed it over tries another way
    else if (received.handover !== undefined) this.#answer(server, cancel, 430, 'Flow Failed', undefined);
    else this.#refuse(server, cancel, from, new SipError(481, reasonPhrase(481)));
  }

  mayAnswer(transaction: ClientTransaction, _response: Message, from: Hop): boolean {
    return this.#senders.mayAnswer(transaction, from);
  }

  connectionGone({ from }: ServerTransaction, answer: string): void {
    this.#senders.answerAnew(from, answer);
  }

  /** Nothing reaches `hop`: requests that went there fail, responses go elsewhere. */
  failed(hop: Hop): void {
    this.#senders.failed(hop);
    this.#core.layer.transportError(hop);
  }

  /** ICMP: what began with `sent` did not get to `hop` (RFC 3261 18.4). */
  undelivered(hop: Hop, sent: string): void {
    if (sent.startsWith('SIP/2.0 ')) this.#senders.responseUndelivered(hop, sent);
    else this.#core.layer.undelivered(hop, sent);
  }

  registerAnswered(from: Hop, status: number): void {
    this.#senders.registerAnswered(from, status);
  }

  /** ACK to a 2xx belongs to no transaction: it is sent on without state (RFC 3261 16.11). */
  ack(message: Message, from: Hop): void {
    try {
      const received = this.#read(message, from);
      if (this.#validate(received) !== undefined) {
        this.#core.counts.strayAcks++;
        return;
      }
      const decision = decide(received, this.#view());
      const targets = this.#targets.of(decision, received);
      const target = targets[0];
      const way = target?.ways[0];
      const pair = way === undefined ? target?.pair : undefined;
      const member = pair?.active;
      const hop = member !== undefined ? this.#core.copier.hopToMember(member) : way?.hop;
      if (hop !== undefined) this.#core.copier.sendStateless(received, hop, way);
      else if (way !== undefined) this.#core.copier.resolveStateless(received, way);
      else if (pair !== undefined && member === undefined) this.#core.heldAcks.add(pair, received);
      else this.#core.counts.strayAcks++;
    } catch (error) {
      if (!(error instanceof SipError)) throw error;
      this.#core.counts.strayAcks++;
    }
  }

  strayResponse(message: Message, from: Hop): void {
    this.#core.counts.strayResponses++;
    // another proxy believes what this one hands over
    if (message.method === 'REGISTER' && !this.#senders.mayGrant(from)) return;
    this.strays.response(message, from);
  }

  #route(server: ServerTransaction, message: Message, from: Hop): void {
    const received = this.#read(message, from);
    if (received.forged) this.#core.counts.forgedTokens++;
    const refused = this.#validate(received);
    if (refused !== undefined) {
      this.#refuse(server, message, from, refused);
      return;
    }
    const decision = decide(received, this.#view());
    if (decision.do === 'answer') {
      if (decision.status >= 400 && decision.status < 500)
        this.#refuse(
          server,
          message,
          from,
          new SipError(decision.status, decision.reason, { headers: decision.lines }),
        );
      else if (decision.row === 9) this.#turnAway(server, message, decision.status, decision.reason, decision.lines);
      else this.#answer(server, message, decision.status, decision.reason, decision.lines);
      return;
    }
    if (decision.do === 'register' && !this.#senders.mayRegister(from)) {
      const headers = ['Retry-After: 60'];
      this.#refuse(server, message, from, new SipError(503, 'Too Many Refused Registrations', { headers }));
      return;
    }
    if (message.method === 'INVITE') server.respond(response(message, 100, 'Trying'), 100);
    else if (received.sender === 'Proxy') server.handedOver();

    const callerEnd = this.#callerEnd(received);
    const targets = this.#targets.of(decision, received);
    if (targets.length === 0) {
      if (decision.do === 'pair' || decision.do === 'register')
        this.#answer(server, message, 503, 'Data Centre Out Of Reach', undefined);
      else if (received.sender === 'Proxy') this.#answer(server, message, 430, 'Flow Failed', undefined);
      else this.#answer(server, message, 480, 'No Way To The Phone', undefined);
      return;
    }
    const sequential = this.#core.config.registration.forking !== 'Parallel';
    if ((sequential ? 1 : targets.length) > received.maxBreadth) {
      throw defect('Max-Breadth Exceeded');
    }
    const context = new ResponseContext(this.#core, server, received, decision.row, callerEnd, targets);
    server.context = context;
    if (decision.do === 'register') {
      const { aor, pair } = decision;
      const registration = aor === undefined ? undefined : Registration.begin(this.#core, context, aor);
      if (registration instanceof SipError) {
        this.#core.counts.registerRefused++;
        this.#refuse(server, message, from, registration);
        return;
      }
      context.registration = registration;
      context.registersAt = pair;
      pair.registers.enter();
    }
    this.#core.began(received, decision);
    context.start(sequential);
  }

  #read(message: Message, from: Hop): Received {
    const now = this.#core.wall();
    const routes = readRoutes(message, this.#core.identity, this.#core.signer, now);
    const member = memberOf(message, from, this.#core.upstreams);
    const sender = classify(from, member, routes.handover !== undefined, this.#core.trust, this.#core.identity);
    // towards a pair the Request-URI stays as it is
    const target = sender === 'Server' ? throughUs(routes.target, from, this.#core.identity) : routes.target;
    return {
      message,
      from,
      sender,
      member,
      // 16.6 step 3: where there is none, 70 goes out
      maxForwards: message.maxForwards < 0 ? 71 : message.maxForwards,
      maxBreadth: readMaxBreadth(message, this.#core.limits.maxBreadth),
      loop: this.#core.copier.routingHash(message, sender),
      uri: target === routes.target ? routes.uri : formatUri(target),
      target,
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
    // what a server names by its Route is for that hop to understand
    if (!ROUTABLE.has(received.target.scheme) && (received.sender !== 'Server' || received.route === undefined))
      return defect('Unsupported URI Scheme');
    if (received.maxForwards <= 0 && message.method !== 'OPTIONS') return defect('Too Many Hops');
    if (this.#core.copier.hasLooped(received)) return defect('Loop Detected');
    const required = message.has(Header.ProxyRequire) ? message.values(Header.ProxyRequire) : NONE;
    // 20.29: in an ACK it has nothing to say, since there would be nobody to answer
    if (required.length === 0 || message.method === 'ACK') return undefined;
    return defect('Bad Extension', { headers: [`Unsupported: ${required.join(', ')}`] });
  }

  #view(): View {
    return {
      config: this.#core.config,
      identity: this.#core.identity,
      now: this.#core.wall(),
      draining: this.#core.draining,
      refusing: this.#core.refusing,
      replica: this.#core.replica,
      upstreams: this.#core.upstreams,
      isSbc: this.#isSbc,
      isTrusted: this.#isTrusted,
      admitInvite: this.#admitInvite,
      admitRegister: this.#admitRegister,
    };
  }

  readonly #isSbc = (host: string): boolean => this.#core.trust.sbcs.hasAddress(host);

  readonly #isTrusted = (host: string): boolean => {
    const { sbcs, servers } = this.#core.trust;
    return sbcs.hasHost(host) || servers.hasHost(host);
  };

  readonly #admitInvite = (): boolean => {
    const admitted = this.#invites.take(this.#core.now());
    if (!admitted) this.#core.counts.overload++;
    return admitted;
  };

  readonly #admitRegister = (pair: Pair | undefined): number => {
    const now = this.#core.now();
    if (pair?.registers.full === false && this.#registers.take(now)) {
      this.#backlog.admitted(now);
      return 0;
    }
    if (pair !== undefined) this.#core.counts.overload++;
    return this.#backlog.refused(now, this.#core.random());
  };

  /** Our side of a new dialog's token; undefined where no Record-Route is added. */
  #callerEnd(received: Received): End | undefined {
    const { message, member, from } = received;
    if (received.sender === 'Proxy' || message.toTag !== '') return undefined;
    if (message.method !== 'INVITE' && message.method !== 'SUBSCRIBE' && message.method !== 'REFER') return undefined;
    if (member !== undefined) return pairEnd(member.pair.name, member.pair.geoLocation);
    if (received.sender !== 'Endpoint') return OPEN;
    if (from.connection !== undefined)
      return flowEnd(this.#core.config.place.name, this.#core.boot, from.connection.number);
    return { kind: 'udp', address: from.address, port: from.port };
  }

  /** What is its sender's fault: answered, or beyond what is borne of one Endpoint forgotten, state and all. */
  #refuse(server: ServerTransaction, message: Message, from: Hop, { status, reason, headers }: SipError): void {
    this.#countDefect(reason);
    if (this.#senders.mayComplain(from)) this.#answer(server, message, status, reason, headers);
    else server.drop();
  }

  /**
   * A REGISTER that there is no room for now leaves no state: those of a lost data centre would fill the table of
   * transactions, and calls be refused for them. Sent again it is judged again (RFC 3261 8.2.7).
   */
  #turnAway(
    server: ServerTransaction,
    message: Message,
    status: number,
    reason: string,
    lines: readonly string[] | undefined,
  ): void {
    this.#core.counts.answeredLocally++;
    this.#core.outside.send(response(message, status, reason, lines), server.from);
    server.drop();
  }

  #answer(
    server: ServerTransaction,
    message: Message,
    status: number,
    reason: string,
    lines: readonly string[] | undefined,
  ): void {
    this.#core.counts.answeredLocally++;
    server.respond(response(message, status, reason, lines, this.#core.tag()), status);
    if (status >= 400 && message.method !== 'OPTIONS') {
      this.#core.log.debug({ method: message.method, callId: message.callId, status, reason }, 'request answered here');
    }
  }
}
