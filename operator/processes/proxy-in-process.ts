import type { Logger as Log } from 'pino';
import { ConfigError, loadProxyConfig } from '../../proxy/config.ts';
import { startProxy, type ProxyOptions, type RunningProxy } from '../../proxy/main.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import type { ProxyProcess } from '../render/processes.ts';
import { restartWait } from './child.ts';
import type { ProxyPlace } from './proxy-place.ts';

/** The memory stores of every shard in this process: the proxies of a shard share them. */
export class MemoryStores {
  readonly #clusters = new Map<string, MemoryCluster>();

  of({ cluster, switch: switchName, dn }: ProxyProcess): MemoryCluster {
    const key = JSON.stringify([cluster, switchName, dn]);
    let stores = this.#clusters.get(key);
    if (stores === undefined) this.#clusters.set(key, (stores = new MemoryCluster({ now: Date.now })));
    return stores;
  }
}

/** A proxy in this process, over memory stores. */
export class ProxyInProcess implements ProxyPlace {
  proxy: ProxyProcess;
  readonly pid = process.pid;
  readonly #stores: MemoryCluster;
  readonly #testing: boolean;
  readonly #log: Log;
  #running: Promise<RunningProxy | undefined> = Promise.resolve(undefined);
  #wait = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(proxy: ProxyProcess, stores: MemoryCluster, options: { log: Log; testing: boolean }) {
    this.proxy = proxy;
    this.#stores = stores;
    this.#testing = options.testing;
    this.#log = options.log.child({ proxy: proxy.name });
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      this.#wait = restartWait(this.#wait, 0);
      this.#log.error(
        { err: error, restartIn: this.#wait },
        `proxy ${this.proxy.name} could not be started; tried again in ${this.#wait} ms`,
      );
      if (!this.#stopping) this.#timer = setTimeout(() => this.start(), this.#wait);
      return undefined;
    });
  }

  #run(): Promise<RunningProxy> {
    const { config, hash } = loadProxyConfig(this.proxy.config, this.proxy.env);
    const options: ProxyOptions = {
      log: this.#log,
      hash,
      testing: this.#testing,
      stores: (geoLocation) => this.#stores.store(geoLocation),
    };
    return startProxy(config, options);
  }

  update(proxy: ProxyProcess): void {
    this.proxy = proxy;
    this.#running = this.#running.then((running) => {
      if (running !== undefined) reload(running, proxy, this.#log);
      return running;
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    await (await this.#running)?.close();
  }

  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
  }
}

function reload(running: RunningProxy, proxy: ProxyProcess, log: Log): void {
  try {
    const { config, hash } = loadProxyConfig(proxy.config, proxy.env);
    running.reconfigure(config, hash);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    log.error({ problems: error.problems }, `proxy ${proxy.name} keeps its configuration: ${error.message}`);
  }
}
