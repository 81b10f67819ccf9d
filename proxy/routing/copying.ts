import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import type { Member, Pair } from '../upstream/pair.ts';
import { BranchTimer } from './branch-timer.ts';
import { AlongWays } from './along-ways.ts';
import { WaitForMember } from './copy-timers.ts';
import { FurtherSuccess } from './further-success.ts';
import { pairEnd } from './token.ts';
import { rings } from './tries.ts';

/** How long a request inside the dialogs of a pair without an active member waits for one, ms. */
const WAIT_FOR_MEMBER = 16_000;

/**
 * One copy of a request on its way: the tries that it takes to get an answer. It follows its pair's active member, and
 * takes the next way when one fails.
 */
export class Copying extends AlongWays {
  #triedOther = false;
  #sentAgain = false;
  #waiting: WaitForMember | undefined;
  #timer: BranchTimer | undefined;
  #givenUp = false;

  /** The Vias of its request, once a response has come without them. */
  lostVias: readonly string[] | undefined = undefined;

  /** `othersWait`: for their turn, which comes when this one's is over. */
  begin(othersWait: boolean): void {
    this.#timer = BranchTimer.begin(this, othersWait);
    this.#start();
  }

  #start(): void {
    const { pair } = this.target;
    if (pair === undefined || this.target.ways.length > 0) {
      this.nextWay();
      return;
    }
    this.context.core.pending.add(pair, this);
    const member = pair.active;
    if (member !== undefined) this.#toMember(member);
    else if (this.target.pinned) this.#wait();
    else this.fail(503, undefined);
  }

  /** The pair's active member changed: what had no answer yet goes to the new one, once. */
  override switched(member: Member): void {
    if (!this.pending || this.cancelled) return;
    const { core } = this.context;
    if (this.ringing) {
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
    if (this.earlier !== undefined || this.current === undefined) return;
    if (this.current.hop.address === member.address && this.current.hop.port === member.port) return;
    this.earlier = this.current;
    core.counts.resentAtSwitch++;
    this.#toMember(member);
  }

  /** No member of its pair is in service: what is new and has no answer at all goes to another pair, if there is one. */
  override pairLost(): void {
    if (!this.pending || this.cancelled || this.target.pinned || this.#triedOther) return;
    if (this.current === undefined || this.current.lastStatus > 0 || this.earlier !== undefined) return;
    const { core, received, registration } = this.context;
    const { method, toTag } = received.message;
    const isNew = registration !== undefined || (method === 'INVITE' && toTag === '');
    if (isNew && core.pairBeside(this.context, this.target.pair) !== undefined) this.#toOtherPair(undefined);
  }

  /** It has had its time. What still rings is cancelled; if it is picked up all the same, its 2xx is passed on. */
  giveUp(): void {
    if (!this.pending) return;
    this.#givenUp = true;
    this.fail(this.cancelled ? 487 : 408, undefined);
  }

  /** `reasonLines`: header lines that say why (RFC 3326). */
  cancel(reasonLines?: readonly string[]): void {
    if (!this.pending) return;
    this.cancelled = true;
    if (this.#waiting !== undefined) {
      this.context.core.timers.cancel(this.#waiting);
      this.#waiting = undefined;
      this.fail(487, undefined);
      return;
    }
    if (this.context.received.message.method !== 'INVITE') return;
    this.cancelTries(reasonLines);
  }

  override response(transaction: ClientTransaction, message: Message): void {
    const status = message.status;
    const { core } = this.context;
    if (status < 200) {
      if (status === 100 || !this.pending || !this.isTry(transaction)) return;
      this.ringing = true;
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
    if (!this.pending || !this.isTry(transaction)) return;
    if (transaction === this.earlier) {
      this.earlier = undefined;
      // the member that lost its place knows nothing of what rings at the other: that one's answer counts
      if (rings(this.current)) return;
      // nor does one that is out of service speak for it, be it a member, a proxy or a target of a name
      if (status === 503 || status === 430) {
        if (this.target.ways.length === 0) core.counts.overruledAtSwitch++;
        return;
      }
    } else if (status === 482 && this.earlier !== undefined) {
      // the backup has this request already, from the primary: that one's answer counts
      core.counts.mergedAtSwitch++;
      this.backToEarlier();
      return;
    } else if (status < 600 && rings(this.earlier)) {
      this.backToEarlier();
      return;
    }
    if (status === 503) this.#heedRetryAfter(transaction, message);
    if (status === 430) {
      core.counts.flowFailed++;
      this.nextWay();
    } else if (status === 503 && this.#mayTryOther()) this.#toOtherPair(message);
    else if (status === 503 && this.hasNextTarget) {
      core.counts.triedNextTarget++;
      this.refusal = message;
      this.nextWay();
    } else this.fail(status, message);
  }

  override timeout(transaction: ClientTransaction): void {
    if (!this.pending || !this.isTry(transaction)) return;
    if (transaction === this.earlier) {
      this.earlier = undefined;
      return;
    }
    if (rings(this.earlier)) {
      this.backToEarlier();
      return;
    }
    if (this.#mayTryOther()) this.#toOtherPair(undefined);
    else if (this.hasNextWay) this.nextWay();
    else this.fail(this.cancelled ? 487 : 408, undefined);
  }

  override unreachable(transaction: ClientTransaction): void {
    if (!this.pending || !this.isTry(transaction)) return;
    const { pair, ways } = this.target;
    const hasIt = transaction.lastStatus >= 100 && transaction.method === 'INVITE';
    if (hasIt && this.wasHandedOver(transaction)) this.#linkClosed(transaction);
    else if (pair === undefined || ways.length > 0) {
      this.targetFailed(transaction);
      this.abandon(transaction);
      // of two tries the other one is under way
      if (transaction === this.earlier) this.earlier = undefined;
      else if (rings(this.earlier)) this.backToEarlier();
      else this.nextWay();
    } else if (hasIt) this.#cutOff(pair, transaction);
    else if (transaction === this.earlier) this.earlier = undefined;
    else if (this.earlier !== undefined) this.backToEarlier();
    else {
      this.current = undefined;
      this.#notReached(pair, transaction);
    }
  }

  /** The proxy that has this INVITE answers over another connection, or is dead. */
  #linkClosed(transaction: ClientTransaction): void {
    if (this.cancelled) this.fail(487, undefined);
    else if (!this.ringing && this.earlier === undefined && this.hasNextWay) {
      this.earlier = transaction;
      this.nextWay();
    }
  }

  /** An INVITE that its member has heard of lost its connection: its answer may come another way, or never. */
  #cutOff(pair: Pair, transaction: ClientTransaction): void {
    const { core } = this.context;
    if (this.cancelled) {
      // the CANCEL did not get there either
      this.fail(487, undefined);
      return;
    }
    // ringing: the member that is promoted takes the call over, or Timer C ends it
    if (this.ringing || this.earlier !== undefined) return;
    core.memberUnreachable(pair, transaction.hop);
    // a switch has sent it already
    if (this.isSentTwice || !this.pending) return;
    this.earlier = transaction;
    if (pair.active !== undefined) {
      core.counts.resentAtSwitch++;
      this.#toMember(pair.active);
    } else if (this.target.pinned) this.#wait();
    else this.#toOtherPairOrWait();
  }

  /** The request did not get to the member. */
  #notReached(pair: Pair, transaction: ClientTransaction): void {
    const { hop } = transaction;
    const { core } = this.context;
    core.memberUnreachable(pair, hop);
    if (this.current !== undefined || !this.pending) return;
    if (this.cancelled) {
      this.fail(487, undefined);
      return;
    }
    const member = pair.active;
    const other = member !== undefined && (member.address !== hop.address || member.port !== hop.port);
    const mayMove = !this.target.pinned && !this.#triedOther;
    if (other && this.attempt < 3) this.#toMember(member);
    else if (mayMove && core.pairBeside(this.context, pair) !== undefined) this.#toOtherPair(undefined);
    else if (member !== undefined && !other && hop.transport !== 'UDP' && !this.#sentAgain) {
      // its connection may have ended for a reason of its own: no switch has to follow
      this.#sentAgain = true;
      core.counts.resentAfterClose++;
      this.sendAgain(transaction);
    } else if (mayMove || this.target.pinned) this.#wait();
    else this.fail(503, undefined);
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
    this.fail(503, undefined);
  }

  #wait(): void {
    const { core } = this.context;
    this.#waiting = new WaitForMember(this);
    // what was answered 100 may be minutes old
    const since = this.earlier === undefined ? this.context.startedAt : core.now();
    core.timers.schedule(this.#waiting, since + WAIT_FOR_MEMBER);
  }

  #toMember(member: Member): void {
    const { core } = this.context;
    const hop = core.copier.hopToMember(member);
    if (hop === undefined) {
      this.fail(503, undefined);
      return;
    }
    const { pair } = this.target;
    this.send(hop, pair === undefined ? undefined : { hop, end: pairEnd(pair.name, pair.geoLocation) });
  }

  /** RFC 3261 21.5.4: what a server asks for holds for what comes after, too. */
  #heedRetryAfter(transaction: ClientTransaction, message: Message): void {
    const { pair, ways } = this.target;
    const retryAfter = Number.parseInt(message.value(Header.RetryAfter) ?? '', 10) * 1000;
    if (!(retryAfter > 0)) return;
    if (pair === undefined || ways.length > 0) this.targetFailed(transaction, retryAfter);
    else this.context.core.memberBusy(pair, transaction.hop, retryAfter);
  }

  #mayTryOther(): boolean {
    const { message } = this.context.received;
    return (
      this.target.pair !== undefined &&
      !this.target.pinned &&
      !this.ringing &&
      !this.#triedOther &&
      !this.cancelled &&
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
      this.fail(refusal === undefined ? 503 : refusal.status, refusal);
      return;
    }
    core.counts.triedOtherPair++;
    this.abandonAll();
    this.target = other;
    this.#start();
  }

  protected override fail(status: number, message: Message | undefined): void {
    this.#finish();
    this.context.failed(this, status, message);
  }

  #finish(): void {
    if (!this.pending) return;
    this.pending = false;
    // of two tries one may still ring; of those that are answered this asks nothing
    this.cancelTries();
    const { pending, timers } = this.context.core;
    this.listenNoMore();
    if (this.#timer !== undefined) timers.cancel(this.#timer);
    pending.release(this);
  }
}
