import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import type { Host } from './network.ts';
import type { ProxyModel } from './proxy-model.ts';
import type { World } from './world.ts';

/** A server transaction of a proxy, as seen from outside. */
interface Exchange {
  /** The proxy's run that it belongs to. */
  readonly boot: string;
  final: number;
  finalAt: number;
}

/** For how long after its final response a transaction over UDP surely still is one, ms. */
const SURELY = 4000;
/** Messages that the monitor remembers. */
const MEMORY = 50_000;

/** Invariants of single messages, seen on the wire. */
export class WireMonitor {
  readonly #world: World;
  readonly #requests = new Map<string, Exchange>();
  /** Branches that proxies have sent. */
  readonly #branches = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A proxy sends a message from its SIP port. */
  sent(proxy: ProxyModel, to: Host, text: string): void {
    const message = parseMessage(text);
    if (message.isRequest) this.#requestSent(proxy, to, message);
    else this.#responseSent(proxy, to, message);
  }

  /** A message comes to its host. */
  arrived(from: Host, to: Host, text: string): void {
    const { ledger, truth, clock } = this.#world;
    const message = parseMessage(text);
    const call = ledger.ofLeg(message.callId);
    if (call !== undefined) {
      call.hosts.add(from);
      call.hosts.add(to);
    }
    const proxy = this.#world.proxyAt(to);
    if (proxy !== undefined && message.isRequest) this.#requestArrived(proxy, from, message);
    if (proxy !== undefined && message.method === 'REGISTER' && message.status >= 200 && message.status < 300) {
      if (this.#world.pairAt(from) !== undefined) truth.told(message.callId, message.cseq, proxy.name, clock.now);
    }
    if (message.isRequest && message.toTag !== '' && this.#world.proxyAt(from) !== undefined) {
      const pair = this.#world.pairAt(to);
      const there = ledger.pairsOf(message.callId);
      if (pair !== undefined && there.size > 0 && !there.has(pair)) {
        const names = [...there].map(({ name }) => name).join();
        this.#world.violation(
          'WrongPair',
          `${message.method} of a call of ${names} came to ${pair.name}`,
          message.callId,
        );
      }
    }
  }

  #requestArrived(proxy: ProxyModel, from: Host, message: Message): void {
    if (message.method === 'ACK' || proxy.process === undefined) return;
    const key = `${proxy.name} ${from.address} ${message.via.branch} ${message.method}`;
    const { boot } = proxy.process;
    if (this.#requests.get(key)?.boot === boot) return;
    if (this.#requests.size > MEMORY) this.#requests.clear();
    this.#requests.set(key, { boot, final: 0, finalAt: 0 });
  }

  #responseSent(proxy: ProxyModel, to: Host, message: Message): void {
    const { clock } = this.#world;
    const key = `${proxy.name} ${to.address} ${message.via.branch} ${message.method}`;
    const exchange = this.#requests.get(key);
    if (exchange === undefined) {
      // a 2xx to INVITE goes on without state, from a run of the proxy that has none
      if (message.method === 'INVITE' && message.status >= 200 && message.status < 300) return;
      this.#world.violation(
        'ResponseToNothing',
        `${proxy.name} sent ${message.status} to ${to.name}, which asked nothing`,
        message.callId,
      );
      return;
    }
    const { status } = message;
    if (status < 200) {
      if (exchange.final !== 0)
        this.#world.violation('ProvisionalAfterFinal', `${status} after ${exchange.final}`, message.callId);
      return;
    }
    const isSuccess = message.method === 'INVITE' && status < 300;
    const same = exchange.boot === proxy.process?.boot && clock.now - exchange.finalAt < SURELY;
    if (exchange.final !== 0 && same && exchange.final !== status && !isSuccess) {
      this.#world.violation(
        'SecondFinal',
        `${proxy.name} sent ${status} to ${message.method} after ${exchange.final}`,
        message.callId,
      );
    }
    if (exchange.final === 0) {
      exchange.final = status;
      exchange.finalAt = clock.now;
    }
  }

  #requestSent(proxy: ProxyModel, to: Host, message: Message): void {
    const { branch } = message.via;
    const { method } = message;
    const known = this.#branches.has(branch);
    if (this.#branches.size > MEMORY) this.#branches.clear();
    this.#branches.add(branch);
    if (known || method === 'CANCEL' || method === 'ACK') return;
    const { process } = proxy;
    const pair = process?.upstreams.pairs.find(
      (candidate) => candidate.local && candidate.members.some(({ address }) => address === to.address),
    );
    const member = pair?.members.find(({ address }) => address === to.address);
    if (process === undefined || pair === undefined || member === undefined) return;
    const health = process.upstreams.health(proxy.now()).find(({ name }) => name === pair.name);
    const state = health?.members.find(({ role }) => role === member.role)?.state;
    if (state === 'Down' || state === 'Standby') {
      this.#world.violation(
        'SentToOut',
        `${proxy.name} sent ${method} to ${pair.name}'s ${member.role}, which it knows to be ${state}`,
        message.callId,
      );
    }
  }
}
