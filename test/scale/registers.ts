/**
 * What a REGISTER costs a proxy that knows a million bindings, and one that knows ten thousand: node
 * test/scale/registers.ts COUNT. Both are real processes with an etcd each, and have the same load in turn, which refreshes
 * what is there. Exits 1 if a bound is broken.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Load } from '../bench/load.ts';
import { spread } from '../bench/report.ts';
import { refreshes } from '../bench/scenarios/register.ts';
import type { Scenario } from '../bench/scenarios/scenario.ts';
import { cpuTime } from '../peers/cpu-time.ts';
import { Etcd } from '../peers/etcd.ts';
import { ownAddress } from '../peers/loopback.ts';
import { RealProxy } from './real-proxy.ts';

const COUNT = Number(process.argv[2] ?? 1_000_000);
const FEW = 10_000;
/** The bounds that the product promises for a million: by what it costs at ten thousand, and the 99th of 100 pauses, ms. */
const BOUNDS = { ratio: 1.2, pause: 20 };
/** A second; how long each of the rounds counts and what goes before, ms. The first round only makes the code warm. */
const RATE = 1000;
const [ROUNDS, WINDOW, WARM] = [7, 5000, 1000];
/** Whoever comes next is far from whoever came before: nothing of it is near the processor. */
const STRIDE = 7919;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

interface Side {
  readonly etcd: Etcd;
  readonly proxy: RealProxy;
  readonly scenario: Scenario;
  /** µs of CPU a REGISTER, by round. */
  readonly costs: number[];
}

const folder = mkdtempSync(join(tmpdir(), 'sipcluster-registers-'));
const loads = await Promise.all([Load.open(ownAddress()), Load.open(ownAddress())]);
const sides: Side[] = [];

async function begin(load: Load, count: number): Promise<Side> {
  const etcd = await Etcd.start(['--quota-backend-bytes', String(8 * 2 ** 30)]);
  const { phones, server } = load;
  const fill = new URL('fill.ts', import.meta.url).pathname;
  const place = `${phones.address}:${phones.port}`;
  const child = spawn(process.execPath, [fill, etcd.endpoint, String(count), String(Date.now()), '--load', place], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`filling the store ended with ${code}`);
  const proxy = new RealProxy({
    ...{ name: `with-${count}`, address: ownAddress(), geoLocation: 'dc1', folder, traced: true },
    stores: [{ geoLocation: 'dc1', endpoint: etcd.endpoint }],
    ...{ server: server.address, serverPort: server.port },
  });
  const side = { etcd, proxy, scenario: refreshes(count, STRIDE), costs: [] };
  sides.push(side);
  await proxy.start(120_000);
  return side;
}

/** One round, µs of CPU a REGISTER. */
async function cost(load: Load, { proxy, scenario }: Side): Promise<number> {
  const to = { address: proxy.options.address, port: 5060 };
  await load.run({ scenario, rate: RATE, to, warm: WARM, window: 0 });
  const before = cpuTime(proxy.pid);
  const { completed, failed, refused } = await load.run({ scenario, rate: RATE, to, warm: 0, window: WINDOW });
  if (failed > 0) throw new Error(`${failed} of ${completed + failed} failed, by status ${JSON.stringify(refused)}`);
  return (cpuTime(proxy.pid) - before) / completed;
}

let broken = true;
try {
  const [ofFew, ofMany] = loads;
  say(`Filling two etcds with ${FEW} and ${COUNT} bindings …`);
  const few = await begin(ofFew, FEW);
  const many = await begin(ofMany, COUNT);
  const loading = many.proxy.pauses().length;
  for (let round = 0; round <= ROUNDS; round++) {
    const costs = [await cost(ofFew, few), await cost(ofMany, many)] as const;
    if (round === 0) continue;
    few.costs.push(costs[0]);
    many.costs.push(costs[1]);
  }
  for (const [{ proxy }, count] of [[few, FEW] as const, [many, COUNT] as const]) {
    const known = (await proxy.status()).counts.registrations;
    if (known !== count) throw new Error(`they were no refreshes: ${known} registrations, not ${count}`);
  }
  const ratio = spread(many.costs.map((one, i) => one / (few.costs[i] ?? Number.NaN)));
  const [cheap, dear] = [spread(few.costs), spread(many.costs)];
  const told = (one: typeof ratio, places: number): string =>
    `${one.median.toFixed(places)} (${one.min.toFixed(places)} to ${one.max.toFixed(places)})`;
  say(`CPU a REGISTER at ${RATE} a second: ${told(cheap, 0)} µs at ${FEW}, ${told(dear, 0)} µs at ${COUNT}`);
  say(`  ${told(ratio, 2)} times as much; at most ${BOUNDS.ratio}`);
  const pauses = many.proxy
    .pauses()
    .slice(loading)
    .toSorted((a, b) => a - b);
  const p99 = pauses[Math.floor(pauses.length * 0.99)] ?? 0;
  const longest = pauses.at(-1) ?? 0;
  say(
    `GC pauses meanwhile: ${pauses.length}, p99 ${p99.toFixed(1)} ms, at most ${BOUNDS.pause}; longest ${longest.toFixed(1)} ms`,
  );
  broken = ratio.median > BOUNDS.ratio || p99 > BOUNDS.pause;
  if (broken) say('OVER its bound');
} finally {
  for (const load of loads) load.close();
  await Promise.all(sides.map(async ({ proxy, etcd }) => proxy.kill().then(() => etcd.stop())));
  if (!broken) rmSync(folder, { recursive: true, force: true });
  else say(`The proxies' logs are in ${folder}`);
}
process.exit(broken ? 1 : 0);
