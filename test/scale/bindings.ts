/**
 * What a proxy with a million bindings costs: `make scale`, or node --expose-gc test/scale/bindings.ts COUNT.
 * A real etcd is filled; then a replica loads it, answers look-ups and takes refreshes. Exits 1 if a bound is broken.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { pino } from 'pino';
import { EtcdStore } from '../../proxy/store/etcd.ts';
import { Replica } from '../../proxy/store/replica.ts';
import { Etcd } from '../peers/etcd.ts';
import { saved } from '../proxy/store/records.ts';
import { aorOf, phone, PREFIX } from './phones.ts';

const COUNT = Number(process.argv[2] ?? 1_000_000);
const FEW = 10_000;
const SAMPLE = 10_000;
const REFRESHES = 20_000;
/** The bounds that the product promises for a million. */
const BOUNDS = { bytes: 600, loadSeconds: 30, costRatio: 1.2, gcP99: 20, stall: 30 };

const log = pino({ level: 'warn' }, pino.destination(2));
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const broken: string[] = [];
const check = (what: string, value: number, bound: number, unit: string): void => {
  const holds = value <= bound;
  if (!holds) broken.push(what);
  say(`${what.padEnd(34)} ${value.toFixed(1).padStart(9)} ${unit.padEnd(6)} ${holds ? 'within' : 'OVER'} ${bound}`);
};

/** One proxy's replica of an etcd with so many bindings, and what its loading was like. */
async function load(etcd: Etcd, count: number, now: number): Promise<{ replica: Replica; ms: number }> {
  const own = new EtcdStore({ geoLocation: 'dc1', endpoints: [etcd.endpoint], prefix: PREFIX, log, now: Date.now });
  const replica = new Replica({ proxy: 'p1', boot: 'b1', own, others: [], now: Date.now, log });
  const start = performance.now();
  replica.start();
  await new Promise<void>((resolve) => replica.onReady(resolve));
  const ms = performance.now() - start;
  const known = replica.counts(now).bindings;
  if (known !== count) throw new Error(`${known} of ${count} bindings are known`);
  return { replica, ms };
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

/** CPU of this process a refresh that is merged, written, committed and seen again, µs. */
async function refreshCost(replica: Replica, count: number, now: number): Promise<number> {
  const before = process.cpuUsage();
  let next = 0;
  const refresh = async (): Promise<void> => {
    for (let n = next++; n < REFRESHES; n = next++) {
      // spread over all, so that nothing is warm
      const i = (n * 7919) % count;
      const known = phone(i, now);
      const stamp = replica.stamp(known.aor, known.id, known.stamp.callId, 2 + n, Date.now());
      await saved(replica, { ...known, expires: Date.now() + 3_600_000, stamp });
    }
  };
  await Promise.all(Array.from({ length: 64 }, refresh));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / REFRESHES;
}

function held(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const now = Date.now();
const pauses: number[] = [];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) pauses.push(duration);
}).observe({ entryTypes: ['gc'] });

say(`Filling two etcds with ${FEW} and ${COUNT} bindings …`);
const few = await filled(FEW, now);
const many = await filled(COUNT, now);
try {
  const small = await load(few, FEW, now);
  // the first round makes the code warm
  await refreshCost(small.replica, FEW, now);
  const cheap = await refreshCost(small.replica, FEW, now);
  await small.replica.close();

  const before = held();
  pauses.length = 0;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const large = await load(many, COUNT, now);
  delay.disable();
  const loadPauses = [...pauses].toSorted((a, b) => a - b);
  const bytes = (held() - before) / COUNT;

  let wrong = 0;
  const lookUp = performance.now();
  for (let n = 0; n < SAMPLE; n++) {
    const i = (n * 104_729) % COUNT;
    const { contact } = phone(i, now);
    const [byAor] = large.replica.bindings(aorOf(i), now);
    const [byContact] = large.replica.bindingsByContact(contact, now);
    if (byAor?.contact !== contact || byContact?.aor !== aorOf(i)) wrong++;
  }
  const perLookUp = ((performance.now() - lookUp) * 1000) / (2 * SAMPLE);
  pauses.length = 0;
  await refreshCost(large.replica, COUNT, now);
  const dear = await refreshCost(large.replica, COUNT, now);
  const workPauses = [...pauses].toSorted((a, b) => a - b);

  // all phones of a data centre lost at once: what is done in one go
  let longest = 0;
  for (let at = now + 8 * 3_600_000, left = COUNT; left > 0;) {
    const start = performance.now();
    left = large.replica.counts(at).bindings;
    longest = Math.max(longest, performance.now() - start);
  }
  await large.replica.close();

  const p = (of: readonly number[], share: number): number => of[Math.floor(of.length * share)] ?? 0;
  say(`${COUNT} bindings; RSS ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
  check('memory a binding', bytes, BOUNDS.bytes, 'bytes');
  check('ready after', large.ms / 1000, BOUNDS.loadSeconds, 's');
  check('event loop held up, loading, p99.9', delay.percentile(99.9) / 1e6, BOUNDS.stall, 'ms');
  say(`  at the most ${(delay.max / 1e6).toFixed(1)} ms`);
  check('GC pause while loading, p99', p(loadPauses, 0.99), BOUNDS.gcP99, 'ms');
  check('GC pause under REGISTERs, p99', p(workPauses, 0.99), BOUNDS.gcP99, 'ms');
  say(`  ${workPauses.length} pauses, at the most ${p(workPauses, 0.9999).toFixed(1)} ms`);
  check('wrong answers to look-ups', wrong, 0, '');
  say(`  ${perLookUp.toFixed(1)} µs a look-up`);
  check(`CPU a REGISTER, by that at ${FEW}`, dear / cheap, BOUNDS.costRatio, '');
  say(`  ${dear.toFixed(0)} µs at ${COUNT}, ${cheap.toFixed(0)} µs at ${FEW}`);
  check('expiring, in one go', longest, BOUNDS.stall, 'ms');
} finally {
  await Promise.all([few.stop(), many.stop()]);
}
if (broken.length > 0) {
  say(`Over its bound: ${broken.join('; ')}`);
  process.exitCode = 1;
}
