import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchRegistrations, fetchStatus, unready } from '../../operator/admin-client.ts';
import type { ProxyStatus, RegistrationView } from '../../proxy/status.ts';
import { pausesIn } from '../bench/contender.ts';
import { eventually } from '../peers/deadline.ts';

const program = fileURLToPath(new URL('../../operator/bin/sipcluster.js', import.meta.url));
const ADMIN = 8080;

interface RealProxyOptions {
  readonly name: string;
  /** It listens at port 5060 over UDP. */
  readonly address: string;
  readonly geoLocation: string;
  /** The data centres' stores by name, as this proxy reaches them, its own first. */
  readonly stores: readonly { readonly geoLocation: string; readonly endpoint: string }[];
  /** Address of its data centre's one SIP Server, over UDP, and its port where that is not 5060. */
  readonly server: string;
  readonly serverPort?: number;
  /** For its configuration and log. */
  readonly folder: string;
  /** It writes down its collections. */
  readonly traced?: boolean;
}

/** A proxy as `sipcluster proxy` runs it. */
export class RealProxy {
  readonly options: RealProxyOptions;
  readonly #admin: string;
  readonly #log: string;
  #child: ChildProcess | undefined;

  constructor(options: RealProxyOptions) {
    this.options = options;
    this.#admin = `http://${options.address}:${ADMIN}`;
    this.#log = join(options.folder, `${options.name}.log`);
  }

  /** Resolves when it is ready, at the latest after `patience` ms. */
  async start(patience: number): Promise<void> {
    const file = join(this.options.folder, `${this.options.name}.json`);
    writeFileSync(file, JSON.stringify(configOf(this.options)));
    const output = openSync(this.#log, 'a');
    const flags = this.options.traced === true ? ['--trace-gc'] : [];
    const args = [...flags, program, 'proxy', '--config', file];
    const child = spawn(process.execPath, args, { stdio: ['ignore', output, output] });
    this.#child = child;
    const killOnExit = (): void => void child.kill('SIGKILL');
    process.once('exit', killOnExit);
    child.once('exit', () => process.off('exit', killOnExit));
    await eventually(patience, `proxy ${this.options.name} is ready`, async () => {
      if (child.exitCode !== null) throw new Error(`proxy ${this.options.name} ended: see ${this.#log}`);
      return (await unready(this.#admin)) === undefined;
    });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** ms of each collection so far, where they are traced. */
  pauses(): number[] {
    return pausesIn(readFileSync(this.#log, 'utf8'));
  }

  /** Memory that its process has now. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child?.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  async status(): Promise<ProxyStatus> {
    const status = await fetchStatus(this.#admin);
    if (typeof status === 'string') throw new Error(`proxy ${this.options.name}: ${status}`);
    return status;
  }

  /** Of one address of record, or all. */
  async registrations(aor?: string): Promise<readonly RegistrationView[]> {
    const views = await fetchRegistrations(this.#admin, aor);
    if (typeof views === 'string') throw new Error(`proxy ${this.options.name}: ${views}`);
    return views;
  }
}

function configOf({ name, address, geoLocation, stores, server, serverPort = 5060 }: RealProxyOptions): object {
  return {
    namespace: 'voice',
    cluster: 'contact-center',
    switch: 'SIP_Cluster_Switch',
    dn: 'SIP_Cluster_DN',
    geoLocation,
    place: { name, address },
    domains: ['sip.example.com', 'example.com'],
    listeners: [{ transport: 'UDP', port: 5060 }],
    admin: { port: ADMIN },
    registration: { natPing: '0s' },
    servers: [
      { name: `ss-${geoLocation}`, geoLocation, members: [{ role: 'primary', host: server, port: serverPort }] },
    ],
    proxiesIn: stores.map((store) => store.geoLocation),
    stores: stores.map((store) => ({ geoLocation: store.geoLocation, endpoints: [store.endpoint] })),
    log: { level: 'warn' },
  };
}
