import type { Connection, Transport } from '../../proxy/transport/hop.ts';
import type { Host, Network } from './network.ts';

/** How long TCP sends again before it gives a connection up, ms. */
const GIVE_UP = 15_000;
const AGAIN = 300;

/** One end of a TCP connection: whole messages, in order, none lost while it is open. */
export class StreamEnd implements Connection {
  readonly transport: Transport = 'TCP';
  readonly number: number;
  readonly host: Host;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly inbound: boolean;
  open = true;
  holds = 0;
  message: (text: string) => void = () => {};
  /** The other side closed it, or it broke. */
  closed: () => void = () => {};
  /** Set once both ends are made. */
  peer: StreamEnd | undefined;
  readonly #network: Network;
  readonly #held: { readonly text: string; readonly since: number }[] = [];
  #arrival = 0;

  constructor(
    network: Network,
    host: Host,
    number: number,
    remoteAddress: string,
    remotePort: number,
    inbound: boolean,
  ) {
    this.#network = network;
    this.host = host;
    this.number = number;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
    this.inbound = inbound;
    host.streams.add(this);
  }

  /** False if it is closed. */
  send(text: string): boolean {
    if (!this.open) return false;
    if (this.peer !== undefined) this.#network.observe('sent', this.host, this.peer.host, text);
    if (this.#held.push({ text, since: this.#network.clock.now }) === 1) this.#flush();
    return true;
  }

  /** Closes this end; the other hears of it if it can. */
  close(): void {
    if (!this.open) return;
    this.#end();
    this.#tellPeer();
  }

  /** This end is over and its user is told. */
  break(): void {
    if (!this.open) return;
    this.#end();
    this.host.happens(() => this.closed());
  }

  #end(): void {
    this.open = false;
    this.#held.length = 0;
    this.host.streams.delete(this);
  }

  #tellPeer(): void {
    const { peer } = this;
    if (peer === undefined || !this.#network.isOpen(this.host, peer.host)) return;
    this.#network.clock.at(this.#arrivesAt(peer), () => peer.break());
  }

  #arrivesAt(peer: StreamEnd): number {
    const { clock } = this.#network;
    this.#arrival = Math.max(this.#arrival, clock.now + this.#network.latency(this.host, peer.host));
    return this.#arrival;
  }

  /** Sends what is held, once the way is open. */
  #flush(): void {
    const { peer } = this;
    const { clock } = this.#network;
    const first = this.#held[0];
    if (first === undefined || peer === undefined || !this.open) return;
    if (this.host.paused) {
      this.host.happens(() => this.#flush());
    } else if (this.#network.isOpen(this.host, peer.host)) {
      for (const { text } of this.#held.splice(0)) clock.at(this.#arrivesAt(peer), () => peer.#arrives(text));
    } else if (clock.now - first.since > GIVE_UP) {
      this.break();
    } else {
      clock.after(AGAIN, () => this.#flush());
    }
  }

  #arrives(text: string): void {
    this.host.happens(() => {
      if (!this.host.powered) return;
      if (!this.open) {
        // nobody knows this connection any more: reset
        this.#tellPeer();
        return;
      }
      const { peer } = this;
      if (peer !== undefined) this.#network.arrive(peer.host, this.host, text);
      this.message(text);
    });
  }
}

/** Connects; `done` gets undefined if refused or not answered in time. */
export function connect(
  network: Network,
  from: Host,
  address: string,
  port: number,
  done: (end: StreamEnd | undefined) => void,
): void {
  const to = network.hosts.get(address);
  const began = network.clock.now;
  const fail = (ms: number): void => void network.clock.after(ms, () => from.happens(() => done(undefined)));
  const attempt = (): void => {
    if (to === undefined || network.clock.now - began > 5000) {
      fail(0);
      return;
    }
    if (!network.isOpen(from, to) || !network.isOpen(to, from) || to.paused) {
      network.clock.after(1000, attempt);
      return;
    }
    network.clock.after(network.latency(from, to), () => {
      const accept = to.acceptors.get(port);
      if (!to.powered || accept === undefined) {
        fail(network.latency(to, from));
        return;
      }
      const ours = new StreamEnd(network, from, ++network.streams, address, port, false);
      const theirs = new StreamEnd(
        network,
        to,
        ++network.streams,
        from.address,
        30_000 + (network.streams % 30_000),
        true,
      );
      ours.peer = theirs;
      theirs.peer = ours;
      to.happens(() => accept(theirs));
      network.clock.after(network.latency(to, from), () => from.happens(() => done(ours)));
    });
  };
  attempt();
}
