import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuTime } from '../peers/cpu-time.ts';
import type { Side } from './message.ts';

/** Where a proxy listens: over UDP and, where a step has phones on streams, over these at the same port. */
export interface Listening extends Side {
  readonly stream?: {
    readonly transport: 'TLS' | 'WSS';
    /** Has tls.crt and tls.key. */
    readonly directory: string;
    /** The authority of that certificate, PEM. */
    readonly ca: string;
    readonly connections: number;
  };
}

/** A proxy that is measured: what is started for it, and how. Each measurement has a new one. */
export interface Contender {
  readonly name: string;
  /** The command that listens on `at` and sends to `server`; it may write files into `directory`. */
  command(at: Listening, server: Side, directory: string): readonly string[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A proxy of the data centre, by its name, that keeps what it knows in `endpoint`'s etcd or, without one, in memory. */
export function proxy(name: string, endpoint?: string): Contender {
  return {
    name: endpoint === undefined ? 'sipcluster' : 'sipcluster, etcd, a second proxy',
    command(at, server, directory) {
      const file = join(directory, 'proxy.json');
      const streams = at.stream === undefined ? [] : [at.stream];
      const store = endpoint === undefined ? { memory: true } : { endpoints: [endpoint] };
      const configuration = {
        cluster: 'bench',
        switch: 'bench',
        dn: 'bench',
        geoLocation: 'here',
        place: { name, address: at.address },
        domains: ['example.com'],
        listeners: [
          { transport: 'UDP', port: at.port },
          // phones have the server's address, too: on this side nobody is taken for it
          ...streams.map(({ transport, directory: tls }) => ({ transport, port: at.port, side: 'External', tls })),
        ],
        admin: { port: 0 },
        drain: { dnsGrace: '0s', window: '0s', limit: '1s' },
        servers: [
          {
            name: 'server',
            geoLocation: 'here',
            members: [{ role: 'primary', host: server.address, port: server.port }],
          },
        ],
        stores: [{ geoLocation: 'here', ...store }],
      };
      writeFileSync(file, JSON.stringify(configuration));
      // --trace-gc writes a line for each collection, from which the pauses are read
      return [process.execPath, '--trace-gc', join(root, 'operator/bin/sipcluster.js'), 'proxy', '--config', file];
    },
  };
}

export const sipcluster = proxy('proxy-0');

/** The same, writing a CPU profile into `directory` when it ends. */
export function profiled(directory: string): Contender {
  return {
    name: sipcluster.name,
    command(at, server, own) {
      const [node = '', ...rest] = sipcluster.command(at, server, own);
      return [node, '--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-interval=500', ...rest];
    },
  };
}

/** One worker with the same work: relays with state, pings its server, keeps what was registered in memory. */
export const kamailio: Contender = {
  name: 'Kamailio',
  command(at, server, directory) {
    const servers = join(directory, 'servers.list');
    writeFileSync(servers, `1 sip:${server.address}:${server.port}\n`);
    const template = readFileSync(new URL('kamailio.cfg', import.meta.url), 'utf8');
    const values = {
      LISTEN: `${at.address}:${at.port}`,
      SERVER: server.address,
      SERVER_PORT: server.port,
      SERVERS: servers,
      TLS: at.stream?.directory ?? '',
      CONNECTIONS: (at.stream?.connections ?? 0) + 100,
    };
    const file = join(directory, 'kamailio.cfg');
    writeFileSync(
      file,
      template.replaceAll(/@([A-Z_]+)@/g, (_, name: keyof typeof values) => String(values[name])),
    );
    const defined = { UDP: [], TLS: ['-A', 'TLS'], WSS: ['-A', 'TLS', '-A', 'WSS'] }[at.stream?.transport ?? 'UDP'];
    return [
      ...['kamailio', '-f', file, '-DD', '-E', ...defined, '-m', '4096', '-M', '16', '-w', directory, '-Y', directory],
    ];
  },
};

/** What a process and all that it started have used so far. */
export interface Use {
  /** CPU time, µs. */
  readonly cpu: number;
  /** Resident memory, bytes. */
  readonly rss: number;
}

/** A contender's process on a core of its own. */
export class Running {
  readonly #child: ChildProcess;
  readonly #log: string;

  constructor(contender: Contender, at: Listening, server: Side, directory: string, core: number) {
    this.#log = join(directory, 'log');
    const log = openSync(this.#log, 'w');
    const command = contender.command(at, server, directory);
    this.#child = spawn('taskset', ['-c', String(core), ...command], { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The end of what it wrote, but for its collections. */
  get output(): string {
    return readFileSync(this.#log, 'utf8')
      .replaceAll(/^\[\d+:0x.*\n/gm, '')
      .slice(-2000);
  }

  use(): Use {
    let cpu = 0;
    let rss = 0;
    for (const pid of descendants(this.#child.pid ?? 0)) {
      cpu += cpuTime(pid);
      rss += Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
    }
    return { cpu, rss };
  }

  /** Proportional set size, bytes: what several of its processes share counts once. */
  memory(): number {
    const kib = descendants(this.#child.pid ?? 0).map((pid) =>
      Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0),
    );
    return kib.reduce((sum, one) => sum + one, 0) * 1024;
  }

  /** ms of each collection so far, where the runtime tells. */
  pauses(): number[] {
    return pausesIn(readFileSync(this.#log, 'utf8'));
  }

  /** SIGTERM, and SIGKILL after 15 s, to all that it started. */
  async end(): Promise<void> {
    if (this.ended) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#child.once('exit', () => resolve());
    this.#signal('SIGTERM');
    const timer = setTimeout(() => this.#signal('SIGKILL'), 15_000);
    await promise;
    clearTimeout(timer);
    this.#signal('SIGKILL');
  }

  /** The processes that it left behind are of its group too. */
  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // there is none left
    }
  }
}

/** ms of each collection in what a Node.js has written that was started with --trace-gc. */
export function pausesIn(log: string): number[] {
  const lines = log.matchAll(/ms: (?:Scavenge|(?:Incremental )?Mark-Compact|Minor)[^\n]*? ([\d.]+) \/ [\d.]+ ms/g);
  return [...lines].map(([, ms]) => Number(ms));
}

function descendants(root_: number): number[] {
  const parents = new Map<number, number[]>();
  for (const name of list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
    parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
  }
  const found = [root_];
  for (const pid of found) found.push(...(parents.get(pid) ?? []));
  return found;
}

/** Processes end while they are looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
