import { fnv1a } from '../../proxy/hash.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';
import type { StreamEnd } from './stream.ts';

/** Bound to a UDP port. `refused`: ICMP said that nothing listens there; connected sockets only. */
export interface Socket {
  receive(text: string, address: string, port: number): void;
  refused?(address: string, port: number): void;
}

/** What is wrong with packets from one place to another. A place is a host's address or a site. */
export interface LinkFault {
  readonly from: string;
  readonly to: string;
  readonly loss: number;
  readonly duplicate: number;
  /** ms on top, and up to so many more by chance: the latter reorders. */
  readonly delay: number;
  readonly jitter: number;
}

/** A machine with one address. */
export class Host {
  readonly name: string;
  readonly address: string;
  readonly site: string;
  /** What others see its datagrams come from, where one address stands for several hosts; they see one another's own. */
  egress: string | undefined;
  /** Without power it says nothing at all, not even that a port is closed. */
  powered = true;
  paused = false;
  readonly sockets = new Map<number, Socket>();
  /** Who takes TCP connections at a port. */
  readonly acceptors = new Map<number, (end: StreamEnd) => void>();
  readonly streams = new Set<StreamEnd>();
  /** What its stopped process has still to see. */
  readonly #backlog: (() => void)[] = [];

  constructor(name: string, address: string, site: string) {
    this.name = name;
    this.address = address;
    this.site = site;
  }

  /** Something happens to its process: now, or when it is resumed. */
  happens(event: () => void): void {
    if (this.paused) this.#backlog.push(event);
    else event();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    for (const event of this.#backlog.splice(0)) event();
  }

  /** Its process died: what it had still to see is gone. */
  forget(): void {
    this.paused = false;
    this.#backlog.length = 0;
  }
}

export type Fate = 'sent' | 'lost' | 'doubled' | 'refused' | 'unheard';

/** Datagrams between hosts: late, lost, doubled and out of order as its faults say. */
export class Network {
  readonly clock: Clock;
  readonly random: Random;
  readonly hosts = new Map<string, Host>();
  /** One address for several hosts, as a load balancer has it. */
  readonly shared = new Map<string, Host[]>();
  faults: LinkFault[] = [];
  /** Ends of TCP connections made so far. */
  streams = 0;
  #ports = 0;
  /** How much slower than usual the periods are in which proxies and stores look about. */
  pace = 1;
  /** Hears of all that is sent and of what becomes of it. */
  observe: (fate: Fate, from: Host, to: Host | undefined, text: string) => void = () => {};
  /** Hears of what arrives, before the one whom it is for. */
  arrive: (from: Host, to: Host, text: string) => void = () => {};

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.random = random;
  }

  add(name: string, address: string, site: string): Host {
    const host = new Host(name, address, site);
    this.hosts.set(address, host);
    return host;
  }

  /** Puts hosts behind one address: what is sent there comes to the one of them that the sender is given. */
  share(address: string, hosts: Host[]): void {
    this.shared.set(address, hosts);
    for (const host of hosts) host.egress = address;
  }

  /** A port that no other socket has, also behind one address. */
  freePort(): number {
    return 40_000 + (this.#ports++ % 20_000);
  }

  /** Who gets what `from` sends to this address: behind a shared one always the same host, as long as it is there. */
  #hostAt(address: string, port: number, from: Host): Host | undefined {
    const behind = this.shared.get(address);
    if (behind === undefined) return this.hosts.get(address);
    const there = behind.filter((host) => host.powered && host.sockets.has(port));
    return there[fnv1a(from.address) % Math.max(1, there.length)] ?? behind[0];
  }

  /** Whether what `from` sends now can reach `to`. */
  isOpen(from: Host, to: Host): boolean {
    return to.powered && from.powered && !this.faults.some((fault) => fault.loss >= 1 && concerns(fault, from, to));
  }

  /** How long a packet takes now, ms. */
  latency(from: Host, to: Host): number {
    let ms = from.site === to.site ? this.random.between(0.2, 1.5) : this.random.between(8, 16);
    for (const fault of this.faults) {
      if (concerns(fault, from, to)) ms += fault.delay + this.random.next() * fault.jitter;
    }
    return ms;
  }

  send(from: Host, fromPort: number, address: string, port: number, text: string): void {
    if (!from.powered) return;
    if (from.paused) {
      from.happens(() => this.send(from, fromPort, address, port, text));
      return;
    }
    const to = this.#hostAt(address, port, from);
    if (to === undefined) {
      this.observe('unheard', from, to, text);
      return;
    }
    let copies = 1;
    for (const fault of this.faults) {
      if (!concerns(fault, from, to)) continue;
      if (fault.loss > 0 && this.random.chance(fault.loss)) copies = 0;
      if (fault.duplicate > 0 && this.random.chance(fault.duplicate)) copies++;
    }
    this.observe(copies === 0 ? 'lost' : copies > 1 ? 'doubled' : 'sent', from, to, text);
    for (let i = 0; i < copies; i++) {
      this.clock.after(this.latency(from, to), () => this.#arrives(from, fromPort, to, port, text));
    }
  }

  #arrives(from: Host, fromPort: number, to: Host, port: number, text: string): void {
    if (!to.powered) return;
    if (to.paused) {
      to.happens(() => this.#arrives(from, fromPort, to, port, text));
      return;
    }
    const socket = to.sockets.get(port);
    if (socket !== undefined) {
      this.arrive(from, to, text);
      const seen = from.egress !== undefined && from.egress !== to.egress ? from.egress : from.address;
      socket.receive(text, seen, fromPort);
      return;
    }
    this.observe('refused', from, to, text);
    if (!this.isOpen(to, from)) return;
    this.clock.after(this.latency(to, from), () => {
      from.happens(() => from.sockets.get(fromPort)?.refused?.(to.address, port));
    });
  }
}

function concerns(fault: LinkFault, from: Host, to: Host): boolean {
  return isAt(from, fault.from) && isAt(to, fault.to);
}

function isAt(host: Host, place: string): boolean {
  return host.address === place || host.site === place;
}
