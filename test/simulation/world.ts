import pino, { type Logger as Log } from 'pino';
import type { OosCheckConfig } from '../../proxy/config.ts';
import { CallMonitor } from './call-monitor.ts';
import { Clock, EPOCH } from './clock.ts';
import { FaultLog } from './fault-log.ts';
import { injectFaults } from './faults.ts';
import { Ledger } from './ledger.ts';
import { Monitor } from './monitor.ts';
import type { Mutation } from './planting.ts';
import { Network, type Host } from './network.ts';
import type { PhoneModel } from './phone-model.ts';
import type { ProxyModel } from './proxy-model.ts';
import type { ProxyProcess } from './proxy-process.ts';
import { Random } from './random.ts';
import type { SbcModel } from './sbc-model.ts';
import { withSeededBytes } from './seeded-bytes.ts';
import type { ServerPair } from './server-pair.ts';
import type { EtcdModel } from './etcd-model.ts';
import { populate } from './populate.ts';
import { callIdOf, Trace } from './trace.ts';
import { Truth } from './truth.ts';
import { withVirtualTimers } from './virtual-timers.ts';
import { WireMonitor } from './wire-monitor.ts';

export interface WorldOptions {
  readonly seed: number;
  /** Keeps every message, for a hash and a ladder. */
  readonly traced: boolean;
  /** A planted bug. */
  readonly mutation: Mutation | undefined;
  /** Only these kinds of faults; undefined: all. */
  readonly only: readonly string[] | undefined;
  /** How far a proxy's clock is set wrong at most, ms. */
  readonly clockStep: number;
  /** How much of each there is; undefined: as the seed says. */
  readonly size?: Size;
}

export interface Size {
  readonly dataCentres: number;
  /** In each of these. */
  readonly proxies: number;
  readonly phones: number;
}

export interface Violation {
  readonly rule: string;
  readonly what: string;
  readonly at: number;
  readonly callId: string;
}

const RARE = 4;
/** When faults begin and end, all know the same again, calls end, and everything is over, ms since the beginning. */
const CALM = 8_000;
const FAULTS = 60_000;
const EQUAL = 72_000;
/** Long enough for every phone to have registered again since all was healed. */
const CALLS = 102_000;
const STILL_EQUAL = 110_000;
/** Timer C, tombstones and leases have run out. */
const END = 320_000;
/** By then every proxy knows what a timer did to a call, ms. */
const CALL_NEWS = 5000;
/** Promises that wait for one another have all had their turn after so many. */
const TURNS = 10;
/** The event loop of Node turns once in so many events: a test's own time-out lives by it. */
const NODE_TURN = 4096;

const SETTLED = Promise.resolve();
const nodeTurns = globalThis.setImmediate;

/** A whole cluster with all who use it, on virtual time, from one seed. */
export class World {
  readonly options: WorldOptions;
  readonly clock = new Clock();
  readonly random: Random;
  readonly proxyRandom: Random;
  /** Of what happens in one world of four only; all others go as they did before there was such a thing. */
  readonly rareRandom: Random;
  readonly isRare: boolean;
  /** Its proxies are of an older release until they are started anew. */
  readonly beginsOlder: boolean;
  readonly network: Network;
  readonly trace: Trace;
  readonly log: Log = pino({ level: 'silent' });
  readonly faults = new FaultLog();
  readonly truth = new Truth();
  readonly ledger: Ledger;
  readonly violations: Violation[] = [];
  readonly sites: string[] = [];
  readonly etcds: EtcdModel[] = [];
  readonly proxies: ProxyModel[] = [];
  readonly pairs: ServerPair[] = [];
  readonly phones: PhoneModel[] = [];
  sbc: SbcModel;
  readonly oosCheck: OosCheckConfig = { interval: 5000, recheck: 5000, timeout: 2000, inService: [[200, 299]] };
  monitor: Monitor | undefined;
  events = 0;
  readonly calls: CallMonitor;
  readonly #wire: WireMonitor;
  #counter = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = new Random(options.seed, 1);
    this.proxyRandom = new Random(options.seed, 2);
    this.network = new Network(this.clock, new Random(options.seed, 3));
    this.rareRandom = new Random(options.seed, 5);
    this.isRare = options.seed % RARE === 2;
    this.beginsOlder = this.isRare && this.rareRandom.chance(0.5);
    this.trace = new Trace(this.clock, options.traced);
    this.ledger = new Ledger(this);
    this.calls = new CallMonitor(this);
    this.#wire = new WireMonitor(this);
    this.network.observe = (fate, from, to, text) => {
      this.trace.message(fate, from, to, text);
      // whom it is sent to takes part, though it may never get there
      if (to !== undefined) this.ledger.ofLeg(callIdOf(text))?.hosts.add(to);
      const proxy = this.proxyAt(from);
      if (proxy === undefined || to === undefined || fate === 'refused' || isPing(text)) return;
      this.#wire.sent(proxy, to, text);
    };
    this.network.arrive = (from, to, text) => {
      if (!isPing(text)) this.#wire.arrived(from, to, text);
    };
    this.sbc = populate(this);
    this.monitor = new Monitor(this);
  }

  /** From the beginning to the end, or to the first violation. */
  async run(): Promise<void> {
    await this.#virtually(() => this.#story());
  }

  /** Nothing happens but that all phones register and stay registered, to so many ms since the beginning. */
  async rest(ms: number): Promise<void> {
    await this.#virtually(async () => {
      await this.#start();
      for (const phone of this.phones) this.clock.after(this.random.between(0, 3000), () => phone.register());
      await this.#until(ms);
    });
  }

  async #virtually(story: () => Promise<void>): Promise<void> {
    const restoreBytes = withSeededBytes(new Random(this.options.seed, 4));
    const restoreTimers = withVirtualTimers(this.clock);
    try {
      await story();
    } finally {
      restoreTimers();
      restoreBytes();
    }
  }

  async #start(): Promise<void> {
    for (const proxy of this.proxies) this.clock.after(this.random.between(0, 300), () => proxy.start());
    await this.#until(2000);
  }

  async #story(): Promise<void> {
    await this.#start();
    this.#live();
    await this.#until(CALM);
    if (this.options.seed % 8 !== 0) injectFaults(this, EPOCH + FAULTS);
    for (const time of [EQUAL, STILL_EQUAL]) {
      await this.#until(time);
      if (this.#failed) return;
      this.monitor?.replicasEqual();
    }
    // a segment of calls that a store has lost is written again when news of it is overdue
    await this.#judgeCalls();
    for (const phone of this.phones) {
      if (this.random.chance(0.5)) phone.unregister();
      else phone.retire();
    }
    this.#slowDown();
    await this.#until(END);
    // a heartbeat may be on its way to the store just then, or a removal wait for the proxy's next look about
    for (
      let more = 1;
      more <= 20 && this.processes.some(({ replica }) => (replica.counters['writesWaiting'] ?? 0) > 0);
      more++
    ) {
      await this.#until(END + more * 333);
    }
    if (this.#failed) return;
    this.monitor?.end();
    await this.#judgeCalls();
  }

  async #judgeCalls(): Promise<void> {
    const doubts = this.calls.doubts();
    if (doubts.size === 0) return;
    await this.#until(this.clock.now - EPOCH + CALL_NEWS);
    this.calls.judge(doubts);
  }

  /** Nothing happens any more but what runs out: the proxies are told to look about less often, as a live change. */
  #slowDown(): void {
    this.network.pace = 5;
    for (const process of this.processes) process.reconfigure({ ...this.oosCheck, interval: 30_000 });
  }

  get #failed(): boolean {
    return this.violations.length > 0;
  }

  violation(rule: string, what: string, callId = ''): void {
    this.trace.note(undefined, `VIOLATION ${rule}: ${what}`);
    this.violations.push({ rule, what, at: this.clock.now - EPOCH, callId });
  }

  /** A name that nobody else has. */
  unique(prefix: string, name: string): string {
    return `${prefix}-${name}-${++this.#counter}`;
  }

  etcd(geoLocation: string): EtcdModel {
    const found = this.etcds.find((etcd) => etcd.geoLocation === geoLocation);
    if (found === undefined) throw new Error(`no store in ${geoLocation}`);
    return found;
  }

  proxyAt(host: Host): ProxyModel | undefined {
    return this.proxies.find((proxy) => proxy.host === host);
  }

  pairAt(host: Host): ServerPair | undefined {
    return this.pairs.find(({ hosts }) => hosts.primary === host || hosts.backup === host);
  }

  get processes(): ProxyProcess[] {
    return this.proxies.flatMap(({ process }) => (process === undefined ? [] : [process]));
  }

  /** Proxies that a peer who asks them by OPTIONS now and then holds to be good, those of its own site first. */
  proxiesFor(host: Host): ProxyModel[] {
    const good = this.proxies.filter(
      ({ process, host: at }) =>
        process?.state === 'Ready' && !at.paused && this.network.isOpen(host, at) && this.network.isOpen(at, host),
    );
    const start = this.random.int(0, Math.max(0, good.length - 1));
    const turned = [...good.slice(start), ...good.slice(0, start)];
    return [
      ...turned.filter((proxy) => proxy.host.site === host.site),
      ...turned.filter((proxy) => proxy.host.site !== host.site),
    ];
  }

  /** Plants the bug, if there is one, in a process that is about to start. */
  mutate(process: ProxyProcess): void {
    this.options.mutation?.plant(process, this);
  }

  #live(): void {
    const { random, clock } = this;
    for (const phone of this.phones)
      if (random.chance(0.9)) clock.after(random.between(0, 3000), () => phone.register());
    const next = (): void => {
      if (clock.now >= EPOCH + CALLS) return;
      const [from, to] = [random.pick(this.phones), random.pick(this.phones)];
      const kind = random.next();
      if (kind < 0.2) this.sbc.call(`9${random.int(100, 999)}`, to.plan.user);
      else if (kind < 0.4) from.call(`9${random.int(100, 999)}`);
      else if (!from.wanted && kind < 0.6) from.register();
      else if (kind < 0.97) {
        if (from !== to) from.call(to.plan.user);
      } else if (from.wanted) from.unregister();
      else from.register();
      clock.after(random.between(200, 2500), next);
    };
    clock.after(5000, next);
  }

  async #until(ms: number): Promise<void> {
    const end = EPOCH + ms;
    while (!this.#failed) {
      try {
        if (!this.clock.step(end)) break;
      } catch (error) {
        this.violation('Threw', error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      this.events++;
      // promises of the store's clients run before time goes on
      for (let turn = 0; turn < TURNS; turn++) await SETTLED;
      if (this.events % NODE_TURN === 0) await new Promise<void>((resolve) => void nodeTurns(resolve));
    }
  }
}

function isPing(text: string): boolean {
  return callIdOf(text).startsWith('ping-');
}
