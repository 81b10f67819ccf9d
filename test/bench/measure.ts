import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../peers/free-port.ts';
import { Authority } from '../proxy/transport/certificates.ts';
import { Running, type Contender, type Listening } from './contender.ts';
import { growthOf, sampling } from './growth.ts';
import { idlePhones, type IdlePhones } from './idle-phones.ts';
import type { Load, LoadResult } from './load.ts';
import type { Side } from './message.ts';
import { kindOf, type Setting, type Step } from './steps.ts';

/** Times in ms, CPU in µs an exchange, memory in MiB. */
export interface Measurement {
  readonly contender: string;
  readonly kind: string;
  readonly rate: number;
  readonly cpu: number;
  /** What phones and SIP Server used themselves. */
  readonly generatorCpu: number;
  /** Of a core, while the window lasts; above 1 where there was work left at its end. */
  readonly share: number;
  readonly generatorShare: number;
  /** Completed. */
  readonly perSecond: number;
  /** The generator could not do more, so that the rate is only the least that the proxy holds. */
  readonly isLeast?: boolean;
  readonly begun: number;
  /** Connections that ended, too. */
  readonly failed: number;
  /** Of these, how many had an answer, by its status. */
  readonly refused: LoadResult['refused'];
  readonly retransmitted: number;
  /** Datagrams that the kernel dropped for full buffers, of all sockets here. */
  readonly dropped: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly rss: number;
  /** Of that while the window lasted, where that is minutes; 0.05: five percent. */
  readonly growth?: number;
  /** What each connection held added to the proxy's memory, its registration included, KiB. */
  readonly kibEach?: number;
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
  /** Phones that it holds connections of. */
  readonly idle?: IdlePhones | undefined;
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
  const side: Side = { address: load.server.address, port: await freePort() };
  const { transport } = kindOf(step);
  const connections = step.connections ?? 0;
  const stream =
    transport === undefined ? undefined : { transport, connections, ...(await certified(directory, side.address)) };
  const at: Listening = stream === undefined ? side : { ...side, stream };
  const running = new Running(contender, at, load.server, directory, core);
  let idle: IdlePhones | undefined;
  try {
    await ready(running, contender, step, at, load);
    if (stream !== undefined) {
      idle = await idlePhones(load, at, stream, connections, running);
      console.error(
        `  ${contender.name}: ${connections} phones over ${transport}, ${Math.round(idle.bytesEach / 1024)} KiB each`,
      );
    }
    const setting = { ...(await kindOf(step).prepare(load, at)), phones: idle?.phones };
    return await use({ contender, running, at, setting, idle });
  } finally {
    idle?.phones.close();
    await running.end();
    load.forget();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A directory with a certificate of this address, and the authority of it. */
async function certified(within: string, address: string): Promise<{ directory: string; ca: string }> {
  const authority = await Authority.make();
  const { cert, key } = await authority.issue({ names: [address] });
  const directory = join(within, 'tls');
  mkdirSync(directory);
  writeFileSync(join(directory, 'tls.crt'), cert);
  writeFileSync(join(directory, 'tls.key'), key);
  return { directory, ca: authority.pem };
}

/** What comes of the step's load on a proxy that runs. */
export async function measureWindow(
  { contender, running, at, setting, idle }: Proxy,
  step: Step,
  { warm, window }: Timing,
  load: Load,
): Promise<Measurement> {
  await load.run({ ...setting, rate: step.rate, to: at, warm, window: 0 });
  const paused = running.pauses().length;
  const dropped = drops();
  const before = running.use();
  const own = process.cpuUsage();
  const memory = step.minutes === undefined ? undefined : sampling(window / 60, () => running.use().rss);
  const result = await load.run({ ...setting, rate: step.rate, to: at, warm: 0, window });
  const samples = memory?.end();
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
    failed: result.failed + (idle?.phones.lost ?? 0),
    refused: result.refused,
    retransmitted: result.retransmitted,
    dropped: drops() - dropped,
    ...percentiles(result),
    rss: after.rss / 2 ** 20,
    ...(samples && { growth: growthOf(samples) }),
    ...(idle && { kibEach: idle.bytesEach / 1024 }),
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
  throw new Error(`nothing went through ${contender.name} within ${READY / 1000} s, which wrote:\n${running.output}`);
}

function drops(): number {
  const [names = '', values = ''] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('RcvbufErrors')]);
}
