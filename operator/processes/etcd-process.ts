import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Logger as Log } from 'pino';
import { Child } from './child.ts';

export interface EtcdPorts {
  readonly client: number;
  readonly peer: number;
}

const HOST = '127.0.0.1';

/**
 * Runs its arguments as a command and ends it when standard input ends, which it does however the process that holds the
 * other end goes, SIGKILL included: a database must not outlive the one that started it.
 */
const LEASH = `
"$@" </dev/null & main=$!
trap 'kill -TERM $main' TERM
exec 3<&0
{ while read -r _ <&3; do :; done; kill -KILL $main; } 2>/dev/null & leash=$!
wait $main; status=$?
while kill -0 $main 2>/dev/null; do wait $main; status=$?; done
kill -KILL $leash
exit $status
`;

/** One data centre's etcd: a single member on this machine's loopback, its data under `directory`. */
export class EtcdProcess {
  readonly geoLocation: string;
  readonly ports: EtcdPorts;
  readonly #child: Child;
  readonly #output: number;

  /** @param binary path of an etcd 3.4 or newer */
  constructor(geoLocation: string, binary: string, directory: string, ports: EtcdPorts, log: Log) {
    this.geoLocation = geoLocation;
    this.ports = ports;
    mkdirSync(directory, { recursive: true });
    const output = openSync(join(directory, 'etcd.log'), 'w');
    this.#output = output;
    const args = etcdArguments(geoLocation, join(directory, 'etcd'), ports);
    this.#child = new Child(
      () => ({
        what: `etcd of ${geoLocation}`,
        file: '/bin/sh',
        args: ['-c', LEASH, 'etcd', binary, ...args],
        env: etcdEnvironment(process.env),
        lifeline: 'stdin',
        output,
      }),
      log,
      () => log.warn({ geoLocation }, `what it said last: ${lastLine(join(directory, 'etcd.log'))}`),
    );
  }

  get endpoint(): string {
    return `http://${HOST}:${this.ports.client}`;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  start(): void {
    this.#child.start();
  }

  async stop(): Promise<void> {
    await this.#child.stop();
    closeSync(this.#output);
  }

  kill(): void {
    this.#child.kill();
  }
}

/** The arguments of a single-member etcd that compacts itself and has room: a rewrite of a registration is some 450 bytes. */
export function etcdArguments(geoLocation: string, data: string, ports: EtcdPorts): readonly string[] {
  const client = `http://${HOST}:${ports.client}`;
  const peer = `http://${HOST}:${ports.peer}`;
  return [
    `--name=${geoLocation}`,
    `--data-dir=${data}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${geoLocation}=${peer}`,
    '--auto-compaction-mode=periodic',
    '--auto-compaction-retention=5m',
    `--quota-backend-bytes=${8 * 1024 ** 3}`,
    '--logger=zap',
    '--log-level=warn',
  ];
}

/** etcd takes ETCD_… variables as flags, and ours that names its binary is none. */
function etcdEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== 'ETCD' && !name.startsWith('ETCD_')));
}

/**
 * Ports for the etcd under `directory`: those of last time if they are free, else new ones; noted there.
 * @param taken ports that others were promised; the chosen ones are added
 */
export async function choosePorts(directory: string, taken: Set<number>): Promise<EtcdPorts> {
  const file = join(directory, 'ports.json');
  const last = readPorts(file);
  const client = await freePort(last?.client ?? 0, taken);
  const peer = await freePort(last?.peer ?? 0, taken);
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, `${JSON.stringify({ client, peer })}\n`);
  return { client, peer };
}

function readPorts(file: string): EtcdPorts | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { client, peer } = value as Partial<Record<keyof EtcdPorts, unknown>>;
    return Number.isInteger(client) && Number.isInteger(peer)
      ? { client: Number(client), peer: Number(peer) }
      : undefined;
  } catch {
    return undefined;
  }
}

/** `wanted` if it can be bound, else any free port. */
async function freePort(wanted: number, taken: Set<number>): Promise<number> {
  for (let port = wanted; ; port = 0) {
    const bound = await bindOnce(port);
    if (bound === undefined || taken.has(bound)) continue;
    taken.add(bound);
    return bound;
  }
}

function bindOnce(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (port === 0 ? reject(error) : resolve(undefined)));
    server.listen(port, HOST, () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}

function lastLine(file: string): string {
  try {
    const tail = readFileSync(file, 'utf8').trimEnd();
    return tail === '' ? 'nothing' : tail.slice(tail.lastIndexOf('\n') + 1).slice(0, 500);
  } catch {
    return 'nothing that could be read';
  }
}
