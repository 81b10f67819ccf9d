import type { Logger as Log } from 'pino';
import type { ProxyConfig } from '../../proxy/config.ts';
import type { Host } from './network.ts';
import { knowsLayout1 } from './older-release.ts';
import { ProxyProcess } from './proxy-process.ts';
import type { World } from './world.ts';

/** One proxy's place: its machine, its clock, and the process that runs there, if one does. */
export class ProxyModel {
  readonly name: string;
  readonly host: Host;
  readonly config: ProxyConfig;
  readonly world: World;
  process: ProxyProcess | undefined;
  /** How far its time of day is from the true one, always and now, ms. */
  readonly skew: number;
  clockOffset: number;
  /** When it was last started, and when its clock was last set. */
  startedAt = 0;
  #starts = 0;

  constructor(world: World, host: Host, config: ProxyConfig) {
    this.world = world;
    this.name = config.place.name;
    this.host = host;
    this.config = config;
    this.skew = world.random.chance(0.3) ? world.random.between(-400, 400) : 0;
    this.clockOffset = this.skew;
  }

  /** Its process is of an older release. */
  get isOlder(): boolean {
    return this.world.beginsOlder && this.#starts === 1;
  }

  get log(): Log {
    return this.world.log;
  }

  now(): number {
    return this.world.clock.now + this.clockOffset;
  }

  start(): void {
    if (this.process !== undefined) return;
    this.host.forget();
    this.startedAt = this.world.clock.now;
    this.process = new ProxyProcess(this, `${this.name}-boot${++this.#starts}`);
    if (this.isOlder) this.process.stores.forEach(knowsLayout1);
    this.world.mutate(this.process);
    this.process.start();
  }

  /** As kill -9: its streams are reset, its ports are closed, its leases run out. */
  kill(): void {
    this.process?.die();
    this.process = undefined;
    this.host.forget();
    this.world.monitor?.proxyDied(this);
  }

  /** In order: no new work, what is in flight ends, then presence is withdrawn. */
  async stop(): Promise<void> {
    const { process } = this;
    if (process === undefined) return;
    await process.close();
    if (this.process === process) this.kill();
  }

  /** Its time of day is set wrong by so much, or right again. */
  setClock(step: number): void {
    this.clockOffset = this.skew + step;
  }
}
