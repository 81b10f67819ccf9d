/**
 * What REGISTERs and calls cost the proxy that they go through, the others and etcd, with more and more proxies and data
 * centres: `make sizing`, or node test/scale/sizing.ts SECONDS. With --docs the tables go into docs/scaling.md.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Load } from '../bench/load.ts';
import { lastingCalls } from '../bench/scenarios/lasting-calls.ts';
import { refreshes } from '../bench/scenarios/register.ts';
import type { Scenario } from '../bench/scenarios/scenario.ts';
import { cpuTime, mainThreadTime } from '../peers/cpu-time.ts';
import { Etcd } from '../peers/etcd.ts';
import { ownAddress } from '../peers/loopback.ts';
import { resting as restingCluster } from '../simulation/resting-cluster.ts';
import { costOf, sizingFor, type Costs, type Seen } from './cost-model.ts';
import { RealProxy } from './real-proxy.ts';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: { docs: { type: 'boolean', default: false } },
});
const SECONDS = Number(positionals[0] ?? 10);
/** Data centres, and proxies in each. */
const LAYOUTS = [
  [1, 1],
  [1, 2],
  [1, 4],
  [1, 8],
  [2, 2],
  [3, 2],
] as const;
/** A second, all through the first proxy: so what others do is the news alone. */
const [REGISTERS, CALLS] = [1000, 500];
const USERS = 1000;
/** Ten seconds of calls: what ends at once is never told to anybody. */
const UP = 2000;
/** What V8 needs to compile, and a round of all users, ms. */
const WARM = 6000;
/** What a user may have: phones, calls of the busy hour. */
const SITES = [
  [1000, 10_000],
  [10_000, 100_000],
  [50_000, 500_000],
  [100_000, 1_000_000],
  [500_000, 5_000_000],
  [1_000_000, 10_000_000],
  [2_000_000, 20_000_000],
  [10_000_000, 100_000_000],
] as const;
/** Too many for one machine: simulated, for so many ms of their own time. */
const [MANY, MANY_TIME] = [{ dataCentres: 4, proxies: 25, phones: 20 }, 45_000];
const USUAL = { refresh: 1800, legs: 2, dataCentres: 2 } as const;
const PAGE = 'docs/scaling.md';

/** Of a cluster that runs: CPU so far, µs, and bytes that the first data centre's etcd has sent. */
interface Reading {
  readonly at: number;
  readonly proxies: readonly number[];
  /** Of the first proxy's that of the thread that handles messages. */
  readonly main: number;
  readonly etcd: number;
  readonly bytes: number;
}

interface Row {
  readonly layout: string;
  readonly proxies: number;
  readonly idle: number;
  /** The share of one thread in the CPU of the proxy that all go through. */
  readonly main: number;
  readonly register: Seen;
  readonly call: Seen;
}

// each process that it starts ends with it
process.setMaxListeners(50);
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Starts so many, measures, and ends them. */
async function measure(dataCentres: number, each: number): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'sipcluster-sizing-'));
  const load = await Load.open(ownAddress());
  const etcds: Etcd[] = [];
  const proxies: RealProxy[] = [];
  try {
    for (let i = 0; i < dataCentres; i++) etcds.push(await Etcd.start());
    const stores = etcds.map(({ endpoint }, i) => ({ geoLocation: `dc${i + 1}`, endpoint }));
    for (const own of stores) {
      for (let i = 0; i < each; i++) {
        const name = `${own.geoLocation}-${i}`;
        const server = { server: load.server.address, serverPort: load.server.port };
        const all = [own, ...stores.filter((store) => store !== own)];
        const { geoLocation } = own;
        proxies.push(new RealProxy({ name, address: ownAddress(), geoLocation, stores: all, ...server, folder }));
      }
    }
    await Promise.all(proxies.map((proxy) => proxy.start(60_000)));
    const [first] = proxies;
    const [etcd] = etcds;
    if (first === undefined || etcd === undefined) throw new Error('a cluster needs a proxy');
    const to = { address: first.options.address, port: 5060 };
    const read = async (): Promise<Reading> => ({
      at: performance.now(),
      proxies: proxies.map(({ pid }) => cpuTime(pid)),
      main: mainThreadTime(first.pid),
      etcd: cpuTime(etcd.pid),
      bytes: await etcd.counted('etcd_network_client_grpc_sent_bytes_total'),
    });
    await load.run({ scenario: refreshes(USERS), rate: REGISTERS, to, warm: WARM, window: 0 });
    const calls = lastingCalls(UP);
    // one begins and one ends
    await load.run({ scenario: calls, rate: 2 * CALLS, to, warm: 2 * WARM, window: 0 });
    const resting = async (): Promise<Difference> => {
      const begin = await read();
      await pause(SECONDS * 1000);
      const end = await read();
      return difference(begin, end, end.at - begin.at);
    };
    const shares: number[] = [];
    // of what they do anyway, which is less the longer they run; before each load and after it
    const still = [await resting()];
    const loaded = async (scenario: Scenario, rate: number, parts = 1): Promise<Seen> => {
      // so that all of the window are refreshes
      await load.run({ scenario, rate, to, warm: (USERS * 1000) / REGISTERS, window: 0 });
      const before = await read();
      const { completed, failed, refused } = await load.run({ scenario, rate, to, warm: 0, window: SECONDS * 1000 });
      const after = await read();
      if (failed > 0)
        throw new Error(`${failed} of ${completed + failed} failed, by status ${JSON.stringify(refused)}`);
      still.push(await resting());
      const idle = between(still.at(-2), still.at(-1));
      const used = difference(before, after, 1);
      shares.push(used.main / (used.proxies[0] ?? Number.NaN));
      const time = after.at - before.at;
      const done = completed / parts;
      const [own = 0, ...others] = used.proxies.map((cpu, i) => (cpu - (idle.proxies[i] ?? 0) * time) / done);
      return {
        proxies: proxies.length,
        own,
        other: mean(others),
        etcd: (used.etcd - idle.etcd * time) / done,
        bytes: (used.bytes - idle.bytes * time) / done,
      };
    };
    const register = await loaded(refreshes(USERS), REGISTERS);
    const call = await loaded(calls, 2 * CALLS, 2);
    const layout = `${dataCentres} × ${each}`;
    const idle = mean(still.map((one) => mean(one.proxies))) * 1000;
    return { layout, proxies: proxies.length, idle, main: mean(shares), register, call };
  } finally {
    load.close();
    await Promise.all(proxies.map((proxy) => proxy.kill()));
    await Promise.all(etcds.map((etcd) => etcd.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

type Difference = Omit<Reading, 'at'>;

function between(a: Difference | undefined, b: Difference | undefined): Pick<Difference, 'proxies' | 'etcd' | 'bytes'> {
  if (a === undefined || b === undefined) throw new RangeError('nothing was measured at rest');
  return {
    proxies: a.proxies.map((cpu, i) => mean([cpu, b.proxies[i] ?? Number.NaN])),
    etcd: mean([a.etcd, b.etcd]),
    bytes: mean([a.bytes, b.bytes]),
  };
}

function difference(from: Reading, to: Reading, by: number): Difference {
  return {
    proxies: to.proxies.map((cpu, i) => (cpu - (from.proxies[i] ?? 0)) / by),
    main: (to.main - from.main) / by,
    etcd: (to.etcd - from.etcd) / by,
    bytes: (to.bytes - from.bytes) / by,
  };
}

const written = (value: number, places = 0): string => (Number.isNaN(value) ? '–' : value.toFixed(places));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Whether a hundred proxies do what the model takes for granted: a write a REGISTER, and what each proxy says of itself. */
async function many(): Promise<string> {
  const { violations, granted, writes, known } = await restingCluster(MANY, MANY_TIME);
  const proxies = known.length;
  if (violations > 0 || known.some((bindings) => bindings !== MANY.phones)) throw new Error('not all proxies know all');
  const each = ((writes['health'] ?? 0) / proxies / MANY_TIME) * 1000;
  return (
    `In a simulated cluster of ${MANY.dataCentres} data centres with ${MANY.proxies} proxies each, ${granted} REGISTERs were ` +
    `${writes['binding']} writes, and all ${proxies} proxies knew all phones. Each wrote what it sees of its servers ${each.toFixed(2)} ` +
    `times a second: that comes to ${Math.round(each * proxies)} changes a second for each proxy to take in.`
  );
}

/** What was seen, the constants, and what they come to for a user. */
function page(rows: readonly Row[], costs: Costs, simulated: string): string {
  const seen = ({ own, other, etcd, bytes }: Seen): string[] => [
    written(own),
    written(other),
    written(etcd),
    written(bytes / 1024, 1),
  ];
  const head = (what: string): string[] => [`${what}: its proxy`, 'each other', 'etcd', 'etcd sends, KiB'];
  const constants = (['register', 'call'] as const).map((kind) => {
    const { own, other, etcd, etcdEach, bytesEach } = costs[kind];
    return [kind === 'call' ? 'call' : 'REGISTER', ...[own, other, etcd].map((one) => written(one))].concat([
      written(etcdEach, 1),
      written(bytesEach),
    ]);
  });
  const sites = SITES.map(([phones, busy]) => {
    const sizing = sizingFor({ phones, calls: busy, ...USUAL }, costs);
    const number = (value: number): string => value.toLocaleString('en');
    if (sizing === undefined) return [number(phones), number(busy), 'divide the DN', '', '', '', '', ''];
    const { pods, cores, news, memory, etcdCores, etcdMbit } = sizing;
    return [
      ...[number(phones), number(busy), String(pods), written(cores, 2), written(news, 2), written(memory)],
      ...[written(etcdCores, 2), written(etcdMbit, 1)],
    ];
  });
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node.js ${process.version}`;
  return [
    `${machine}, ${REGISTERS} REGISTERs or ${CALLS} calls a second through one proxy for ${SECONDS} s, µs of CPU each:`,
    table(
      ['data centres × proxies', 'idle, ms a second', ...head('REGISTER'), ...head('call')],
      rows.map(({ layout, idle, register, call }) => [
        layout,
        written(idle / 1000, 1),
        ...seen(register),
        ...seen(call),
      ]),
    ),
    `From that, µs of CPU and bytes; idle ${written(costs.idle / 1000, 1)} ms a second:`,
    table(['', 'its proxy', 'each other', 'etcd', 'etcd, for each proxy', 'bytes to each proxy'], constants),
    `Of the CPU of the proxy that all go through, ${written(mean(rows.map(({ main }) => main)) * 100)} % is one thread's.`,
    'And for a site of two data centres, each phone refreshed every 30 minutes, each call two legs:',
    table(
      [
        ...['phones', 'calls of the busy hour', 'pods a data centre', 'cores each', 'of it news', 'MiB each'],
        ...['etcd, cores', 'etcd, Mbit/s'],
      ],
      sites,
    ),
    simulated,
  ].join('\n\n');
}

const rows: Row[] = [];
for (const [dataCentres, each] of LAYOUTS) {
  say(`${dataCentres} data centres with ${each} proxies each …`);
  rows.push(await measure(dataCentres, each));
}
const costs: Costs = {
  register: costOf(rows.map(({ register }) => register)),
  call: costOf(rows.map(({ call }) => call)),
  idle: mean(rows.map(({ idle }) => idle)),
};
say('100 proxies, simulated …');
const text = page(rows, costs, await many());
console.log(text);
if (args.docs) {
  const before = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    before.replace(/<!-- sizing -->[^]*<!-- \/sizing -->/, () => `<!-- sizing -->\n\n${text}\n\n<!-- /sizing -->`),
  );
}
process.exit(0);
