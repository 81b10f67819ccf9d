import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, type Contender } from './contender.ts';
import type { Load, LoadResult } from './load.ts';
import type { Side } from './message.ts';
import { kindOf, type Setting, type Step } from './steps.ts';

/** Times in ms, CPU in µs an exchange, memory in MiB. */
export interface Measurement {
  readonly contender: string;
  readonly kind: string;
  readonly rate: number;
  readonly cpu: number;
  /** The control: what the generator itself used, which has the same work whichever proxy it is. */
  readonly generatorCpu: number;
  /** Of a core, while the window lasts; above 1 where there was work left at its end. */
  readonly share: number;
  readonly generatorShare: number;
  /** Completed. */
  readonly perSecond: number;
  /** The generator could not do more, so that the rate is only the least that the proxy holds. */
  readonly isLeast?: boolean;
  readonly begun: number;
  readonly failed: number;
  readonly retransmitted: number;
  /** Datagrams that the kernel dropped for full buffers, of all sockets here. */
  readonly dropped: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly rss: number;
  /** The longest collection, ms; undefined where there are none. */
  readonly longestPause: number | undefined;
}

export interface Timing {
  readonly warm: number;
  readonly window: number;
}

/** How long a proxy may take until a first call goes through, ms. */
const READY = 60_000;

/** A proxy that takes calls, and what it is loaded with. */
export interface Proxy {
  readonly contender: Contender;
  readonly running: Running;
  readonly at: Side;
  readonly setting: Setting;
}

/** Starts the contender on `core`, loads it and ends it. Rejects if nothing goes through it, with what it wrote. */
export async function measure(
  contender: Contender,
  step: Step,
  timing: Timing,
  load: Load,
  core: number,
): Promise<Measurement> {
  return await withProxy(contender, step, load, core, (proxy) => measureWindow(proxy, step, timing, load));
}

/** A proxy for as long as `use` lasts, on `core`, ready for the step. */
export async function withProxy<T>(
  contender: Contender,
  step: Step,
  load: Load,
  core: number,
  use: (proxy: Proxy) => Promise<T>,
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'sipcluster-bench-'));
  const at: Side = { address: load.server.address, port: await freePort(load.server.address) };
  const running = new Running(contender, at, load.server, directory, core);
  try {
    await ready(running, contender, step, at, load);
    const setting = await kindOf(step).prepare(load, at);
    return await use({ contender, running, at, setting });
  } finally {
    await running.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What comes of the step's load on a proxy that runs. */
export async function measureWindow(
  { contender, running, at, setting }: Proxy,
  step: Step,
  { warm, window }: Timing,
  load: Load,
): Promise<Measurement> {
  await load.run({ ...setting, rate: step.rate, to: at, warm, window: 0 });
  const paused = running.pauses().length;
  const dropped = drops();
  const before = running.use();
  const own = process.cpuUsage();
  const result = await load.run({ ...setting, rate: step.rate, to: at, warm: 0, window });
  const { user, system } = process.cpuUsage(own);
  const after = running.use();
  const completed = Math.max(1, result.completed);
  const pauses = running.pauses().slice(paused);
  return {
    contender: contender.name,
    ...step,
    cpu: (after.cpu - before.cpu) / completed,
    share: (after.cpu - before.cpu) / (window * 1000),
    generatorCpu: (user + system) / completed,
    generatorShare: (user + system) / (window * 1000),
    perSecond: (result.completed * 1000) / window,
    begun: result.begun,
    failed: result.failed,
    retransmitted: result.retransmitted,
    dropped: drops() - dropped,
    ...percentiles(result),
    rss: after.rss / 2 ** 20,
    longestPause: pauses.length === 0 ? undefined : Math.max(...pauses),
  };
}

/** The same without a proxy: what the path and the generator take by themselves. */
export async function measureDirect(
  step: Step,
  { window }: Timing,
  load: Load,
): Promise<Pick<Measurement, 'p50' | 'p99' | 'p999'>> {
  const setting = await kindOf(step).prepare(load, load.server);
  return percentiles(await load.run({ ...setting, rate: step.rate, to: load.server, warm: 1000, window }));
}

function percentiles({ times }: LoadResult): Pick<Measurement, 'p50' | 'p99' | 'p999'> {
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

async function ready(running: Running, contender: Contender, step: Step, at: Side, load: Load): Promise<void> {
  const until = performance.now() + READY;
  while (performance.now() < until && !running.ended) {
    if (await load.probe(kindOf(step).probe, at, 200)) return;
  }
  throw new Error(`nothing goes through ${contender.name}, which wrote:\n${running.output}`);
}

function drops(): number {
  const [names = '', values = ''] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('RcvbufErrors')]);
}

export async function freePort(address: string): Promise<number> {
  const socket = createSocket('udp4');
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.bind(0, address, resolve);
  await promise;
  const { port } = socket.address();
  socket.close();
  return port;
}
