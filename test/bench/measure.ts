import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, type Contender } from './contender.ts';
import type { Load, LoadResult } from './load.ts';
import type { Side } from './message.ts';
import { kindOf, type Step } from './steps.ts';

/** Times in ms, CPU in µs an exchange, memory in MiB. */
export interface Measurement {
  readonly contender: string;
  readonly kind: string;
  readonly rate: number;
  readonly cpu: number;
  /** The control: what the generator itself used, which has the same work whichever proxy it is. */
  readonly generatorCpu: number;
  readonly perSecond: number;
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

/** Starts the contender on `core`, loads it and ends it. Throws if no call goes through, with what it wrote. */
export async function measure(
  contender: Contender,
  step: Step,
  { warm, window }: Timing,
  load: Load,
  core: number,
): Promise<Measurement> {
  const directory = mkdtempSync(join(tmpdir(), 'sipcluster-bench-'));
  const at: Side = { address: load.server.address, port: await freePort(load.server.address) };
  const running = new Running(contender, at, load.server, directory, core);
  try {
    await ready(running, contender, step, at, load);
    const scenario = await kindOf(step).prepare(load, at);
    await load.run({ ...step, scenario, to: at, warm, window: 0 });
    const paused = running.pauses().length;
    const dropped = drops();
    const before = running.use();
    const own = process.cpuUsage();
    const result = await load.run({ ...step, scenario, to: at, warm: 0, window });
    const { user, system } = process.cpuUsage(own);
    const after = running.use();
    const calls = Math.max(1, result.completed);
    const pauses = running.pauses().slice(paused);
    return {
      contender: contender.name,
      ...step,
      cpu: (after.cpu - before.cpu) / calls,
      generatorCpu: (user + system) / calls,
      perSecond: (result.completed * 1000) / window,
      failed: result.failed,
      retransmitted: result.retransmitted,
      dropped: drops() - dropped,
      ...percentiles(result),
      rss: after.rss / 2 ** 20,
      longestPause: pauses.length === 0 ? undefined : Math.max(...pauses),
    };
  } finally {
    await running.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The same without a proxy: what the path and the generator take by themselves. */
export async function measureDirect(
  step: Step,
  { window }: Timing,
  load: Load,
): Promise<Pick<Measurement, 'p50' | 'p99' | 'p999'>> {
  const scenario = await kindOf(step).prepare(load, load.server);
  return percentiles(await load.run({ ...step, scenario, to: load.server, warm: 1000, window }));
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
