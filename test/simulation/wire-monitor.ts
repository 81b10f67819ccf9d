import { proxyName, proxyOf } from '../../proxy/routing/branch.ts';
import { Header } from '../../proxy/sip/header.ts';
import { looksLikeToken } from '../../proxy/routing/token.ts';
import { parseMessage, type Message } from '../../proxy/sip/message.ts';
import { parseNameAddr } from '../../proxy/sip/name-addr.ts';
import { parseUri } from '../../proxy/sip/uri.ts';
import { parseVia } from '../../proxy/sip/via.ts';
import { tokenKeyKey } from '../../proxy/store/keys.ts';
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
/** After so long it is over, ms (Timer L and J): what is sent again and held up beyond that begins a new one. */
const OVER = 32_000;
/** Messages on their way at once. */
const READ = 2000;
/** A request goes through a proxy, the one that it is handed to, and, behind one address, the one that that one is for. */
const THROUGH = 3;
/** When a link is whole again, what was missed has come after so long, ms. */
const CATCH_UP = 8000;
/** Messages that the monitor remembers. */
const MEMORY = 50_000;

/** Invariants of single messages, seen on the wire. */
export class WireMonitor {
  readonly #world: World;
  readonly #requests = new Map<string, Exchange>();
  /** What somebody asked any proxy: a response may go on by another one when that one is gone. */
  readonly #asked = new Set<string>();
  /** Messages on their way, read once. */
  readonly #read = new Map<string, Message>();
  /** Branches that proxies have sent, and those of INVITEs. */
  readonly #branches = new Set<string>();
  readonly #invites = new Set<string>();
  /** The ids of the keys that signed the tokens of requests inside dialogs. */
  readonly #keys = new Map<string, readonly number[]>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A proxy sends a message from its SIP port. */
  sent(proxy: ProxyModel, to: Host, text: string): void {
    const message = this.#parse(text);
    if (message.isRequest) this.#requestSent(proxy, to, message);
    else this.#responseSent(proxy, to, message);
    if (proxy.process !== undefined) this.#world.calls.sent(proxy.process, to, message);
  }

  /** A message comes to its host. */
  arrived(from: Host, to: Host, text: string): void {
    const { ledger, truth, clock } = this.#world;
    const message = this.#parse(text);
    const call = ledger.ofLeg(message.callId);
    if (call !== undefined) {
      call.hosts.add(from);
      call.hosts.add(to);
    }
    const proxy = this.#world.proxyAt(to);
    if (proxy?.process !== undefined) this.#world.calls.arrived(proxy.process, from, message);
    if (proxy !== undefined && message.isRequest) this.#requestArrived(proxy, from, message);
    if (proxy !== undefined && message.isRequest && message.toTag !== '') this.#noteKeys(message);
    if (proxy?.process !== undefined && message.method === 'REGISTER') {
      const { boot: run } = proxy.process;
      if (message.isRequest) truth.came(message.callId, message.cseq, run, clock.now);
      // the one that asked; behind one address another one may get it first, and hands it over
      if (isSuccess(message) && proxyOf(message.via.branch) === proxyName(proxy.name))
        truth.told(message.callId, message.cseq, { proxy: proxy.name, run }, clock.now);
    }
    // the ACK of what is no 2xx is its INVITE's, which may have been given to another pair meanwhile
    const isHopByHop = message.method === 'ACK' && this.#invites.has(message.via.branch);
    if (message.isRequest && !isHopByHop && message.toTag !== '' && this.#world.proxyAt(from) !== undefined) {
      const pair = this.#world.pairAt(to);
      const there = ledger.pairsOf(message.callId);
      if (pair !== undefined && there.size > 0 && !there.has(pair) && !this.#cannotKnow(from, message)) {
        const names = [...there].map(({ name }) => name).join();
        this.#world.violation(
          'WrongPair',
          `${message.method} of a call of ${names} came to ${pair.name}`,
          message.callId,
        );
      }
    }
  }

  /** Which keys have signed what a request inside a dialog carries: on its way its Routes go. */
  #noteKeys(message: Message): void {
    const users = message.values(Header.Route).map((route) => parseUri(parseNameAddr(route).uri).user);
    const ids = users.filter(looksLikeToken).map(keyIdOf);
    if (ids.length === 0) return;
    if (this.#keys.size > MEMORY) this.#keys.clear();
    this.#keys.set(requestName(message), ids);
  }

  /**
   * Whether a proxy could not have known where a request inside a dialog belongs, so that it went where its Call-ID
   * hashes to: it knows neither the call nor the key of its token, and that key is lost with every store and proxy that
   * had it, or was made on a store that had been emptied, from where no news could come since, or is in no store, since
   * its own was emptied just before it loaded it, and who still knows the key has yet to put it back.
   */
  #cannotKnow(host: Host, message: Message): boolean {
    const { processes, etcds, clock, faults } = this.#world;
    const proxy = this.#world.proxyAt(host);
    const replica = proxy?.process?.replica;
    const ids = this.#keys.get(requestName(message));
    if (replica === undefined || ids === undefined) return false;
    if (replica.call(message.callId) !== undefined || ids.some((id) => replica.keys.byId(id) !== undefined))
      return false;
    const known = processes.flatMap(({ replica: { keys } }) => ids.flatMap((id) => keys.byId(id) ?? []));
    const isEmptied = proxy !== undefined && this.#foundEmptied(proxy);
    return known.every((key) => {
      const { created, geoLocation } = key;
      if (isEmptied && !etcds.some(({ held }) => held.has(tokenKeyKey(key)))) return true;
      return faults
        .allTouching([host, this.#world.etcd(geoLocation).host], created, clock.now)
        .some(({ between, to }) => between !== undefined && to > created && to + CATCH_UP > clock.now);
    });
  }

  /** Whether the proxy's own store was emptied just now, and before it was loaded. */
  #foundEmptied({ config, process }: ProxyModel): boolean {
    const { faults, clock } = this.#world;
    const { name } = this.#world.etcd(config.geoLocation).host;
    const readyAt = process?.readyAt ?? 0;
    return faults.faults.some(
      ({ what, hosts, to }) =>
        what === 'store lost' && hosts.includes(name) && to <= readyAt && to + CATCH_UP > clock.now,
    );
  }

  #parse(text: string): Message {
    let message = this.#read.get(text);
    if (message !== undefined) return message;
    if (this.#read.size > READ) this.#read.clear();
    message = parseMessage(text);
    this.#read.set(text, message);
    return message;
  }

  #requestArrived(proxy: ProxyModel, from: Host, message: Message): void {
    if (message.method === 'ACK' || proxy.process === undefined) return;
    const key = `${proxy.name} ${from.address} ${message.via.branch} ${message.method}`;
    const { boot } = proxy.process;
    if (this.#requests.get(key)?.boot === boot) return;
    if (this.#requests.size > MEMORY) this.#requests.clear();
    this.#requests.set(key, { boot, final: 0, finalAt: 0 });
    if (this.#asked.size > MEMORY) this.#asked.clear();
    this.#asked.add(`${message.via.branch} ${message.method}`);
  }

  /** Whether a branch is of this proxy, or of one that has its address in common with it. */
  #isOf(branch: string, host: Host): boolean {
    const name = proxyOf(branch);
    return this.#world.proxies.some(
      ({ host: each }) =>
        proxyName(each.name) === name && (each === host || (each.egress !== undefined && each.egress === host.egress)),
    );
  }

  #responseSent(proxy: ProxyModel, to: Host, message: Message): void {
    const { clock, truth } = this.#world;
    const key = `${proxy.name} ${to.address} ${message.via.branch} ${message.method}`;
    const exchange = this.#requests.get(key);
    if (exchange === undefined) {
      // a 2xx to INVITE goes on without state, from a run of the proxy that has none
      if (message.method === 'INVITE' && isSuccess(message)) return;
      // handed to the proxy that sent the request, or in whose name another one did
      if (this.#branches.has(message.via.branch) && this.#isOf(message.via.branch, to)) return;
      // that one is gone
      if (this.#asked.has(`${message.via.branch} ${message.method}`)) return;
      this.#world.violation(
        'ResponseToNothing',
        `${proxy.name} sent ${message.status} to ${to.name}, which asked nothing`,
        message.callId,
      );
      return;
    }
    const { status } = message;
    if (status < 200) {
      if (exchange.final !== 0 && clock.now - exchange.finalAt < OVER)
        this.#world.violation('ProvisionalAfterFinal', `${status} after ${exchange.final}`, message.callId);
      return;
    }
    const isAccepted = message.method === 'INVITE' && status < 300;
    const same = exchange.boot === proxy.process?.boot && clock.now - exchange.finalAt < SURELY;
    if (exchange.final !== 0 && same && exchange.final !== status && !isAccepted) {
      this.#world.violation(
        'SecondFinal',
        `${proxy.name} sent ${status} to ${message.method} after ${exchange.final}`,
        message.callId,
      );
    }
    if (isTurnedAway(message)) truth.refused(message.callId, message.cseq, exchange.boot);
    // what a proxy refuses that is not ready yet it has no transaction of: the same again it may take
    else if (exchange.final === 0 && proxy.process?.replica.ready === true) {
      exchange.final = status;
      exchange.finalAt = clock.now;
    }
  }

  #requestSent(proxy: ProxyModel, to: Host, message: Message): void {
    const { branch } = message.via;
    const { method } = message;
    const through = message.values(Header.Via).filter((value) => proxyOf(parseVia(value).branch) !== undefined).length;
    if (through > THROUGH)
      this.#world.violation('Loop', `${method} has come through ${through} proxies`, message.callId);
    const known = this.#branches.has(branch);
    if (this.#branches.size > MEMORY) this.#branches.clear();
    this.#branches.add(branch);
    if (this.#invites.size > MEMORY) this.#invites.clear();
    if (method === 'INVITE') this.#invites.add(branch);
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

function isSuccess({ status }: Message): boolean {
  return status >= 200 && status < 300;
}

/** A REGISTER that a proxy has no room or no server for leaves no transaction (RFC 3261 8.2.7): sent again it may be taken. */
function isTurnedAway(message: Message): boolean {
  return message.method === 'REGISTER' && message.status === 503 && message.has(Header.RetryAfter);
}

function requestName({ callId, cseq, method }: Message): string {
  return `${callId} ${cseq} ${method}`;
}

/** As proxy/routing/token.ts writes it. */
function keyIdOf(token: string): number {
  return Buffer.from(token, 'base64url').readUInt16BE(1);
}
