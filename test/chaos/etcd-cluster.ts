import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../peers/deadline.ts';
import { HostProcess } from './host-process.ts';
import type { Network } from './network.ts';
import type { Place } from './places.ts';

/** What a member has for its data: its log takes 64 MB at once. */
const DISK = '256m';

interface Member {
  readonly place: Place;
  readonly data: string;
  readonly process: HostProcess;
}

/** The etcd of one data centre: three members, each on a host of its own. */
export class EtcdCluster {
  readonly #members: readonly Member[];

  constructor(binary: string, places: readonly Place[], network: Network, folder: string) {
    const cluster = places.map(({ name, address }) => `${name}=http://${address}:2380`).join(',');
    this.#members = places.map((place) => {
      const data = join(folder, place.name);
      mkdirSync(data);
      // a file system of its own, so that it can be full
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', data]);
      const client = `http://${place.address}:2379`;
      const peer = `http://${place.address}:2380`;
      const argv = [
        ...[binary, '--name', place.name, '--data-dir', join(data, 'etcd'), '--log-level', 'error'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', cluster],
        ...['--auto-compaction-mode', 'periodic', '--auto-compaction-retention', '5m'],
      ];
      const what = `etcd ${place.name}`;
      const command = { what, on: network.on(place.name), argv, log: join(folder, `${place.name}.log`) };
      return { place, data, process: new HostProcess(command) };
    });
  }

  get endpoints(): readonly string[] {
    return this.#members.map(({ place }) => `http://${place.address}:2379`);
  }

  /** Its process, which runs on its host as this one's child. */
  pidOf(name: string): number {
    const { pid } = this.#member(name).process;
    if (pid === undefined) throw new Error(`etcd ${name} does not run`);
    return pid;
  }

  /** Where a member keeps its data, by its name. */
  dataOf(name: string): string {
    return this.#member(name).data;
  }

  start(): void {
    for (const { process } of this.#members) process.start();
  }

  /** Starts what does not run; resolves when all members are healthy. */
  async isWhole(): Promise<void> {
    for (const { process } of this.#members) if (!process.runs) process.start();
    await eventually(20_000, `all members of etcd ${this.#members[0]?.place.dataCentre} are healthy`, async () => {
      const healthy = await Promise.all(this.endpoints.map(isHealthy));
      return healthy.every(Boolean);
    });
  }

  /** The leader's name. */
  async leader(): Promise<string> {
    for (const { place } of this.#members) {
      const status = await ask(`http://${place.address}:2379/v3/maintenance/status`);
      const { leader, header } = (status ?? {}) as { leader?: string; header?: { member_id?: string } };
      if (leader !== undefined && leader === header?.member_id) return place.name;
    }
    throw new Error('etcd has no leader');
  }

  get names(): readonly string[] {
    return this.#members.map(({ place }) => place.name);
  }

  async kill(name: string): Promise<void> {
    await this.#member(name).process.kill();
  }

  pause(name: string): void {
    this.#member(name).process.pause();
  }

  resume(name: string): void {
    this.#member(name).process.resume();
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map(({ process }) => process.kill()));
    for (const { data } of this.#members) {
      execFileSync('umount', ['-l', data]);
      rmSync(data, { recursive: true, force: true });
    }
  }

  #member(name: string): Member {
    const member = this.#members.find(({ place }) => place.name === name);
    if (member === undefined) throw new Error(`there is no etcd ${name}`);
    return member;
  }
}

async function isHealthy(endpoint: string): Promise<boolean> {
  const health = await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(500) }).catch(() => undefined);
  return health?.ok === true;
}

async function ask(url: string): Promise<unknown> {
  const options = { method: 'POST', body: '{}', signal: AbortSignal.timeout(500) };
  const response = await fetch(url, options).catch(() => undefined);
  return response?.ok === true ? response.json() : undefined;
}
