import type { Message } from '../sip/message.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import type { Hop } from '../transport/hop.ts';
import type { Member } from '../upstream/pair.ts';
import { Silence } from './copy-timers.ts';
import type { Waiting } from './pending.ts';
import type { ResponseContext } from './response-context.ts';
import type { Target } from './target.ts';
import { Tries } from './tries.ts';
import type { Way } from './way.ts';

/** How long a proxy that a request was handed to may say nothing before the next way is tried beside it, ms: one loss is not silence. */
const SILENCE = 700;
/** The same of a target that RFC 3263 found, where there is another: some 100 ms after the fourth copy of an INVITE over UDP. */
const TARGET_SILENCE = 3_600;

/** A copy of a request that takes the ways of its target in turn: the next one where one fails, or says nothing. */
export abstract class AlongWays extends Tries {
  readonly context: ResponseContext;
  target: Target;
  pending = true;
  /** Its part of the request's Max-Breadth. */
  readonly breadth: number;
  /** The core's: among those that follow the same pair, or were handed to the same proxy. */
  pendingIn: Waiting | undefined;
  pendingBefore: AlongWays | undefined;
  pendingAfter: AlongWays | undefined;
  protected attempt = 0;
  protected ringing = false;
  /** By the caller, or since another copy has the answer: no further way is tried. */
  protected cancelled = false;
  /** What the target before said, of several that one name leads to. */
  protected refusal: Message | undefined;
  /** How many of the ways were taken. */
  #way = 0;
  /** Names of the way that is to be tried now. */
  #lookingUp = false;
  /** It has no room in a datagram by one of the ways. */
  #tooLarge = false;
  #silence: Silence | undefined;

  constructor(context: ResponseContext, target: Target, breadth: number) {
    super();
    this.context = context;
    this.target = target;
    this.breadth = breadth;
  }

  /** The pair's active member changed. */
  abstract switched(member: Member): void;
  /** No member of its pair is in service. */
  abstract pairLost(): void;
  /** It has its final answer: `message`, or without one this status. */
  protected abstract fail(status: number, message: Message | undefined): void;

  /** The proxy that this copy was handed to has said nothing: it may be dead, and its record not yet. Or a target has. */
  silent(proxy: string | undefined): void {
    this.#silence = undefined;
    if (!this.pending || this.ringing || this.cancelled || this.current?.lastStatus !== 0) return;
    const { core } = this.context;
    if (proxy === undefined) {
      core.counts.targetSilent++;
      this.targetFailed(this.current);
    } else {
      core.counts.handoverSilent++;
      core.suspects.add(proxy);
    }
    if (!this.hasNextWay) return;
    if (this.earlier !== undefined) {
      // two proxies that say nothing are dead; one that has said 100 meanwhile is not, nor a slow server
      if (proxy === undefined || this.earlier.lastStatus !== 0) return;
      this.abandon(this.earlier);
    }
    this.earlier = this.current;
    this.nextWay();
  }

  /** The proxy that this copy was handed to is gone. */
  peerGone(): void {
    if (!this.pending || this.ringing) return;
    this.abandon(this.current);
    this.nextWay();
  }

  protected nextWay(): void {
    const { core } = this.context;
    core.pending.release(this);
    // what the way before does says nothing of this one
    this.listenNoMore();
    const way = this.target.ways[this.#way++];
    if (this.cancelled) {
      this.fail(487, undefined);
      return;
    }
    if (way === undefined && this.earlier?.lastStatus === 100) {
      this.backToEarlier();
      return;
    }
    if (way === undefined) {
      const refusal = this.refusal;
      this.fail(refusal === undefined ? this.#noWay : refusal.status, refusal);
      return;
    }
    if (way.handover !== undefined) {
      core.pending.add(way.handover.proxy.name, this);
      this.#listen(way.handover.proxy.name, SILENCE);
    }
    if (way.hop === undefined) {
      this.#lookingUp = true;
      core.copier.resolve(way, this);
    } else {
      if (this.hasNextTarget) this.#listen(undefined, TARGET_SILENCE);
      this.send(way.hop, way);
    }
  }

  /** The way that is tried now was found by RFC 3263. */
  get #isResolved(): boolean {
    return this.target.ways[this.#way - 1]?.uri !== undefined;
  }

  /** RFC 3263 4.3: the name of the way that is tried now leads to another target, too. */
  protected get hasNextTarget(): boolean {
    const next = this.target.ways[this.#way];
    return this.#isResolved && !this.ringing && next !== undefined && next.uri === this.target.ways[this.#way - 1]?.uri;
  }

  /**
   * Of several addresses that one name leads to, others are tried before it for a while: one that is tried by another
   * transport only, as a phone is, has no others. `duration`: that it asked for, ms.
   */
  protected targetFailed({ hop }: ClientTransaction, duration?: number): void {
    const { ways } = this.target;
    const uri = ways.find((way) => way.hop === hop)?.uri;
    const isElsewhere = (other: Hop | undefined): boolean =>
      other !== undefined && (other.address !== hop.address || other.port !== hop.port);
    if (uri === undefined || !ways.some((way) => way.uri === uri && isElsewhere(way.hop))) return;
    const { core } = this.context;
    if (!core.failedTargets.add(hop, core.now(), duration)) return;
    const target = `${hop.transport} ${hop.address}:${hop.port}`;
    core.log.info({ target, uri }, 'a next hop failed: others of its name are tried before it for a while');
  }

  protected wasHandedOver({ hop }: ClientTransaction): boolean {
    return this.target.ways.some((way) => way.handover !== undefined && way.hop === hop);
  }

  get #noWay(): number {
    if (this.#tooLarge) return 513;
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
    this.#lookingUp = false;
    if (!this.pending) return;
    if (ways.length === 0) {
      this.nextWay();
      return;
    }
    const rest = this.target.ways.slice(this.#way);
    this.target = { ...this.target, ways: [...ways, ...rest] };
    this.#way = 0;
    this.nextWay();
  }

  /** The caller has cancelled: name servers that are away may be waited for for long, and nobody else has it. */
  endLookUp(): void {
    if (this.pending && this.#lookingUp && this.earlier === undefined) this.fail(487, undefined);
  }

  #listen(proxy: string | undefined, silence: number): void {
    const { timers } = this.context.core;
    this.#silence = new Silence(this, proxy);
    timers.schedule(this.#silence, this.context.core.now() + silence);
  }

  protected send(hop: Hop, way: Way | undefined): void {
    this.attempt++;
    const sent = this.context.core.copier.send(this, hop, way, this.attempt, this.#timedSince);
    if (sent !== undefined) {
      this.current = sent;
      return;
    }
    // the next way may be a stream
    this.#tooLarge = true;
    if (this.target.ways.length > 0) this.nextWay();
    else this.fail(513, undefined);
  }

  /** Another try has only what the one before left of Timer B or F. A 100 stops Timer B (RFC 3261 17.1.1.2), not F. */
  get #timedSince(): number | undefined {
    const { earlier } = this;
    return earlier?.method === 'INVITE' && earlier.lastStatus >= 100 ? undefined : earlier?.startedAt;
  }

  /** The same over a new connection. By its branch it is a retransmission to whom has it already. */
  protected sendAgain({ request, branch, method, hop, startedAt }: ClientTransaction): void {
    this.current = this.context.core.layer.send(request, branch, method, hop, this, startedAt);
  }

  protected listenNoMore(): void {
    if (this.#silence !== undefined) this.context.core.timers.cancel(this.#silence);
  }

  /** Whether ways are left that were not taken. */
  protected get hasNextWay(): boolean {
    return this.target.ways.length > this.#way;
  }
}
