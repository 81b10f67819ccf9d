import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { options } from '../builders.ts';

/** How long an OPTIONS may take until it counts as unanswered, ms; over UDP it is sent again meanwhile, as by a phone. */
const PATIENCE = 4_000;
const AGAIN = [500, 1_500];
const EVERY = 50;

/** OPTIONS over UDP and over TCP, 20 a second each, by somebody who does no harm: how they are answered. */
export class Pings {
  sent = 0;
  answered = 0;
  again = 0;
  readonly took: number[] = [];
  readonly #address: string;
  readonly #waiting = new Map<string, number>();
  readonly #udp: UdpSocket;
  readonly #tcp: Socket;
  #timer: NodeJS.Timeout | undefined;

  private constructor(address: string, udp: UdpSocket, tcp: Socket) {
    this.#address = address;
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on('message', (bytes) => this.#heard(bytes.toString('latin1')));
    tcp.on('data', (bytes) => this.#heard(bytes.toString('latin1')));
    tcp.on('error', () => undefined);
  }

  static async begin(address: string, from: string): Promise<Pings> {
    const udp = createSocket('udp4');
    udp.bind(0, from);
    await once(udp, 'listening');
    const tcp = connect({ host: address, port: 5060, localAddress: from, noDelay: true });
    await once(tcp, 'connect');
    const pings = new Pings(address, udp, tcp);
    pings.#timer = setInterval(() => pings.#ping(), EVERY);
    return pings;
  }

  /** Resolves when the last ones are answered or given up. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    const end = performance.now() + PATIENCE;
    while (this.#waiting.size > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
    this.#udp.close();
    this.#tcp.destroy();
  }

  get unanswered(): number {
    return this.sent - this.answered;
  }

  /** ms in which this share of them was answered. */
  within(share: number): number {
    const sorted = this.took.toSorted((a, b) => a - b);
    return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  }

  #ping(): void {
    const { port } = this.#udp.address();
    const sentBy = `127.0.0.1:${port}`;
    for (const transport of ['UDP', 'TCP']) {
      const callId = `ping-${this.sent++}`;
      const text = options({ uri: `sip:${this.#address}`, callId, sentBy, transport });
      this.#waiting.set(callId, performance.now());
      if (transport === 'TCP') this.#tcp.write(text, 'latin1');
      else {
        this.#udp.send(text, 5060, this.#address);
        for (const after of AGAIN) setTimeout(() => this.#again(callId, text), after).unref();
      }
    }
  }

  #again(callId: string, text: string): void {
    if (!this.#waiting.has(callId)) return;
    this.again++;
    this.#udp.send(text, 5060, this.#address);
  }

  #heard(text: string): void {
    for (const [, callId = ''] of text.matchAll(/\r\nCall-ID: (ping-\d+)\r\n/gi)) {
      const at = this.#waiting.get(callId);
      if (at === undefined) continue;
      this.#waiting.delete(callId);
      this.answered++;
      this.took.push(performance.now() - at);
    }
  }
}
