import type { ProxyConfig } from '../config.ts';
import type { ClientTransaction } from '../transaction/client-transaction.ts';
import type { Message } from '../sip/message.ts';
import { fits, type Hop } from '../transport/hop.ts';
import { LARGE } from '../transport/resolve.ts';
import type { Member } from '../upstream/pair.ts';
import { Branches } from './branch.ts';
import type { Core } from './core.ts';
import type { AlongWays } from './along-ways.ts';
import { forwardRequest, type Names } from './forward.ts';
import type { Received } from './received.ts';
import { flowEnd, OPEN, tagHash, type End } from './token.ts';
import type { Way } from './way.ts';

/** What Via and Record-Route add to a request, bytes. */
const GROWTH = 250;

/** Writes and sends the copies of requests: branch, Record-Route token and hand-over token are put in here. */
export class Copier {
  readonly #core: Core;
  readonly #branches: Branches;
  #names: Names;

  constructor(core: Core, config: ProxyConfig) {
    this.#core = core;
    const { namespace, cluster, switch: name, dn, place } = config;
    this.#branches = new Branches(`${namespace}/${cluster}/${name}/${dn}`, place.name);
    this.#names = namesOf(config);
  }

  reconfigure(config: ProxyConfig): void {
    this.#names = namesOf(config);
  }

  /**
   * `startedAt`: since when Timer B or F counts, if not from now. Undefined: with what it gets from us it fits in no
   * datagram, and is not sent.
   */
  send(
    copy: AlongWays,
    hop: Hop,
    way: Way | undefined,
    attempt: number,
    startedAt: number | undefined,
  ): ClientTransaction | undefined {
    const { received, callerEnd } = copy.context;
    const branch = this.#branch(received, hop, way, attempt);
    const text = this.#text(received, hop, way, callerEnd, branch, copy.breadth);
    if (!fits(text.length, hop)) return undefined;
    if (text.length > LARGE && hop.transport === 'UDP') this.#core.counts.largeDatagrams++;
    return this.#core.layer.send(text, branch, received.message.method, hop, copy, startedAt);
  }

  /** A copy that no transaction belongs to: the ACK of a 2xx (RFC 3261 16.11). */
  sendStateless(received: Received, hop: Hop, way: Way | undefined): void {
    const branch = this.#branch(received, hop, way, 1);
    this.#core.outside.send(this.#text(received, hop, way, undefined, branch, received.maxBreadth), hop);
  }

  /** Whether this proxy wrote the branch. */
  isOurs(branch: string): boolean {
    return this.#branches.isOurs(branch);
  }

  /** What the branches of a request's copies say of how it came; the same again: it loops. */
  routingHash(message: Message, sender: string): number {
    return this.#branches.routingHash(message, sender);
  }

  hasLooped({ message, loop }: Received): boolean {
    return this.#branches.hasLooped(message, loop);
  }

  hopToMember(member: Member): Hop | undefined {
    return member.address === '' ? undefined : this.#core.reach.inward(member.transport, member.address, member.port);
  }

  /** Looks up the names of a way and tells the copy. */
  resolve(way: Way, copy: AlongWays): void {
    this.#hops(way, copy.context.received, (hops) => copy.resolved(hops.map((hop) => ({ ...way, hop }))));
  }

  /** As resolve(), for what is sent without state. */
  resolveStateless(received: Received, way: Way): void {
    this.#hops(way, received, (hops) => {
      const [first] = hops;
      if (first === undefined) return;
      this.sendStateless(received, first, way);
      if (way.reached !== 'ByTcp' || first.transport !== 'UDP') return;
      // nobody says that a datagram finds no listener in time, and twice the ACK does no harm
      const stream = hops.find(({ transport }) => transport === 'TCP');
      if (stream !== undefined) this.sendStateless(received, stream, way);
    });
  }

  #hops({ uri = '', reached }: Way, received: Received, use: (hops: readonly Hop[]) => void): void {
    const { failedTargets, now } = this.#core;
    // a dialog is known to one target alone, and another would end it by 481
    const take = (hops: readonly Hop[]): void =>
      use(received.message.toTag === '' ? failedTargets.last(hops, now()) : hops);
    const unresolved = (error: unknown): void => {
      this.#core.counts.unresolved++;
      this.#core.log.info({ uri, err: error }, 'next hop could not be resolved');
      take([]);
    };
    let found: readonly Hop[] | Promise<readonly Hop[]>;
    try {
      found = this.#core.outside.resolve(uri, received.message.text.length + GROWTH, reached);
    } catch (error) {
      unresolved(error);
      return;
    }
    if (!(found instanceof Promise)) {
      take(found);
      return;
    }
    found.then(take, unresolved).catch((error: unknown) => {
      this.#core.counts.internalErrors++;
      this.#core.log.error({ err: error, uri }, 'a request could not be sent to what its next hop was resolved to');
    });
  }

  #branch(received: Received, hop: Hop, way: Way | undefined, attempt: number): string {
    const { message, sender, from } = received;
    const { via } = message;
    const source = sender === 'Endpoint' && via.host !== from.address ? from.address : '';
    const key = via.branch === '' ? message.method : via.branch;
    const branches = way?.as === undefined ? this.#branches : this.#branches.of(way.as.name);
    const target = way?.requestUri === undefined ? hop.address : `${way.requestUri} ${phoneAt(hop, way)}`;
    const tried = way?.as?.attempt ?? attempt;
    return branches.branch(key, via.host, message.callId, message.cseq, target, tried, received.loop, source);
  }

  #text(
    received: Received,
    hop: Hop,
    way: Way | undefined,
    callerEnd: End | undefined,
    branch: string,
    maxBreadth: number,
  ): string {
    const core = this.#core;
    const { message } = received;
    const now = core.wall();
    let recordRoute: string | undefined;
    let facing: Hop | undefined;
    if (callerEnd !== undefined) {
      const phone = way?.handover?.phone;
      if (phone !== undefined) facing = core.reach.hop(phone.transport, phone.sourceAddress, phone.sourcePort);
      const callee = way?.end ?? OPEN;
      const token = { use: 'dialog', caller: callerEnd, callee, callerTag: tagHash(message.fromTag) } as const;
      recordRoute = core.signer.sign(token, message.callId, now);
      if (recordRoute === undefined) core.counts.noKey++;
    }
    let routes = way?.routes;
    if (way?.handover !== undefined) {
      core.counts.handedOver++;
      const { end, count, proxy } = way.handover;
      // a UDP address does not say whose NAT it is behind
      const owner = end.kind === 'udp' ? flowEnd(proxy.name, proxy.boot, 0) : OPEN;
      const token = { use: 'handover', caller: owner, callee: end, callerTag: count } as const;
      const transport = hop.transport === 'UDP' ? '' : `;transport=${hop.transport.toLowerCase()}`;
      const host = hop.address.includes(':') ? `[${hop.address}]` : hop.address;
      routes = [`<sip:${core.signer.sign(token, message.callId, now) ?? 'none'}@${host}:${hop.port}${transport};lr>`];
    }
    const sentBy = way?.as?.sentBy;
    const byRoute = way?.byRoute;
    const copy = { hop, branch, uri: way?.requestUri, recordRoute, facing, routes, sentBy, byRoute, maxBreadth };
    return forwardRequest(received, copy, this.#names);
  }
}

/** Which of the phones that have one contact, as behind NATs they may: by its flow at another proxy, its Path or its address. */
function phoneAt({ address, port }: Hop, { handover, routes }: Way): string {
  if (routes !== undefined) return routes.join();
  const phone = handover?.end;
  if (phone?.kind === 'flow') return `${phone.boot} ${phone.number}`;
  return phone?.kind === 'udp' ? `${phone.address} ${phone.port}` : `${address} ${port}`;
}

function namesOf(config: ProxyConfig): Names {
  return { recordRouteHost: config.recordRoute === 'Address' ? undefined : (config.fqdn?.srv ?? config.fqdn?.a) };
}
