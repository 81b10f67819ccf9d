import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger as Log } from 'pino';
import { unready } from '../admin-client.ts';
import { Processes } from '../apply-processes.ts';
import { findEtcd } from '../find-etcd.ts';
import type { Facts } from '../plan/facts.ts';
import { plan } from '../plan/plan.ts';
import type { Shard } from '../plan/shard.ts';
import { renderProcesses, type ProxyProcess } from '../render/processes.ts';
import type { SipCluster } from '../sip-cluster.ts';
import { UserError } from '../user-error.ts';
import { DataDirectory, type UpShard } from './data-directory.ts';
import { choosePorts, EtcdProcess } from './etcd-process.ts';
import { unavailable, type Endpoint } from './port-holder.ts';
import { ProxyChild } from './proxy-child.ts';
import type { MakePlace } from './proxy-place.ts';

export interface UpOptions {
  readonly store: 'etcd' | 'memory';
  readonly dataDirectory: string;
  /** Absolute path of the manifest. */
  readonly manifest: string;
  /** Only these data centres; absent: all. */
  readonly geoLocations?: readonly string[];
  /** By `<geo-location>/<n>`. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Absolute paths of the directories with Secrets' files, by the Secret's name. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly logLevel?: string;
  readonly testing: boolean;
  readonly log: Log;
  readonly ready: (proxy: ProxyProcess, took: number) => void;
}

/** Everything has to be gone 5 s after it was told to end: proxies first, then the stores that they write to. */
const PROXIES_END = 3500;
const ALL_END = 4500;

/** A manifest that runs on this machine: an etcd for each data centre, a process for each proxy. */
export class Up {
  readonly #options: UpOptions;
  readonly #directory: DataDirectory;
  readonly #etcds = new Map<string, EtcdProcess>();
  /** Told to end, and not gone yet. */
  readonly #ending = new Set<EtcdProcess>();
  readonly #ports = new Set<number>();
  readonly #startedAt = new Date().toISOString();
  #processes: Processes | undefined;
  #proxies: readonly ProxyProcess[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #closing = false;

  /** Locks the data directory. Throws UserError if it can't. */
  constructor(options: UpOptions) {
    this.#options = options;
    this.#directory = new DataDirectory(options.dataDirectory);
    const secrets = this.#directory.of('.secrets');
    rmSync(secrets, { recursive: true, force: true });
    mkdirSync(secrets);
    for (const [name, directory] of options.secrets) symlinkSync(directory, this.#directory.of('.secrets', name));
  }

  /** What is to run. */
  get proxies(): readonly ProxyProcess[] {
    return this.#proxies;
  }

  /**
   * Makes what runs follow the resources.
   * @returns true once every proxy that had to start is ready
   * @throws UserError, with nothing changed, if they can't be run here
   */
  async apply(resources: readonly SipCluster[]): Promise<boolean> {
    // What follows up to Processes.apply, which has an order of its own, is done for one manifest at a time.
    const prepared = this.#turn.then(() => this.#prepare(resources));
    this.#turn = prepared.catch(() => undefined);
    const { applied, unused } = await prepared;
    const ready = await applied;
    await Promise.all(unused.map((etcd) => this.#endEtcd(etcd)));
    return ready;
  }

  async #prepare(resources: readonly SipCluster[]): Promise<{ applied: Promise<boolean>; unused: EtcdProcess[] }> {
    if (this.#closing) return { applied: Promise.resolve(false), unused: [] };
    const options = this.#options;
    const geoLocations = [...new Set(resources.flatMap(({ spec }) => spec.geoLocations.map(({ name }) => name)))];
    for (const name of options.geoLocations ?? []) {
      if (!geoLocations.includes(name)) {
        throw new UserError(`--geo-location ${name}: the manifest has only ${geoLocations.join(', ')}`);
      }
    }
    // Whatever can be wrong is found before anything is started.
    const managed = this.#managed(resources);
    this.#render(resources, geoLocations, Object.fromEntries(managed.map((name) => [name, ['http://127.0.0.1']])));
    const fresh = await this.#newEtcds(managed.filter((name) => !this.#etcds.has(name)));
    const endpoints = Object.fromEntries(
      [...this.#etcds.values(), ...fresh].map((etcd) => [etcd.geoLocation, [etcd.endpoint]]),
    );
    const { proxies, shards } = this.#render(resources, geoLocations, endpoints);
    if (this.#processes === undefined) await this.#checkPorts(proxies);

    for (const etcd of fresh) {
      this.#etcds.set(etcd.geoLocation, etcd);
      etcd.start();
    }
    this.#proxies = proxies;
    this.#processes ??= await this.#startProcesses();
    this.#write(shards);
    const unused = [...this.#etcds.values()].filter((etcd) => !managed.includes(etcd.geoLocation));
    return { applied: this.#processes.apply(proxies), unused };
  }

  #render(
    resources: readonly SipCluster[],
    geoLocations: readonly string[],
    storeEndpoints: NonNullable<Facts['storeEndpoints']>,
  ): { proxies: readonly ProxyProcess[]; shards: readonly Shard[] } {
    const { geoLocations: covered, store, addresses, secrets, logLevel } = this.#options;
    const facts: Facts = {
      ...(covered === undefined ? {} : { geoLocations: covered }),
      storeEndpoints,
      memoryStores: store === 'memory',
      reachedDirectly: true,
    };
    const shards = resources.flatMap((resource) => plan(resource, facts).shards);
    const { proxies, problems } = renderProcesses(shards, {
      geoLocations,
      addresses,
      secrets: new Set(secrets.keys()),
      secretsDirectory: this.#directory.of('.secrets'),
      ...(logLevel === undefined ? {} : { logLevel }),
    });
    if (problems.length > 0) throw new UserError(problems.join('\n'));
    return { proxies, shards };
  }

  /** The data centres whose etcd is to run here. */
  #managed(resources: readonly SipCluster[]): string[] {
    const { geoLocations, store } = this.#options;
    if (store === 'memory') return [];
    const all = resources.flatMap(({ spec }) => spec.geoLocations).filter(({ etcd }) => etcd.managed !== undefined);
    return [...new Set(all.map(({ name }) => name))].filter((name) => geoLocations?.includes(name) ?? true);
  }

  async #newEtcds(geoLocations: readonly string[]): Promise<EtcdProcess[]> {
    if (geoLocations.length === 0) return [];
    const binary = await findEtcd().catch((error: Error) => {
      throw new UserError(error.message, { cause: error });
    });
    const etcds: EtcdProcess[] = [];
    for (const geoLocation of geoLocations) {
      const directory = this.#directory.of(geoLocation);
      const ports = await choosePorts(directory, this.#ports);
      etcds.push(new EtcdProcess(geoLocation, binary, directory, ports, this.#options.log));
    }
    return etcds;
  }

  async #checkPorts(proxies: readonly ProxyProcess[]): Promise<void> {
    const endpoints = proxies.flatMap(({ address, listeners, adminPort }): Endpoint[] => [
      ...listeners.map(({ transport, port }) => ({
        protocol: transport === 'UDP' ? ('UDP' as const) : ('TCP' as const),
        address,
        port,
      })),
      { protocol: 'TCP', address, port: adminPort },
    ]);
    const lines = await unavailable(endpoints);
    if (lines.length === 0) return;
    throw new UserError(
      [...lines, 'Change the ports in the manifest, the addresses by --address, or end what holds them.'].join('\n'),
    );
  }

  async #startProcesses(): Promise<Processes> {
    const { log, ready } = this.#options;
    return new Processes({ makePlace: await this.#places(), unready, log, ready });
  }

  async #places(): Promise<MakePlace> {
    const { log, store, testing } = this.#options;
    if (store === 'memory') {
      const { MemoryStores, ProxyInProcess } = await import('./proxy-in-process.ts');
      const stores = new MemoryStores();
      return (proxy) => new ProxyInProcess(proxy, stores.of(proxy), { log, testing });
    }
    const args = testing ? ['--testing'] : [];
    return (proxy, died) => new ProxyChild(proxy, this.#directory.of(`${proxy.name}.yaml`), args, log, died);
  }

  #write(shards: readonly Shard[]): void {
    const seen = new Map<string, UpShard>();
    for (const { config } of shards) {
      const { cluster, switch: switchName, dn, servers } = config;
      seen.set(JSON.stringify([cluster, switchName, dn]), { cluster, switch: switchName, dn, servers });
    }
    this.#directory.write({
      pid: process.pid,
      startedAt: this.#startedAt,
      manifest: this.#options.manifest,
      proxies: this.#proxies.map(({ name, geoLocation, cluster, switch: switchName, dn, address, admin }) => {
        return { name, geoLocation, cluster, switch: switchName, dn, address, admin };
      }),
      shards: [...seen.values()],
      stores: [...this.#etcds.values()].map(({ geoLocation, endpoint }) => ({ geoLocation, endpoints: [endpoint] })),
    });
  }

  async #endEtcd(etcd: EtcdProcess): Promise<void> {
    this.#etcds.delete(etcd.geoLocation);
    this.#ending.add(etcd);
    try {
      await etcd.stop();
    } finally {
      this.#ending.delete(etcd);
    }
  }

  /** Ends all, in order where time allows, within 5 s. Etcd's data stays. */
  async close(): Promise<void> {
    this.#closing = true;
    const deadline = setTimeout(() => this.kill(), ALL_END);
    try {
      await this.#turn;
      await Promise.race([this.#processes?.close(), sleep(PROXIES_END, undefined, { ref: false })]);
      await Promise.all([...this.#etcds.values()].map((etcd) => this.#endEtcd(etcd)));
    } finally {
      clearTimeout(deadline);
      this.#processes?.kill();
      this.#directory.release();
    }
  }

  /** Ends all at once. */
  kill(): void {
    this.#closing = true;
    this.#processes?.kill();
    for (const etcd of [...this.#etcds.values(), ...this.#ending]) etcd.kill();
    this.#directory.release();
  }
}
