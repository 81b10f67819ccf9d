import { pino } from 'pino';
import { trustOf } from '../../../proxy/routing/classify.ts';
import { Core } from '../../../proxy/routing/core.ts';
import { Identity } from '../../../proxy/routing/identity.ts';
import { MemoryCluster } from '../../../proxy/store/memory.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { TransactionLayer } from '../../../proxy/transaction/layer.ts';
import { TimerWheel } from '../../../proxy/transaction/timers.ts';
import { HopCache } from '../../../proxy/transport/hop-cache.ts';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { Upstreams } from '../../../proxy/upstream/upstreams.ts';
import { config } from '../../proxy/routing/scene.ts';
import { Dialog } from '../dialog.ts';
import { answer, branch, type Phone } from '../message.ts';
import { calls } from '../scenarios/call.ts';
import { registrations } from '../scenarios/register.ts';

const PHONE: Phone = { transport: 'UDP', address: '192.0.2.11', port: 5070 };
const SERVER = { address: '10.1.1.1', port: 5060 };
const LISTENER = {
  transport: 'UDP',
  address: '10.1.0.1',
  port: 5060,
  family: 4,
  side: 'Both',
  advertisedAddress: '10.1.0.1',
  advertisedPort: 5060,
} as const;

/** The core of a proxy with its store, without sockets and on a clock of its own: what a message costs but for the system. */
export class CoreAlone {
  readonly #core: Core;
  readonly #sent: string[] = [];
  readonly #fromPhone: Hop;
  readonly #fromServer: Hop;
  #time = Date.UTC(2026, 0, 1);
  #number = 0;

  static async begin(): Promise<CoreAlone> {
    const alone = new CoreAlone();
    await new Promise<void>((resolve) => {
      alone.#core.replica.onReady(resolve);
      alone.#core.replica.start();
    });
    return alone;
  }

  private constructor() {
    const now = (): number => this.#time;
    const log = pino({ level: 'silent' });
    const primary = { role: 'primary', host: SERVER.address, port: SERVER.port, transport: 'UDP' } as const;
    const proxy = config({
      servers: [{ name: 'ss1', geoLocation: 'dc1', weight: 1, members: [primary] }],
      stores: [{ geoLocation: 'dc1', memory: true }],
      proxiesIn: ['dc1'],
      recordRoute: 'Address',
    });
    const hops = new HopCache(LISTENER, 1000);
    this.#fromPhone = hops.get(PHONE.address, PHONE.port);
    this.#fromServer = hops.get(SERVER.address, SERVER.port);
    const timers = new TimerWheel(this.#time);
    const own = new MemoryCluster({ now, isVolatile: true }).store('dc1');
    const replica = new Replica({ proxy: 'p1', boot: 'b1', own, others: [], now, log });
    const upstreams = new Upstreams({
      ...{ geoLocation: 'dc1', servers: proxy.servers, oosCheck: proxy.oosCheck, now, random: Math.random, log },
      ping: () => undefined,
      resolve: () => Promise.resolve([]),
      onSwitch: () => undefined,
      onChange: () => undefined,
    });
    const to = (_transport: string, address: string, port: number): Hop => hops.get(address, port);
    const send = (text: string): void => void this.#sent.push(text);
    this.#core = new Core({
      ...{ config: proxy, boot: 'b1', log, now, random: Math.random, timers, replica, upstreams },
      identity: new Identity(proxy, [LISTENER], []),
      trust: trustOf(proxy),
      outside: {
        send,
        resolve: () => [],
        reach: {
          ...{ proxy: 'p1', boot: 'b1', geoLocation: 'dc1', proxies: replica.proxies, connection: () => undefined },
          ...{ hop: to, inward: to },
        },
      },
    });
    this.#core.attach(new TransactionLayer({ send, now, timers, user: this.#core.incoming, log }));
    upstreams.start([]);
    const [member] = upstreams.pairs[0]?.members ?? [];
    if (member !== undefined) upstreams.pinged(member, { answered: 200, rtt: 1 });
  }

  /** INVITE 100 180 200 ACK BYE 200. */
  call(): void {
    const number = this.#number++;
    const invite = this.#copyOf(calls.open(number, 'c', PHONE).text);
    this.#answer(answer(invite, 100, 'Trying', SERVER));
    this.#answer(answer(invite, 180, 'Ringing', SERVER));
    const ok = this.#answer(answer(invite, 200, 'OK', SERVER));
    const dialog = new Dialog(ok);
    this.#copyOf(dialog.ack(ok, PHONE, branch('c', number, 'a')));
    const bye = this.#copyOf(dialog.next('BYE', PHONE, branch('c', number, 'b')));
    this.#answer(answer(bye, 200, 'OK', SERVER));
  }

  /** Of a user never seen before, answered 200. */
  register(): void {
    const copy = this.#copyOf(registrations.open(this.#number++, 'r', PHONE).text);
    this.#answer(answer(copy, 200, 'OK', SERVER));
  }

  /** Time passes, and what is due is done. */
  async pass(ms: number): Promise<void> {
    this.#time += ms;
    this.#core.advance(this.#time);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** What the server gets of a phone's request. */
  #copyOf(request: string): string {
    return this.#deliver(request, this.#fromPhone);
  }

  /** What the phone gets of a server's answer; '' for a 100. */
  #answer(response: string): string {
    return this.#deliver(response, this.#fromServer);
  }

  #deliver(text: string, from: Hop): string {
    this.#sent.length = 0;
    this.#core.incoming.receive(text, from);
    return this.#sent.at(-1) ?? '';
  }
}
