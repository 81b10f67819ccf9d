import { defect } from '../sip/defects.ts';
import { parseMessage, type Message } from '../sip/message.ts';
import { reasonPhrase, response } from '../sip/response.ts';
import { SipError } from '../sip/sip-error.ts';
import type { ClientTransaction, TransactionUser } from '../transaction/layer.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import type { Hop } from '../transport/hop.ts';
import { Admission } from './admission.ts';
import { Answers } from './answers.ts';
import { memberOf } from './classify.ts';
import type { Core } from './core.ts';
import { withLostVias } from './lost-vias.ts';
import { callerEndOf, handOvers, readRequest } from './received.ts';
import { Registration } from './registration.ts';
import { ResponseContext } from './response-context.ts';
import { decide, type View } from './route.ts';
import { Senders } from './senders.ts';
import { hasAsserted, hasViaBelow, withoutAsserted, withTrueSource } from './source.ts';
import { LateNews, NEWS_OF_CALLS, Strays } from './strays.ts';
import { Targets } from './targets.ts';
import { validate } from './validation.ts';

/** What comes in: it is read, judged and given to the transaction layer, and what is new is routed. */
export class Incoming implements TransactionUser {
  readonly #core: Core;
  /** What belongs to other proxies. */
  readonly strays: Strays;
  readonly #targets: Targets;
  readonly #senders: Senders;
  readonly #admission: Admission;
  readonly #answers: Answers;

  constructor(core: Core) {
    this.#core = core;
    this.#targets = new Targets(core);
    this.strays = new Strays(core, this.#targets);
    this.#senders = new Senders(core);
    this.#admission = new Admission(core);
    this.#answers = new Answers(core, this.#senders);
  }

  reconfigure(): void {
    this.#admission.reconfigure();
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
      this.#answers.malformed(error, from);
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
      if (hasAsserted(message) && !this.#senders.mayAssert(from)) message = withoutAsserted(message);
    }
    if (!this.#core.replica.ready) {
      this.#answers.notReady(message, back);
      return;
    }
    if (message.isRequest && message.method !== 'OPTIONS') {
      const member = memberOf(message, from, this.#core.upstreams);
      if (member !== undefined) this.#core.upstreams.requestFrom(member, this.#core.now());
    }
    try {
      this.#core.layer.receive(message, from, back);
    } catch (error) {
      if (error instanceof SipError) this.#answers.malformed(error, from);
      else throw error;
    }
  }

  malformed(error: unknown, from: Hop): void {
    this.#answers.malformed(error, from);
  }

  request(server: ServerTransaction, message: Message, from: Hop): void {
    try {
      if (message.method === 'CANCEL') this.#cancelElsewhere(server, message, from);
      else this.#route(server, message, from);
    } catch (error) {
      if (error instanceof SipError) {
        this.#answers.refuse(server, message, from, error);
        return;
      }
      this.#answers.give(server, message, 500, 'Proxy Internal Error', undefined);
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
    const received = readRequest(this.#core, cancel, from);
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
    else if (received.handover !== undefined) this.#answers.give(server, cancel, 430, 'Flow Failed', undefined);
    else this.#answers.refuse(server, cancel, from, new SipError(481, reasonPhrase(481)));
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
      const received = readRequest(this.#core, message, from);
      if (validate(received, this.#core) !== undefined) {
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
    const received = readRequest(this.#core, message, from);
    if (received.forged) this.#core.counts.forgedTokens++;
    const refused = validate(received, this.#core);
    if (refused !== undefined) {
      this.#answers.refuse(server, message, from, refused);
      return;
    }
    const decision = decide(received, this.#view());
    if (decision.do === 'answer') {
      if (decision.status >= 400 && decision.status < 500)
        this.#answers.refuse(
          server,
          message,
          from,
          new SipError(decision.status, decision.reason, { headers: decision.lines }),
        );
      else if (decision.row === 9)
        this.#answers.turnAway(server, message, decision.status, decision.reason, decision.lines);
      else this.#answers.give(server, message, decision.status, decision.reason, decision.lines);
      return;
    }
    if (decision.do === 'register' && !this.#senders.mayRegister(from)) {
      const headers = ['Retry-After: 60'];
      this.#answers.refuse(server, message, from, new SipError(503, 'Too Many Refused Registrations', { headers }));
      return;
    }
    if (message.method === 'INVITE') server.respond(response(message, 100, 'Trying'), 100);
    else if (received.sender === 'Proxy') server.handedOver();

    const callerEnd = callerEndOf(received, this.#core);
    const targets = this.#targets.of(decision, received);
    if (targets.length === 0) {
      if (decision.do === 'pair' || decision.do === 'register')
        this.#answers.give(server, message, 503, 'Data Centre Out Of Reach', undefined);
      else if (received.sender === 'Proxy') this.#answers.give(server, message, 430, 'Flow Failed', undefined);
      else this.#answers.give(server, message, 480, 'No Way To The Phone', undefined);
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
        this.#answers.refuse(server, message, from, registration);
        return;
      }
      context.registration = registration;
      context.registersAt = pair;
      pair.registers.enter();
    }
    this.#core.began(received, decision);
    context.start(sequential);
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
      admitInvite: this.#admission.admitInvite,
      admitRegister: this.#admission.admitRegister,
    };
  }

  readonly #isSbc = (host: string): boolean => this.#core.trust.sbcs.hasAddress(host);

  readonly #isTrusted = (host: string): boolean => {
    const { sbcs, servers } = this.#core.trust;
    return sbcs.hasHost(host) || servers.hasHost(host);
  };
}
