import type { Socket } from 'node:dgram';
import { Dialog } from './dialog.ts';
import { answer, branch, exchangeOf, methodOf, type Side } from './message.ts';
import { UdpPhones, udpSocket, type Phones } from './phones.ts';
import type { Opening, Scenario } from './scenarios/scenario.ts';
import { Server, T1 } from './server.ts';

export interface LoadOptions {
  readonly scenario: Scenario;
  /** Where phones send to: a proxy, or the SIP Server itself for the direct path. */
  readonly to: Side;
  /** Whose exchanges they are; by default those of phones over UDP. */
  readonly phones?: Phones | undefined;
  /** Exchanges a second. */
  readonly rate: number;
  /** ms before counting begins, and ms that are counted. */
  readonly warm: number;
  readonly window: number;
}

/** What came of the window's exchanges. */
export interface LoadResult {
  readonly begun: number;
  readonly completed: number;
  readonly failed: number;
  /** Of the failed ones how many were refused, by status; the others had no answer. */
  readonly refused: Readonly<Record<number, number>>;
  readonly retransmitted: number;
  /** ms from what begins an exchange to its first answer other than 100, sorted. */
  readonly times: Float64Array;
}

interface Exchange {
  readonly opening: Opening;
  readonly sentAt: number;
  readonly counted: boolean;
  /** What is sent again, and since when it waits; '': nothing. */
  waiting: string;
  waitingSince: number;
  heard: boolean;
  answered: boolean;
}

/** How long one that is not completed counts as under way, ms. */
const GIVE_UP = 8000;

/** Phones and the SIP Server in one process, over sockets of this address: an open loop, whatever comes back. */
export class Load {
  /** Where the SIP Server is, and where phones over UDP are. */
  readonly server: Side;
  readonly phones: Side;
  readonly #server: Server;
  readonly #udp: UdpPhones;
  readonly #giveUp: number;
  #phones: Phones;
  #scenario: Scenario | undefined;
  #run = '';
  #stopped = false;
  #exchanges = new Map<number, Exchange>();
  #counts = { begun: 0, completed: 0, retransmitted: 0 };
  #times: number[] = [];
  #refused: Record<number, number> = {};

  static async open(address: string, giveUp = GIVE_UP): Promise<Load> {
    return new Load(await udpSocket(address), await udpSocket(address), giveUp);
  }

  private constructor(phones: Socket, server: Socket, giveUp: number) {
    this.#giveUp = giveUp;
    this.#server = new Server(server);
    this.#udp = new UdpPhones(phones, (text) => this.receive(text));
    this.#phones = this.#udp;
    this.server = this.#server.at;
    this.phones = this.#udp.of();
  }

  /** One exchange; whether it was completed within `ms`. */
  async probe(scenario: Scenario, to: Side, ms: number): Promise<boolean> {
    const result = await this.run({ scenario, to, rate: 1000 / ms, warm: 0, window: ms });
    return result.completed > 0;
  }

  /** Rejects if it was stopped. */
  async run({ scenario, to, phones, rate, warm, window }: LoadOptions): Promise<LoadResult> {
    this.#udp.to = to;
    this.#phones = phones ?? this.#udp;
    this.#scenario = scenario;
    this.#run = `r${Math.floor(Math.random() * 0x1_0000_0000).toString(36)}`;
    this.#exchanges = new Map();
    this.#counts = { begun: 0, completed: 0, retransmitted: 0 };
    this.#times = [];
    this.#refused = {};
    const start = performance.now();
    const end = start + warm + window;
    let sent = 0;
    let swept = start;
    for (;;) {
      if (this.#stopped) throw new Error('the benchmark was told to end');
      const now = performance.now();
      const due = Math.min(now, end) - start;
      for (const upTo = Math.floor((due * rate) / 1000); sent < upTo; sent++) {
        this.#begin(scenario, sent, now >= start + warm);
      }
      if (now - swept >= 50) {
        this.#sweep(now, start + warm);
        swept = now;
      }
      const over = now >= end && (this.#exchanges.size === 0 || now >= end + this.#giveUp);
      if (over) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { begun, completed, retransmitted } = this.#counts;
    const times = Float64Array.from(this.#times).sort();
    return { begun, completed, failed: begun - completed, refused: this.#refused, retransmitted, times };
  }

  /** A phone got this. */
  receive(text: string): void {
    const now = performance.now();
    const number = exchangeOf(text, this.#run);
    if (number < 0) return;
    const exchange = this.#exchanges.get(number);
    if (text.startsWith('NOTIFY ')) {
      this.#phones.send(number, answer(text, 200, 'OK', this.#phones.of(number)));
      if (exchange !== undefined) this.#complete(number, exchange, now);
      return;
    }
    if (exchange === undefined) return;
    const status = Number(text.slice(8, 11));
    if (status > 299) this.#refuse(number, status, exchange);
    else if (methodOf(text) === 'INVITE') this.#inviteAnswered(number, exchange, text, status, now);
    else if (status > 199) this.#accepted(number, exchange, text, now);
  }

  /** Nothing of any proxy's calls and subscriptions goes on. */
  forget(): void {
    this.#server.forget();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** What runs rejects, and what would run later. */
  stop(): void {
    this.#stopped = true;
  }

  close(): void {
    this.#udp.close();
    this.#server.close();
  }

  #begin(scenario: Scenario, number: number, counted: boolean): void {
    const opening = scenario.open(number, this.#run, this.#phones.of(number));
    const now = performance.now();
    this.#exchanges.set(number, {
      opening,
      sentAt: now,
      counted,
      waiting: opening.text,
      waitingSince: now,
      heard: false,
      answered: false,
    });
    if (counted) this.#counts.begun++;
    this.#phones.send(number, opening.text);
  }

  #inviteAnswered(number: number, exchange: Exchange, text: string, status: number, now: number): void {
    if (!exchange.answered) exchange.waiting = '';
    if (status > 100) this.#heard(exchange, now);
    if (status < 200) return;
    const phone = this.#phones.of(number);
    const dialog = exchange.opening.dialog ?? new Dialog(text);
    this.#phones.send(number, dialog.ack(text, phone, branch(this.#run, number, 'a')));
    if (exchange.answered) return;
    exchange.answered = true;
    if (exchange.opening.completedBy === 'ACK') {
      this.#scenario?.established?.(number, dialog);
      this.#complete(number, exchange, now);
      return;
    }
    exchange.waiting = dialog.next('BYE', phone, branch(this.#run, number, 'b'));
    exchange.waitingSince = now;
    this.#phones.send(number, exchange.waiting);
  }

  /** The 2xx to anything but an INVITE. */
  #accepted(number: number, exchange: Exchange, text: string, now: number): void {
    this.#heard(exchange, now);
    if (exchange.opening.completedBy !== 'NOTIFY') {
      this.#complete(number, exchange, now);
      return;
    }
    exchange.waiting = '';
    if (exchange.opening.dialog === undefined) this.#scenario?.established?.(number, new Dialog(text));
  }

  #heard(exchange: Exchange, now: number): void {
    if (exchange.heard) return;
    exchange.heard = true;
    if (exchange.counted) this.#times.push(now - exchange.sentAt);
  }

  #complete(number: number, exchange: Exchange, now: number): void {
    this.#heard(exchange, now);
    this.#exchanges.delete(number);
    if (exchange.counted) this.#counts.completed++;
  }

  #refuse(number: number, status: number, { counted }: Exchange): void {
    this.#exchanges.delete(number);
    if (counted) this.#refused[status] = (this.#refused[status] ?? 0) + 1;
  }

  /** What has waited for T1 is sent again each T1, without backing off: the load shall not ease under stress. */
  #sweep(now: number, countedFrom: number): void {
    let again = this.#server.sweep(now);
    for (const [number, exchange] of this.#exchanges) {
      if (now - exchange.sentAt > this.#giveUp) this.#exchanges.delete(number);
      else if (!this.#phones.reliable && exchange.waiting !== '' && now - exchange.waitingSince >= T1) {
        exchange.waitingSince = now;
        again++;
        this.#phones.send(number, exchange.waiting);
      }
    }
    if (now >= countedFrom) this.#counts.retransmitted += again;
  }
}
