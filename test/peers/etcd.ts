import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEtcd } from '../../operator/find-etcd.ts';
import { freePort } from './free-port.ts';

/** How long etcd may take to start or stop, ms. */
const PATIENCE = 10_000;

/** A member of an etcd with others: its name, its port for them, and all members as `--initial-cluster` has them. */
export interface Membership {
  readonly name: string;
  readonly peerPort: number;
  readonly cluster: string;
}

/** Files of its certificate. */
interface Tls {
  readonly cert: string;
  readonly key: string;
}

/** A real etcd, of one member unless it is told of others, on free loopback ports, with its data in a temporary directory. */
export class Etcd {
  readonly port: number;
  readonly endpoint: string;
  readonly #binary: string;
  readonly #membership: Membership;
  readonly #flags: readonly string[];
  readonly #tls: Tls | undefined;
  /** Where it says whether it is healthy, without TLS. */
  readonly #health: string;
  #directory: string;
  #token = 0;
  #child: ChildProcess | undefined;

  private constructor(
    binary: string,
    directory: string,
    options: { membership: Membership; ports: readonly [number, number]; flags: readonly string[]; tls?: Tls },
  ) {
    const { membership, flags, tls } = options;
    const [port, healthPort] = options.ports;
    this.#binary = binary;
    this.#directory = directory;
    this.#membership = membership;
    this.#flags = flags;
    this.#tls = tls;
    this.port = port;
    this.endpoint = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
    this.#health = `http://127.0.0.1:${healthPort}`;
  }

  /** Rejects with what etcd said if it does not start. `flags`: more of its flags. */
  static async start(
    flags: readonly string[] = [],
    options: { readonly membership?: Membership; readonly tls?: Tls } = {},
  ): Promise<Etcd> {
    const peerPort = options.membership?.peerPort ?? (await freePort());
    const membership = options.membership ?? { name: 'test', peerPort, cluster: `test=http://127.0.0.1:${peerPort}` };
    const ports = [await freePort(), await freePort()] as const;
    const etcd = new Etcd(await findEtcd(), await emptyDirectory(), { ...options, membership, ports, flags });
    await etcd.#run();
    return etcd;
  }

  /** Stops in the middle of what it does, as a host does that hangs: connections stay, nothing is said. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Sum of all series of a metric that it has counted. */
  async counted(metric: string): Promise<number> {
    const text = await (await fetch(`${this.#health}/metrics`)).text();
    const series = text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
    return [...series].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  /** Ends the process and removes its data. */
  async stop(): Promise<void> {
    await this.kill();
    for (const directory of [this.#directory, this.#backup]) await rm(directory, { recursive: true, force: true });
  }

  get #backup(): string {
    return `${this.#directory}.backup`;
  }

  /** Ends the process as a crash would; its data stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Starts again on the same ports with the same data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#run();
  }

  /** Puts the data aside as a backup of now; the process is started again. */
  async backUp(): Promise<void> {
    await this.kill();
    await this.copyData();
    await this.#run();
  }

  /** Starts again on the same ports with the data of the backup. */
  async restore(): Promise<void> {
    await this.kill();
    await this.putDataBack();
    await this.#run();
  }

  /** A backup of the data of a process that was ended. */
  async copyData(): Promise<void> {
    await cp(this.#directory, this.#backup, { recursive: true });
  }

  async putDataBack(): Promise<void> {
    await rm(this.#directory, { recursive: true });
    await cp(this.#backup, this.#directory, { recursive: true });
  }

  /** Starts again on the same ports with no data. `asAnother`: it is another cluster, by its id. */
  async replace(options: { asAnother: boolean }): Promise<void> {
    await this.stop();
    this.#directory = await emptyDirectory();
    if (options.asAnother) this.#token++;
    await this.#run();
  }

  /** Starts again on the same ports with no data. `state`: whether it makes the cluster, or is a new member of it. */
  async restartEmpty(state: 'new' | 'existing'): Promise<void> {
    await this.stop();
    this.#directory = await emptyDirectory();
    await this.#run('--initial-cluster-state', state);
  }

  async #run(...more: readonly string[]): Promise<void> {
    const { name, peerPort, cluster } = this.#membership;
    const peer = `http://127.0.0.1:${peerPort}`;
    const args = [
      ...['--name', name, '--data-dir', this.#directory, '--log-level', 'error', '--unsafe-no-fsync'],
      ...['--listen-client-urls', this.endpoint, '--advertise-client-urls', this.endpoint],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', cluster],
      ...['--listen-metrics-urls', this.#health],
      ...(this.#tls === undefined ? [] : ['--cert-file', this.#tls.cert, '--key-file', this.#tls.key]),
      ...['--initial-cluster-token', `test-${this.#token}`, ...this.#flags, ...more],
    ];
    const child = spawn(this.#binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
    const killOnExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killOnExit);
    child.once('exit', () => process.off('exit', killOnExit));
    await this.#healthy(child, () => said);
  }

  async #healthy(child: ChildProcess, said: () => string): Promise<void> {
    const end = performance.now() + PATIENCE;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`etcd ended with ${child.exitCode}: ${said()}`);
      if (performance.now() > end) throw new Error(`etcd was not healthy within ${PATIENCE} ms: ${said()}`);
      try {
        const response = await fetch(`${this.#health}/health`, { signal: AbortSignal.timeout(1000) });
        if (response.ok) return;
      } catch {
        // not listening yet
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function emptyDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'sipcluster-etcd-'));
}
