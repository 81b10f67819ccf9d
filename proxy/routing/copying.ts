import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import type { ClientOwner, ClientTransaction } from '../transaction/client-transaction.ts';
import type { ServerTransaction } from '../transaction/server-transaction.ts';
import { Timer } from '../transaction/timers.ts';
import type { Hop } from '../transport/hop.ts';
import type { Member, Pair } from '../upstream/pair.ts';
import { BranchTimer } from './branch-timer.ts';
import type { Waiting } from './pending.ts';
import type { ResponseContext } from './response-context.ts';
import { forwardResponse } from './forward.ts';
import { pairEnd } from './token.ts';
import type { Way } from './way.ts';

/** How long a request inside the dialogs of a pair without an active member waits for one, ms. */
const WAIT_FOR_MEMBER = 16_000;

/** How long a proxy that a request was handed to may say nothing before the next way is tried beside it, ms: one loss is not silence. */
const SILENCE = 700;
/** The same of a target that RFC 3263 found, where there is another: some 100 ms after the fourth copy of an INVITE over UDP. */
const TARGET_SILENCE = 3_600;

/** Where one copy of a request is to go: a pair, whichever of its members is active, or one of several ways. */
export interface Target {
  readonly pair: Pair | undefined;
  /** It waits for this pair; an unpinned one may go to another. */
  readonly pinned: boolean;
  readonly ways: readonly Way[];
}

/**
 * One copy of a request on its way: the tries that it takes to get an answer. It follows its pair's active member, and
 * takes the next way when one fails.
 */
export class Copying implements ClientOwner {
  readonly context: ResponseContext;
  target: Target;
  pending = true;
  /** Its part of the request's Max-Breadth. */
  readonly breadth: number;
  /** The core's: among those that follow the same pair, or were handed to the same proxy. */
  pendingIn: Waiting | undefined;
  pendingBefore: Copying | undefined;
  pendingAfter: Copying | undefined;
  #attempt = 0;
  #way = 0;
  #transaction: ClientTransaction | undefined;
  /** The try before the pair switched, or before the proxy that it was handed to fell silent: it may still be answered. */
  #earlier: ClientTransaction | undefined;
  #ringing = false;
  #triedOther = false;
  /** What the target before said, of several that one name leads to. */
  #refusal: Message | undefined;
  #waiting: WaitForMember | undefined;
  #timer: BranchTimer | undefined;
  #givenUp = false;
  /** By the caller, or since another copy has the answer: no further way is tried. */
  #cancelled = false;
  #silence: Silence | undefined;

  /** The Vias of its request, once a response has come without them. */
  lostVias: readonly string[] | undefined = undefined;

  constructor(context: ResponseContext, target: Target, breadth: number) {
    this.context = context;
    this.target = target;
    this.breadth = breadth;
  }

  /** `othersWait`: for their turn, which comes when this one's is over. */
  begin(othersWait: boolean): void {
    this.#timer = BranchTimer.begin(this, othersWait);
    this.#start();
  }

  #start(): void {
    const { pair } = this.target;
    if (pair === undefined || this.target.ways.length > 0) {
      this.#nextWay();
      return;
    }
    this.context.core.pending.add(pair, this);
    const member = pair.active;
    if (member !== undefined) this.#toMember(member);
    else if (this.target.pinned) this.#wait();
    else this.#fail(503, undefined);
  }

  /** The pair's active member changed: what had no answer yet goes to the new one, once. */
  switched(member: Member): void {
    if (!this.pending || this.#cancelled) return;
    const { core } = this.context;
    if (this.#ringing) {
      core.counts.ringingAtSwitch++;
      return;
    }
    if (this.#waiting !== undefined) {
      core.timers.cancel(this.#waiting);
      this.#waiting = undefined;
      core.counts.waitedForMember++;
      this.#toMember(member);
      return;
    }
    if (this.#earlier !== undefined || this.#transaction === undefined) return;
    if (this.#transaction.hop.address === member.address && this.#transaction.hop.port === member.port) return;
    this.#earlier = this.#transaction;
    core.counts.resentAtSwitch++;
    this.#toMember(member);
  }

  /** No member of its pair is in service: what is new and has no answer at all goes to another pair, if there is one. */
  pairLost(): void {
    if (!this.pending || this.#cancelled || this.target.pinned || this.#triedOther) return;
    if (this.#transaction === undefined || this.#transaction.lastStatus > 0 || this.#earlier !== undefined) return;
    const { core, received, registration } = this.context;
    const { method, toTag } = received.message;
    const isNew = registration !== undefined || (method === 'INVITE' && toTag === '');
    if (isNew && core.pairBeside(this.context, this.target.pair) !== undefined) this.#toOtherPair(undefined);
  }

  /** The proxy that this copy was handed to has said nothing: it may be dead, and its record not yet. Or a target has. */
  silent(proxy: string | undefined): void {
    this.#silence = undefined;
    if (!this.pending || this.#ringing || this.#cancelled || this.#transaction?.lastStatus !== 0) return;
    const { core } = this.context;
    if (proxy === undefined) core.counts.targetSilent++;
    else {
      core.counts.handoverSilent++;
      core.suspects.add(proxy);
    }
    if (this.target.ways.length <= this.#way) return;
    if (this.#earlier !== undefined) {
      // two proxies that say nothing are dead; one that has said 100 meanwhile is not, nor a slow server
      if (proxy === undefined || this.#earlier.lastStatus !== 0) return;
      this.#abandon(this.#earlier);
    }
    this.#earlier = this.#transaction;
    this.#nextWay();
  }

  /** The proxy that this copy was handed to is gone. */
  peerGone(): void {
    if (!this.pending || this.#ringing) return;
    this.#abandon(this.#transaction);
    this.#nextWay();
  }

  /** It has had its time. What still rings is cancelled; if it is picked up all the same, its 2xx is passed on. */
  giveUp(): void {
    if (!this.pending) return;
    this.#givenUp = true;
    this.#fail(this.#cancelled ? 487 : 408, undefined);
  }

  /** `reasonLines`: header lines that say why (RFC 3326). */
  cancel(reasonLines?: readonly string[]): void {
    if (!this.pending) return;
    this.#cancelled = true;
    if (this.#waiting !== undefined) {
      this.context.core.timers.cancel(this.#waiting);
      this.#waiting = undefined;
      this.#fail(487, undefined);
      return;
    }
    if (this.context.received.message.method !== 'INVITE') return;
    this.#transaction?.cancel(reasonLines);
    this.#earlier?.cancel(reasonLines);
  }

  response(transaction: ClientTransaction, message: Message): void {
    const status = message.status;
    const { core } = this.context;
    if (status < 200) {
      if (status === 100 || !this.pending || !this.#isTry(transaction)) return;
      this.#ringing = true;
      this.#timer?.heard();
      this.context.provisional(message);
      return;
    }
    if (status < 300) {
      // RFC 3261 16.7 step 5: of other methods one 2xx is passed on, though both tries may bring one
      if (!this.pending && !this.#givenUp && transaction.method !== 'INVITE') return;
      this.#givenUp = false;
      this.#finish();
      this.context.success(this, message);
      if (transaction.method === 'INVITE') transaction.owner = new FurtherSuccess(this.context.server, this.lostVias);
      return;
    }
    if (!this.pending || !this.#isTry(transaction)) return;
    if (transaction === this.#earlier) {
      this.#earlier = undefined;
      // the member that lost its place knows nothing of what rings at the other: that one's answer counts
      if (rings(this.#transaction)) return;
      // nor does one that is out of service speak for it, be it a member, a proxy or a target of a name
      if (status === 503 || status === 430) {
        if (this.target.ways.length === 0) core.counts.overruledAtSwitch++;
        return;
      }
    } else if (status === 482 && this.#earlier !== undefined) {
      // the backup has this request already, from the primary: that one's answer counts
      core.counts.mergedAtSwitch++;
      this.#backToEarlier();
      return;
    } else if (status < 600 && rings(this.#earlier)) {
      this.#backToEarlier();
      return;
    }
    if (status === 503) this.#heedRetryAfter(transaction, message);
    if (status === 430) {
      core.counts.flowFailed++;
      this.#nextWay();
    } else if (status === 503 && this.#mayTryOther()) this.#toOtherPair(message);
    else if (status === 503 && this.#hasNextTarget) {
      core.counts.triedNextTarget++;
      this.#refusal = message;
      this.#nextWay();
    } else this.#fail(status, message);
  }

  timeout(transaction: ClientTransaction): void {
    if (!this.pending || !this.#isTry(transaction)) return;
    if (transaction === this.#earlier) {
      this.#earlier = undefined;
      return;
    }
    if (rings(this.#earlier)) {
      this.#backToEarlier();
      return;
    }
    if (this.#mayTryOther()) this.#toOtherPair(undefined);
    else if (this.target.ways.length > this.#way) this.#nextWay();
    else this.#fail(this.#cancelled ? 487 : 408, undefined);
  }

  unreachable(transaction: ClientTransaction): void {
    if (!this.pending || !this.#isTry(transaction)) return;
    const { pair, ways } = this.target;
    if (pair === undefined || ways.length > 0) {
      this.#abandon(transaction);
      // of two tries the other one is under way
      if (transaction === this.#earlier) this.#earlier = undefined;
      else if (rings(this.#earlier)) this.#backToEarlier();
      else this.#nextWay();
    } else if (transaction.lastStatus >= 100 && transaction.method === 'INVITE') this.#cutOff(pair, transaction);
    else if (transaction === this.#earlier) this.#earlier = undefined;
    else if (this.#earlier !== undefined) this.#backToEarlier();
    else {
      this.#transaction = undefined;
      this.#notReached(pair, transaction.hop);
    }
  }

  /** The second try has failed, and the first one goes on. */
  #backToEarlier(): void {
    this.#transaction = this.#earlier;
    this.#earlier = undefined;
  }

  /** An INVITE that its member has heard of lost its connection: its answer may come another way, or never. */
  #cutOff(pair: Pair, transaction: ClientTransaction): void {
    const { core } = this.context;
    if (this.#cancelled) {
      // the CANCEL did not get there either
      this.#fail(487, undefined);
      return;
    }
    // ringing: the member that is promoted takes the call over, or Timer C ends it
    if (this.#ringing || this.#earlier !== undefined) return;
    core.memberUnreachable(pair, transaction.hop);
    // a switch has sent it already
    if (this.#isSentTwice || !this.pending) return;
    this.#earlier = transaction;
    if (pair.active !== undefined) {
      core.counts.resentAtSwitch++;
      this.#toMember(pair.active);
    } else if (this.target.pinned) this.#wait();
    else this.#toOtherPairOrWait();
  }

  get #isSentTwice(): boolean {
    return this.#earlier !== undefined;
  }

  /** The request did not get to the member. */
  #notReached(pair: Pair, hop: Hop): void {
    this.context.core.memberUnreachable(pair, hop);
    if (this.#transaction !== undefined || !this.pending) return;
    if (this.#cancelled) {
      this.#fail(487, undefined);
      return;
    }
    const member = pair.active;
    const other = member !== undefined && (member.address !== hop.address || member.port !== hop.port);
    if (other && this.#attempt < 3) this.#toMember(member);
    else if (this.target.pinned) this.#wait();
    else if (!this.#triedOther) this.#toOtherPairOrWait();
    else this.#fail(503, undefined);
  }

  /** It was sent when its pair was in service: what is new gets 503 now, but this had no answer yet and follows its pair. */
  #toOtherPairOrWait(): void {
    const { core } = this.context;
    if (core.pairBeside(this.context, this.target.pair) === undefined) this.#wait();
    else this.#toOtherPair(undefined);
  }

  /** Nobody became active in time. */
  waitedLongEnough(): void {
    this.#waiting = undefined;
    this.context.core.counts.waitedInVain++;
    this.#fail(503, undefined);
  }

  #wait(): void {
    const { core } = this.context;
    this.#waiting = new WaitForMember(this);
    core.timers.schedule(this.#waiting, this.context.startedAt + WAIT_FOR_MEMBER);
  }

  #toMember(member: Member): void {
    const { core } = this.context;
    const hop = core.copier.hopToMember(member);
    if (hop === undefined) {
      this.#fail(503, undefined);
      return;
    }
    const { pair } = this.target;
    // another try has only what the first left of Timer B or F
    this.#send(hop, pair === undefined ? undefined : { hop, end: pairEnd(pair.name, pair.geoLocation) });
  }

  /** RFC 3261 21.5.4: what a server asks for holds for what comes after, too. */
  #heedRetryAfter(transaction: ClientTransaction, message: Message): void {
    const { pair, ways } = this.target;
    if (pair === undefined || ways.length > 0) return;
    const seconds = Number.parseInt(message.value(Header.RetryAfter) ?? '', 10);
    if (seconds > 0) this.context.core.memberBusy(pair, transaction.hop, seconds * 1000);
  }

  #mayTryOther(): boolean {
    const { message } = this.context.received;
    return (
      this.target.pair !== undefined &&
      !this.target.pinned &&
      !this.#ringing &&
      !this.#triedOther &&
      !this.#cancelled &&
      message.method === 'INVITE' &&
      message.toTag === ''
    );
  }

  /** A new call that one pair would not take is offered to one other. */
  #toOtherPair(refusal: Message | undefined): void {
    this.#triedOther = true;
    const { core } = this.context;
    const other = core.otherPair(this.context, this.target.pair);
    core.pending.release(this);
    if (other === undefined) {
      this.#fail(refusal === undefined ? 503 : refusal.status, refusal);
      return;
    }
    core.counts.triedOtherPair++;
    this.#abandon(this.#transaction);
    this.#abandon(this.#earlier);
    this.#transaction = undefined;
    this.#earlier = undefined;
    this.target = other;
    this.#start();
  }

  #nextWay(): void {
    const { core } = this.context;
    core.pending.release(this);
    const way = this.target.ways[this.#way++];
    if (this.#cancelled) {
      this.#fail(487, undefined);
      return;
    }
    if (way === undefined) {
      const refusal = this.#refusal;
      this.#fail(refusal === undefined ? this.#noWay : refusal.status, refusal);
      return;
    }
    if (way.handover !== undefined) {
      core.pending.add(way.handover.proxy.name, this);
      this.#listen(way.handover.proxy.name, SILENCE);
    }
    if (way.hop === undefined) core.copier.resolve(way, this);
    else {
      if (this.#hasNextTarget) this.#listen(undefined, TARGET_SILENCE);
      this.#send(way.hop, way);
    }
  }

  /** The way that is tried now was found by RFC 3263. */
  get #isResolved(): boolean {
    return this.target.ways[this.#way - 1]?.uri !== undefined;
  }

  /** RFC 3263 4.3: the name of the way that is tried now leads to another target, too. */
  get #hasNextTarget(): boolean {
    const next = this.target.ways[this.#way];
    return (
      this.#isResolved && !this.#ringing && next !== undefined && next.uri === this.target.ways[this.#way - 1]?.uri
    );
  }

  get #noWay(): number {
    const { message, sender } = this.context.received;
    if (sender === 'Proxy') return 430;
    if (message.method === 'CANCEL') return 481;
    // a pair of another data centre, which other proxies may still reach
    if (this.target.pair !== undefined) return 503;
    // a trunk or the like: what can't be reached is as if it had said 503 (RFC 3261 16.9), which is told as 500 (16.7)
    const last = this.target.ways.at(-1);
    return last?.uri !== undefined && last.requestUri === undefined ? 500 : 480;
  }

  /** The names of a way were looked up; what was found takes the place of that way. */
  resolved(ways: readonly Way[]): void {
    if (!this.pending) return;
    if (ways.length === 0) {
      this.#nextWay();
      return;
    }
    const rest = this.target.ways.slice(this.#way);
    this.target = { ...this.target, ways: [...ways, ...rest] };
    this.#way = 0;
    this.#nextWay();
  }

  #listen(proxy: string | undefined, silence: number): void {
    const { timers } = this.context.core;
    if (this.#silence !== undefined) timers.cancel(this.#silence);
    this.#silence = new Silence(this, proxy);
    timers.schedule(this.#silence, this.context.core.now() + silence);
  }

  #send(hop: Hop, way: Way | undefined): void {
    this.#attempt++;
    this.#transaction = this.context.core.copier.send(this, hop, way, this.#attempt, this.#earlier?.startedAt);
  }

  /** It counts no more, but for a 2xx to INVITE: that goes back whichever try it comes from (RFC 3261 16.7 step 5). */
  #abandon(transaction: ClientTransaction | undefined): void {
    if (transaction === undefined) return;
    transaction.abandon();
    if (transaction.method === 'INVITE') transaction.owner = this;
  }

  /** Not one that was given up. */
  #isTry(transaction: ClientTransaction): boolean {
    return transaction === this.#transaction || transaction === this.#earlier;
  }

  #fail(status: number, message: Message | undefined): void {
    this.#finish();
    this.context.failed(this, status, message);
  }

  #finish(): void {
    if (!this.pending) return;
    this.pending = false;
    // of two tries one may still ring; of those that are answered this asks nothing
    this.#transaction?.cancel();
    this.#earlier?.cancel();
    const { pending, timers } = this.context.core;
    if (this.#silence !== undefined) timers.cancel(this.#silence);
    if (this.#timer !== undefined) timers.cancel(this.#timer);
    pending.release(this);
  }
}

/** Passes on what still comes after the 2xx to an INVITE (RFC 3261 16.7 step 5): another fork's, and the same again. */
export class FurtherSuccess implements ClientOwner {
  readonly lostVias: readonly string[] | undefined;
  readonly #server: ServerTransaction;
  constructor(server: ServerTransaction, lostVias: readonly string[] | undefined) {
    this.#server = server;
    this.lostVias = lostVias;
  }
  response(_transaction: ClientTransaction, message: Message): void {
    passSuccess(this.#server, forwardResponse(message, this.#server.hop), message.status);
  }
  timeout(): void {}
  unreachable(): void {}
}

/** RFC 3261 16.7 step 5: a 2xx to INVITE goes back whatever was sent before it, and when its transaction is gone, too. */
export function passSuccess(server: ServerTransaction, text: string, status: number): void {
  if (!server.respond(text, status)) server.sendBack(text);
}

function rings(transaction: ClientTransaction | undefined): boolean {
  return transaction !== undefined && transaction.lastStatus > 100 && transaction.lastStatus < 200;
}

class Silence extends Timer {
  readonly #copy: Copying;
  readonly #proxy: string | undefined;
  constructor(copy: Copying, proxy: string | undefined) {
    super();
    this.#copy = copy;
    this.#proxy = proxy;
  }
  override expire(): void {
    this.#copy.silent(this.#proxy);
  }
}

class WaitForMember extends Timer {
  readonly #copy: Copying;
  constructor(copy: Copying) {
    super();
    this.#copy = copy;
  }
  override expire(): void {
    this.#copy.waitedLongEnough();
  }
}
