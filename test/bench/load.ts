import { createSocket, type Socket } from 'node:dgram';
import { answer, firstRequest, inDialog, methodOf, numberOf, type ScenarioName } from './scenario.ts';

export interface Side {
  readonly address: string;
  readonly port: number;
}

export interface LoadOptions {
  readonly scenario: ScenarioName;
  /** Where phones send to: a proxy, or the SIP Server itself for the direct path. */
  readonly to: Side;
  /** Calls or REGISTERs a second. */
  readonly rate: number;
  /** ms before counting begins, and ms that are counted. */
  readonly warm: number;
  readonly window: number;
}

/** What came of the window's calls or REGISTERs. */
export interface LoadResult {
  readonly begun: number;
  readonly completed: number;
  readonly failed: number;
  readonly retransmitted: number;
  /** ms from an INVITE to its 180, or from a REGISTER to its 200, sorted. */
  readonly times: Float64Array;
}

interface Exchange {
  readonly sentAt: number;
  readonly counted: boolean;
  /** What is sent again, and since when it waits; '': nothing. */
  waiting: string;
  waitingSince: number;
  rang: boolean;
  answered: boolean;
}

/** RFC 3261's T1, and how long one that has no answer counts as under way, ms. */
const T1 = 500;
const GIVE_UP = 8000;

/** Phones and the SIP Server in one process, over two sockets of this address: an open loop, whatever comes back. */
export class Load {
  readonly server: Side;
  readonly #phone: Side;
  readonly #phones: Socket;
  readonly #servers: Socket;
  #to: Side = { address: '', port: 0 };
  #run = '';
  #exchanges = new Map<number, Exchange>();
  /** 200s to INVITEs that wait for their ACK (RFC 3261 13.3.1.4). */
  readonly #unacknowledged = new Map<string, { text: string; port: number; address: string; since: number }>();
  #scenario: ScenarioName = 'call';
  #counts = { begun: 0, completed: 0, retransmitted: 0 };
  #times: number[] = [];

  static async open(address: string): Promise<Load> {
    const phones = await bound(address);
    const servers = await bound(address);
    return new Load(address, phones, servers);
  }

  private constructor(address: string, phones: Socket, servers: Socket) {
    this.#phones = phones;
    this.#servers = servers;
    this.#phone = { address, port: phones.address().port };
    this.server = { address, port: servers.address().port };
    phones.on('message', (datagram) => this.#toPhone(datagram.toString('latin1')));
    servers.on('message', (datagram, from) => this.#toServer(datagram.toString('latin1'), from.address, from.port));
  }

  /** One call or REGISTER; whether it was completed within `ms`. */
  async probe(scenario: ScenarioName, to: Side, ms: number): Promise<boolean> {
    const result = await this.run({ scenario, to, rate: 1000 / ms, warm: 0, window: ms });
    return result.completed > 0;
  }

  async run({ scenario, to, rate, warm, window }: LoadOptions): Promise<LoadResult> {
    this.#scenario = scenario;
    this.#to = to;
    this.#run = `r${Math.floor(Math.random() * 0x1_0000_0000).toString(36)}`;
    this.#exchanges = new Map();
    this.#counts = { begun: 0, completed: 0, retransmitted: 0 };
    this.#times = [];
    const start = performance.now();
    const end = start + warm + window;
    let sent = 0;
    let swept = start;
    for (;;) {
      const now = performance.now();
      const due = Math.min(now, end) - start;
      for (const upTo = Math.floor((due * rate) / 1000); sent < upTo; sent++) this.#begin(sent, now >= start + warm);
      if (now - swept >= 50) {
        this.#sweep(now, start + warm);
        swept = now;
      }
      const over = now >= end && (this.#exchanges.size === 0 || now >= end + GIVE_UP);
      if (over) break;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { begun, completed, retransmitted } = this.#counts;
    return { begun, completed, failed: begun - completed, retransmitted, times: Float64Array.from(this.#times).sort() };
  }

  close(): void {
    this.#phones.close();
    this.#servers.close();
  }

  #begin(number: number, counted: boolean): void {
    const text = firstRequest(this.#scenario, number, this.#run, this.#phone);
    const now = performance.now();
    this.#exchanges.set(number, {
      sentAt: now,
      counted,
      waiting: text,
      waitingSince: now,
      rang: false,
      answered: false,
    });
    if (counted) this.#counts.begun++;
    this.#fromPhone(text);
  }

  #toPhone(text: string): void {
    const now = performance.now();
    const number = numberOf(text, this.#run);
    const exchange = this.#exchanges.get(number);
    if (exchange === undefined) return;
    const status = Number(text.slice(8, 11));
    const method = methodOf(text);
    if (method === 'INVITE') {
      if (!exchange.answered) exchange.waiting = '';
      if (status === 180 && !exchange.rang) {
        exchange.rang = true;
        if (exchange.counted) this.#times.push(now - exchange.sentAt);
      }
      if (status < 200) return;
      if (status > 299) {
        this.#exchanges.delete(number);
        return;
      }
      this.#fromPhone(inDialog('ACK', text, number, this.#run, this.#phone));
      if (exchange.answered) return;
      exchange.answered = true;
      exchange.waiting = inDialog('BYE', text, number, this.#run, this.#phone);
      exchange.waitingSince = now;
      this.#fromPhone(exchange.waiting);
      return;
    }
    if (status < 200) return;
    this.#exchanges.delete(number);
    if (!exchange.counted || status > 299) return;
    this.#counts.completed++;
    if (method === 'REGISTER') this.#times.push(now - exchange.sentAt);
  }

  #toServer(text: string, address: string, port: number): void {
    const send = (response: string): void => this.#servers.send(Buffer.from(response, 'latin1'), port, address);
    if (text.startsWith('INVITE ')) {
      send(answer(text, 180, 'Ringing', this.server));
      const ok = answer(text, 200, 'OK', this.server);
      const callId = callIdOf(text);
      if (!this.#unacknowledged.has(callId)) {
        this.#unacknowledged.set(callId, { text: ok, port, address, since: performance.now() });
      }
      send(ok);
    } else if (text.startsWith('ACK ')) this.#unacknowledged.delete(callIdOf(text));
    else if (!text.startsWith('SIP/2.0')) {
      if (text.startsWith('BYE ')) this.#unacknowledged.delete(callIdOf(text));
      send(answer(text, 200, 'OK', this.server));
    }
  }

  /** What has waited for T1 is sent again each T1, without backing off: the load shall not ease under stress. */
  #sweep(now: number, countedFrom: number): void {
    for (const [number, exchange] of this.#exchanges) {
      if (now - exchange.sentAt > GIVE_UP) this.#exchanges.delete(number);
      else if (exchange.waiting !== '' && now - exchange.waitingSince >= T1) {
        exchange.waitingSince = now;
        if (now >= countedFrom) this.#counts.retransmitted++;
        this.#fromPhone(exchange.waiting);
      }
    }
    for (const [callId, ok] of this.#unacknowledged) {
      if (now - ok.since < T1) continue;
      this.#unacknowledged.delete(callId);
      if (now >= countedFrom) this.#counts.retransmitted++;
      this.#servers.send(Buffer.from(ok.text, 'latin1'), ok.port, ok.address);
    }
  }

  #fromPhone(text: string): void {
    this.#phones.send(Buffer.from(text, 'latin1'), this.#to.port, this.#to.address);
  }
}

function callIdOf(message: string): string {
  const at = message.indexOf('\r\nCall-ID: ') + 11;
  return message.slice(at, message.indexOf('\r\n', at));
}

async function bound(address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', lookup: (host, _options, callback) => callback(null, host, 4) });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind(0, address, resolve);
  await promise;
  for (const raise of ['setRecvBufferSize', 'setSendBufferSize'] as const) socket[raise](4_194_304);
  return socket;
}
