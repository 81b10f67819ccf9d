import { parseMessage } from '../../proxy/sip/message.ts';
import { optionsRequest } from '../../proxy/upstream/options-request.ts';
import type { Member } from '../../proxy/upstream/pair.ts';
import type { PingResult } from '../../proxy/upstream/upstreams.ts';
import type { Appointment } from './clock.ts';
import type { Host, Network } from './network.ts';

/** As proxy/upstream/pinger.ts repeats an OPTIONS over UDP, ms. */
const REPEATS = [500, 1000];

interface Ping {
  /** What is still to come of it: it is sent again, and given up. */
  readonly appointments: Appointment[];
  readonly number: number;
  readonly branch: string;
  readonly began: number;
}

/** The oos-check's edge: OPTIONS over a connected socket a member, so that a closed port is noticed at once. */
export class PingerModel {
  readonly #host: Host;
  readonly #network: Network;
  readonly #id: string;
  readonly #done: (member: Member, result: PingResult) => void;
  readonly #ports = new Map<Member, number>();
  readonly #pings = new Map<Member, Ping[]>();
  #count = 0;
  #closed = false;

  /** `id`: differs at every start. */
  constructor(host: Host, network: Network, id: string, done: (member: Member, result: PingResult) => void) {
    this.#host = host;
    this.#network = network;
    this.#id = id;
    this.#done = done;
  }

  ping(member: Member, timeout: number): void {
    const number = ++this.#count;
    const ping: Ping = {
      appointments: [],
      number,
      branch: `z9hG4bK-ping-${this.#id}-${number}`,
      began: this.#network.clock.now,
    };
    const pings = this.#pings.get(member) ?? [];
    this.#pings.set(member, pings);
    pings.push(ping);
    const port = this.#portTo(member);
    const text = optionsRequest({
      transport: 'UDP',
      remote: member.label,
      local: `${this.#host.address}:${port}`,
      branch: ping.branch,
      tag: String(number),
      callId: `ping-${this.#id}-${number}`,
      cseq: number,
    });
    const send = (): void => {
      if (pings.includes(ping) && !this.#closed)
        this.#network.send(this.#host, port, member.address, member.port, text);
    };
    send();
    const { clock } = this.#network;
    for (const at of REPEATS) if (at < timeout) ping.appointments.push(clock.after(at, () => this.#host.happens(send)));
    ping.appointments.push(
      clock.after(timeout, () =>
        this.#host.happens(() => {
          if (this.#end(member, ping)) this.#done(member, { failed: 'Timeout' });
        }),
      ),
    );
  }

  close(): void {
    this.#closed = true;
    for (const port of this.#ports.values()) this.#host.sockets.delete(port);
  }

  #portTo(member: Member): number {
    let port = this.#ports.get(member);
    if (port !== undefined) return port;
    port = this.#network.freePort();
    this.#ports.set(member, port);
    this.#host.sockets.set(port, {
      receive: (text) => this.#receive(member, text),
      refused: () => this.#refused(member),
    });
    return port;
  }

  #receive(member: Member, text: string): void {
    const message = parseMessage(text);
    const ping = this.#pings.get(member)?.find(({ branch }) => branch === message.via.branch);
    if (ping === undefined || message.isRequest || message.status < 200) return;
    for (const earlier of [...(this.#pings.get(member) ?? [])])
      if (earlier.number <= ping.number) this.#end(member, earlier);
    this.#done(member, { answered: message.status, rtt: this.#network.clock.now - ping.began });
  }

  #refused(member: Member): void {
    const pings = this.#pings.get(member) ?? [];
    if (pings.length === 0 || this.#closed) return;
    for (const ping of pings.splice(0)) callOff(ping);
    this.#done(member, { failed: 'ConnectionRefused' });
  }

  #end(member: Member, ping: Ping): boolean {
    const pings = this.#pings.get(member) ?? [];
    const index = pings.indexOf(ping);
    if (index < 0 || this.#closed) return false;
    pings.splice(index, 1);
    callOff(ping);
    return true;
  }
}

function callOff({ appointments }: Ping): void {
  for (const appointment of appointments) appointment.run = undefined;
}
