/**
 * What a million bindings cost a proxy: `make scale`, or node --expose-gc test/scale/bindings.ts COUNT. A real etcd is
 * filled; then a replica, in a process with a proxy's flags, loads it, answers look-ups and lets all of them expire.
 * Exits 1 if a bound is broken.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { takeFlags } from '../../operator/processes/proxy-flags.ts';
import { EtcdStore } from '../../proxy/store/etcd.ts';
import { Replica } from '../../proxy/store/replica.ts';
import { Etcd } from '../peers/etcd.ts';
import { aorOf, phone, PREFIX } from './phones.ts';
import { Turns } from './turns.ts';

const COUNT = Number(process.argv[2] ?? 1_000_000);
const SAMPLE = 10_000;
/** The bounds that the product promises for a million. */
const BOUNDS = { bytes: 600, loadSeconds: 30, gcP99: 20, stall: 30 };

const log = pino({ level: 'warn' }, pino.destination(2));
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const broken: string[] = [];
const check = (what: string, value: number, bound: number, unit: string): void => {
  const holds = value <= bound;
  if (!holds) broken.push(what);
  say(`${what.padEnd(37)} ${value.toFixed(1).padStart(9)} ${unit.padEnd(6)} ${holds ? 'within' : 'OVER'} ${bound}`);
};

/** One proxy's replica of an etcd with so many bindings, and what its loading was like. */
async function load(etcd: Etcd, count: number, now: number): Promise<{ replica: Replica; ms: number; turns: Turns }> {
  const own = new EtcdStore({ geoLocation: 'dc1', endpoints: [etcd.endpoint], prefix: PREFIX, log, now: Date.now });
  const replica = new Replica({ proxy: 'p1', boot: 'b1', own, others: [], now: Date.now, log });
  const start = performance.now();
  replica.start();
  // making a client of etcd is no part of the list
  await setImmediate();
  const turns = new Turns();
  await new Promise<void>((resolve) => replica.onReady(resolve));
  turns.end();
  const ms = performance.now() - start;
  const known = replica.counts(now).bindings;
  if (known !== count) throw new Error(`${known} of ${count} bindings are known`);
  return { replica, ms, turns };
}

async function filled(count: number, now: number): Promise<Etcd> {
  const etcd = await Etcd.start(['--quota-backend-bytes', String(8 * 2 ** 30)]);
  const fill = new URL('fill.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [fill, etcd.endpoint, String(count), String(now)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`filling the store ended with ${code}`);
  return etcd;
}

function held(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

takeFlags();
const now = Date.now();
const collections: PerformanceEntry[] = [];
new PerformanceObserver((list) => void collections.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
/** The pauses that began between two times, ms, the shortest first. They are told some turns later. */
const pausesOf = (from: number, to: number): readonly number[] =>
  collections
    .filter(({ startTime }) => startTime >= from && startTime <= to)
    .map(({ duration }) => duration)
    .toSorted((a, b) => a - b);

say(`Filling an etcd with ${COUNT} bindings …`);
const etcd = await filled(COUNT, now);
try {
  const before = held();
  const start = performance.now();
  const { replica, ms, turns } = await load(etcd, COUNT, now);
  const loaded = performance.now();
  const bytes = (held() - before) / COUNT;

  let wrong = 0;
  const lookUp = performance.now();
  for (let n = 0; n < SAMPLE; n++) {
    const i = (n * 104_729) % COUNT;
    const { contact } = phone(i, now);
    const [byAor] = replica.bindings(aorOf(i), now);
    const [byContact] = replica.bindingsByContact(contact, now);
    if (byAor?.contact !== contact || byContact?.aor !== aorOf(i)) wrong++;
  }
  const perLookUp = ((performance.now() - lookUp) * 1000) / (2 * SAMPLE);

  // all phones of a data centre lost at once: what is done in one go
  let longest = 0;
  for (let at = now + 8 * 3_600_000, left = COUNT; left > 0;) {
    const turn = performance.now();
    left = replica.counts(at).bindings;
    longest = Math.max(longest, performance.now() - turn);
  }
  await replica.close();

  const loadPauses = pausesOf(start, loaded);
  const p = (of: readonly number[], share: number): number => of[Math.floor(of.length * share)] ?? 0;
  say(`${COUNT} bindings; RSS ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
  check('memory a binding', bytes, BOUNDS.bytes, 'bytes');
  check('ready after', ms / 1000, BOUNDS.loadSeconds, 's');
  // by the clock it is longer where etcd, which has no machine of its own here, takes both cores
  check('event loop busy in one turn, loading', turns.busiest, BOUNDS.stall, 'ms');
  say(`  ${turns.longest.toFixed(1)} ms by the clock, at the most`);
  check('GC pause while loading, p99', p(loadPauses, 0.99), BOUNDS.gcP99, 'ms');
  say(`  ${loadPauses.length} pauses, at the most ${(loadPauses.at(-1) ?? 0).toFixed(1)} ms`);
  check('wrong answers to look-ups', wrong, 0, '');
  say(`  ${perLookUp.toFixed(1)} µs a look-up`);
  check('expiring, in one go', longest, BOUNDS.stall, 'ms');
} finally {
  await etcd.stop();
}
if (broken.length > 0) {
  say(`Over its bound: ${broken.join('; ')}`);
  process.exitCode = 1;
}
