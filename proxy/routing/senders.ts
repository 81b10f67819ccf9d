import type { LimitsConfig } from '../limits.ts';
import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { parseVia } from '../sip/via.ts';
import type { ClientTransaction, ServerTransaction } from '../transaction/layer.ts';
import type { Hop } from '../transport/hop.ts';
import type { Core } from './core.ts';
import { Copying } from './copying.ts';
import { LateResponses } from './late-responses.ts';
import { type Allowance, Offences } from './offences.ts';
import { TokenBucket } from './token-bucket.ts';
import { answerPort } from './source.ts';

/** Seconds' worth of bad messages, and of refused REGISTERs, that one Endpoint has to its credit at first. */
const BURST = { bad: 4, refusedRegisters: 50 };
/** Refused REGISTERs that a granted one makes up for: a challenge comes before it. */
const GRANTED = 2;
/** How often a second it is looked up whose response did not arrive: among all that there are. */
const LOOK_UPS = 4;
/** How often the log says that an Endpoint is no longer answered, ms. */
const TELL_EVERY = 10_000;

/** Where messages come from, and what those who are no more than Endpoints may do from there. */
export class Senders {
  readonly #core: Core;
  readonly #late: LateResponses;
  /** What one Endpoint may send that is malformed or refused here; the rest of it is dropped without a word. */
  readonly #bad: Offences;
  readonly #refusedRegisters: Offences;
  readonly #lookUps = new TokenBucket(LOOK_UPS);
  #toldAt = -Infinity;

  constructor(core: Core) {
    this.#core = core;
    this.#late = new LateResponses(core);
    const { bad, refusedRegisters } = allowances(core.limits);
    this.#bad = new Offences(bad);
    this.#refusedRegisters = new Offences(refusedRegisters);
  }

  reconfigure(): void {
    const { bad, refusedRegisters } = allowances(this.#core.limits);
    this.#bad.retune(bad);
    this.#refusedRegisters.retune(refusedRegisters);
  }

  /** More than an Endpoint: a member, proxy, server or Sbc, by its address or certificate. */
  isTrusted(from: Hop): boolean {
    const { trust, identity, upstreams } = this.#core;
    if (identity.proxyAt(from.address) !== undefined || trust.sbcs.has(from)) return true;
    if (from.listener.side === 'External') return false;
    const member =
      from.transport === 'UDP' ? upstreams.memberAt(from.address, from.port) : upstreams.memberAtAddress(from.address);
    return member !== undefined || trust.servers.has(from);
  }

  /**
   * Where the responses to a request go. A phone's to where it sent from, whatever its Via says: there is a NAT between,
   * or it lies. Of others who don't ask for that, a datagram's to the port of their Via (RFC 3261 18.2.2).
   */
  answersGo({ via }: Message, from: Hop): Hop {
    if (from.transport !== 'UDP') return from;
    const port = answerPort(via, from);
    if (port === from.port || !this.isTrusted(from)) return from;
    return { transport: from.transport, address: from.address, port, listener: from.listener };
  }

  /**
   * RFC 3261 22.1: what can't be challenged, a CANCEL, counts from the same hop as its INVITE; and so does the ACK of a
   * 300 to 699. A phone keeps its address and nothing else, a server or an Sbc may have several, and other proxies have
   * asked themselves the same.
   */
  mayEnd(invite: ServerTransaction, from: Hop): boolean {
    const asked = invite.from;
    if (asked.connection !== undefined && asked.connection === from.connection) return true;
    const side = this.#sideOf(from);
    if (side === 'Proxy') return true;
    if (side !== 'Endpoint' && asked.address === from.address) return true;
    return side === this.#sideOf(asked) && (side !== 'Endpoint' || asked.address === from.address);
  }

  /** The same of a CANCEL that other proxies handed over: the `vias` topmost ones are theirs. */
  mayEndBelow(invite: ServerTransaction, cancel: Message, vias: number): boolean {
    const { host, received } = parseVia(cancel.values(Header.Via)[vias] ?? '');
    const address = received === '' ? host : received;
    const asked = invite.from;
    return (
      asked.address === address ||
      (this.isTrusted(asked) && this.isTrusted({ ...asked, address, connection: undefined }))
    );
  }

  #sideOf(hop: Hop): 'Proxy' | 'Sbc' | 'Server' | 'Endpoint' {
    const { trust, identity } = this.#core;
    if (identity.proxyAt(hop.address) !== undefined || identity.showsProxyName(hop)) return 'Proxy';
    if (!this.isTrusted(hop)) return 'Endpoint';
    return trust.sbcs.has(hop) ? 'Sbc' : 'Server';
  }

  /**
   * The connection that a request came over is closed, or the address that a datagram came from is not to be reached. A
   * phone that has only ended its own side still gets its response there, else it is lost: any port may be anybody's.
   */
  answerAnew(from: Hop, answer: string): void {
    const reachable = from.transport !== 'WS' && from.transport !== 'WSS';
    // another data centre's proxies may come from a NAT's address
    const known = this.isTrusted(from) || this.#core.identity.showsProxyName(from);
    if (reachable && known) this.#late.send(answer, from);
    else if (from.connection?.lingers === true) this.#core.outside.send(answer, from);
    else this.#core.counts.responsesLost++;
  }

  /** Nothing reaches `hop`. */
  failed(hop: Hop): void {
    this.#late.failed(hop);
  }

  /** ICMP: a response that began with `sent` did not get to `hop`. A phone is nowhere else. */
  responseUndelivered(hop: Hop, sent: string): void {
    if (this.#late.undelivered(hop, sent) || !this.isTrusted(hop)) return;
    if (this.#lookUps.take(this.#core.now())) this.#core.layer.responseUndelivered(hop, sent);
  }

  /** Something bad came from there. @returns whether it may still be answered */
  mayComplain(from: Hop): boolean {
    const { counts, log, now } = this.#core;
    if (this.isTrusted(from) || this.#bad.note(from.address, from.port, now())) return true;
    counts.badUnanswered++;
    if (now() - this.#toldAt >= TELL_EVERY) {
      this.#toldAt = now();
      log.warn(
        { from: `${from.transport} ${from.address}:${from.port}`, unanswered: counts.badUnanswered },
        'too many bad messages: they are no longer answered',
      );
    }
    return false;
  }

  /** Whether one more REGISTER from there may go to a server. */
  mayRegister({ address, port }: Hop): boolean {
    if (!this.#refusedRegisters.spent(address, port, this.#core.now())) return true;
    this.#core.counts.registersCapped++;
    return false;
  }

  /** A REGISTER from there was answered by a server. */
  registerAnswered(from: Hop, status: number): void {
    if (this.isTrusted(from)) return;
    const { address, port } = from;
    const now = this.#core.now();
    if (status < 300) this.#refusedRegisters.forgive(address, port, GRANTED, now);
    else if (status < 500 || status >= 600) this.#refusedRegisters.note(address, port, now);
  }

  /**
   * A response may come from any address (a server has several), but what a REGISTER's brings is stored: only who could
   * have been asked may grant it. A phone can work out the branch of its own REGISTER for another's AOR.
   */
  mayAnswer({ owner }: ClientTransaction, from: Hop): boolean {
    return !(owner instanceof Copying) || owner.context.registration === undefined || this.mayGrant(from);
  }

  /** Whether a response to a REGISTER is believed from there, be it to one of ours or to another proxy's. */
  mayGrant(from: Hop): boolean {
    if (this.isTrusted(from) || this.#isMembers(from)) return true;
    this.#core.counts.forgedGrants++;
    return false;
  }

  /** Whether a response from there may say by P-Asserted-Identity whose the call is (RFC 3325). */
  mayAssert(from: Hop): boolean {
    return this.isTrusted(from) || this.#isMembers(from) || this.#core.identity.showsProxyName(from);
  }

  /** From whichever of its ports. */
  #isMembers({ listener, address }: Hop): boolean {
    return listener.side !== 'External' && this.#core.upstreams.memberAtAddress(address) !== undefined;
  }
}

function allowances({
  badMessagesPerSecond,
  refusedRegistersPerSecond,
}: LimitsConfig): Record<keyof typeof BURST, Allowance> {
  return {
    bad: { burst: BURST.bad * badMessagesPerSecond, perSecond: badMessagesPerSecond },
    refusedRegisters: {
      burst: BURST.refusedRegisters * refusedRegistersPerSecond,
      perSecond: refusedRegistersPerSecond,
    },
  };
}
