import { DEFAULT_LIMITS, Message } from '../../proxy/sip/message.ts';
import { answerPort } from '../../proxy/routing/source.ts';
import type { Hop, Transport } from '../../proxy/transport/hop.ts';
import { options } from '../builders.ts';
import { AT, Scene, type Sent } from '../proxy/routing/scene.ts';
import type { Conversation, Speaker, Step } from './conversation.ts';
import { Peers } from './peers.ts';
import { Violation } from './violation.ts';

/** Where each speaks from. */
const PLACES: Readonly<Record<Speaker, readonly [address: string, port: number, transport?: Transport]>> = {
  alice: [AT.alice, 5060],
  bob: [AT.bob, 5060],
  stream: ['192.0.2.21', 40_000, 'TCP'],
  sbc: [AT.sbc, 5060],
  ss1: [AT.ss1.primary, 5060],
  'ss1-backup': [AT.ss1.backup, 5060],
  ss2: [AT.ss2.primary, 5060],
  proxy: [AT.farProxy, 5060],
  stranger: ['203.0.113.9', 12_345],
};

const ENDPOINTS: ReadonlySet<string> = new Set([AT.alice, AT.bob, '192.0.2.21', '203.0.113.9']);

/** One message in never makes more out: the copies of a fork, and their CANCELs. */
const MOST_SENT_AT_ONCE = 40;
/** Longer than anything lasts that waits for a message: Timer C after the last provisional, and what follows it. */
const UNTIL_QUIET = 900_000;

/** A proxy's whole core in virtual time, and the rules that hold whatever is said to it. */
export class OnCore {
  readonly #scene: Scene;
  readonly #peers = new Peers();
  /** Where requests came from that may be answered. */
  readonly #askedFrom = new Set<string>();
  readonly #features = new Set<string>();

  private constructor(scene: Scene) {
    this.#scene = scene;
  }

  static async begin(): Promise<OnCore> {
    const scene = await Scene.begin({
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TCP', port: 5060, side: 'Both' },
      ],
    });
    await scene.hasProxy('p2', 'dc2', AT.farProxy);
    scene.phoneStream(1, '192.0.2.21', 40_000);
    return new OnCore(scene);
  }

  /** Plays it; what was seen that tells this conversation from others. Throws a Violation. */
  async play(conversation: Conversation): Promise<ReadonlySet<string>> {
    this.#features.clear();
    for (const step of conversation) await this.#step(step);
    await this.#stillAnswers();
    const { counts } = this.#scene.core;
    for (const [name, count] of Object.entries(counts)) if (count > 0) this.#features.add(name);
    return this.#features;
  }

  /** Nobody says anything any more: nothing may be left that waits. Throws a Violation. */
  async end(): Promise<void> {
    const scene = this.#scene;
    for (let passed = 0; passed < UNTIL_QUIET; passed += 2000) {
      scene.time += 2000;
      scene.core.advance(scene.time);
      scene.upstreams.tick(scene.time);
      if (passed % 10_000 === 0) await scene.settled();
    }
    await scene.settled();
    this.#judge(scene.takes(), undefined);
    const { clients, servers } = scene.layer.counts;
    const { pendingCopies, unanswered } = scene.core;
    if (clients + servers + pendingCopies + unanswered !== 0) {
      throw new Violation(
        'when all is quiet nothing is left that waits',
        `client transactions ${clients}, server transactions ${servers}, copies ${pendingCopies}, unanswered ${unanswered}`,
      );
    }
  }

  async #step(step: Step): Promise<void> {
    const scene = this.#scene;
    if (step.does === 'wait') {
      this.#judge(await scene.passes(step.ms), undefined);
    } else if (step.does === 'ping') {
      scene.pinged('ss1', step.role, step.heard);
      await scene.settled();
      this.#judge(scene.takes(), undefined);
    } else if (step.does === 'say') {
      await this.#say(step.text, this.#place(step.who));
    } else {
      const next = this.#peers.next(step);
      if (next !== undefined) await this.#say(next.text, next.from);
    }
  }

  #place(who: Speaker): Hop {
    const [address, port, transport = 'UDP'] = PLACES[who];
    const hop = this.#scene.hop(
      transport,
      address,
      port,
      transport === 'TCP' ? this.#scene.connections.get(1) : undefined,
    );
    if (hop === undefined) throw new Error(`the scene has no ${transport}`);
    return hop;
  }

  async #say(text: string, from: Hop): Promise<void> {
    const message = new Message(text, DEFAULT_LIMITS);
    if (message.isRequest && message.method !== 'ACK') {
      this.#askedFrom.add(placeOf(from));
      // RFC 3261 18.2.2: who is trusted, and asks for nothing else, is answered at the port of its Via
      if (!ENDPOINTS.has(from.address)) this.#askedFrom.add(placeOf({ ...from, port: answerPort(message.via, from) }));
    }
    this.#scene.core.incoming.receive(text, from);
    await this.#scene.settled();
    this.#peers.said(text, from);
    this.#judge(this.#scene.takes(), { message, from });
  }

  /** The phone's OPTIONS is answered, whatever was said before. */
  async #stillAnswers(): Promise<void> {
    const { layer } = this.#scene;
    if (layer.counts.clients + layer.counts.servers > 200_000) return;
    const sent = await this.#scene.receives(options({ sentBy: `${AT.alice}:5060` }), AT.alice);
    const statuses = sent.map(({ message }) => message.status);
    if (statuses.length !== 1 || (statuses[0] !== 200 && statuses[0] !== 503)) {
      throw new Violation('an OPTIONS is answered, whatever came before', `answers: ${statuses.join(', ') || 'none'}`);
    }
  }

  #judge(sent: readonly Sent[], because: { readonly message: Message; readonly from: Hop } | undefined): void {
    const [error] = this.#scene.errors;
    if (error !== undefined || this.#scene.core.counts.internalErrors > 0) {
      throw new Violation('there is no internal error', error ?? 'counted, not logged');
    }
    if (because !== undefined && sent.length > MOST_SENT_AT_ONCE) {
      throw new Violation(`one message makes ${MOST_SENT_AT_ONCE} at most`, `${sent.length} were sent`);
    }
    for (const one of sent) {
      if (one.message.isRequest)
        this.#judgeRequest(one, because?.message.isRequest === true ? because.from : undefined);
      else this.#judgeResponse(one, because?.message);
      this.#peers.heard(one);
    }
  }

  #judgeRequest({ message, text, hop }: Sent, askedBy: Hop | undefined): void {
    this.#features.add(`${message.method} to ${hop.address}`);
    if (message.fault !== '') throw new Violation('what is sent on can be read', `${message.fault}\n${text}`);
    if (askedBy !== undefined && ENDPOINTS.has(askedBy.address) && !hop.address.startsWith('10.')) {
      throw new Violation(
        'an endpoint reaches SIP Servers only',
        `${askedBy.address} made it send ${hop.address}:\n${text}`,
      );
    }
  }

  #judgeResponse({ message, text, hop }: Sent, because: Message | undefined): void {
    this.#features.add(`${message.status} ${message.reason}`);
    // a server's that has no reason phrase may lack the space before it, too
    if (!/^SIP\/2\.0 [1-6]\d\d(?: [^\r\n]*)?\r\n/i.test(text) || !text.includes('\r\n\r\n')) {
      throw new Violation('what is sent back is a response', text);
    }
    // What a server writes below our Via goes on as it is, wrong or not; without a transaction a 2xx to INVITE (RFC 3261
    // 16.7), and whatever names another proxy, which is gone (16.11)
    const isSuccess = because !== undefined && because.status >= 200 && because.status < 300;
    const isAnothers = because !== undefined && !this.#scene.core.copier.isOurs(because.via.branch);
    const stray = because?.isRequest === false && (isSuccess || isAnothers);
    if (stray || this.#askedFrom.has(placeOf(hop))) return;
    throw new Violation('a response goes to somebody who asked', `${placeOf(hop)} has got\n${text}`);
  }
}

function placeOf({ transport, address, port }: Hop): string {
  return `${transport} ${address}:${port}`;
}
