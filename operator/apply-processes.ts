import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger as Log } from 'pino';
import type { MakePlace, ProxyPlace } from './processes/proxy-place.ts';
import type { ProxyProcess } from './render/processes.ts';

export interface ProcessesOptions {
  readonly makePlace: MakePlace;
  /** Why the proxy with this admin URL is not ready; undefined if it is. */
  readonly unready: (admin: string) => Promise<string | undefined>;
  readonly log: Log;
  /** Told of every proxy that became ready, and how long that took, ms. */
  readonly ready: (proxy: ProxyProcess, took: number) => void;
  /** ms between looks at a proxy that is not ready yet; default 50. */
  readonly pollEvery?: number;
  /** ms that a proxy may take in a roll before the roll stops; default 30,000. */
  readonly patience?: number;
}

/** How often a proxy that does not become ready is complained about, ms. */
const COMPLAIN_EVERY = 10_000;

/** Runs the proxies of a manifest, and makes what runs follow it: one change at a time, in the order they came in. */
export class Processes {
  readonly #options: ProcessesOptions;
  readonly #places = new Map<string, ProxyPlace>();
  /** Told to end, and not gone yet. */
  readonly #ending = new Set<ProxyPlace>();
  readonly #watched = new Map<string, AbortController>();
  #last: Promise<unknown> = Promise.resolve();
  /** Resolves when a newer change waits for its turn: nobody waits for what the older one started any more. */
  #superseded = Promise.withResolvers<false>();
  #closing = false;

  constructor(options: ProcessesOptions) {
    this.#options = options;
  }

  /** What runs now, whether ready or not. */
  get places(): readonly ProxyPlace[] {
    return [...this.#places.values()];
  }

  /**
   * Makes the running proxies those wanted: what is new starts, what is gone ends, a changed configuration is given to the
   * proxy that runs, and what can't take its change live is rolled one by one, each ready before the next ends.
   * @returns true once all that had to start is ready; false if the roll stopped, or a newer change came
   */
  apply(wanted: readonly ProxyProcess[]): Promise<boolean> {
    this.#superseded.resolve(false);
    this.#superseded = Promise.withResolvers();
    const turn = this.#last.then(() => this.#apply(wanted));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #apply(wanted: readonly ProxyProcess[]): Promise<boolean> {
    if (this.#closing) return false;
    const names = new Set(wanted.map((proxy) => proxy.name));
    const gone = this.places.filter((place) => !names.has(place.proxy.name));
    await Promise.all(gone.map((place) => this.#end(place)));

    const rolled: ProxyProcess[] = [];
    const started: Promise<boolean>[] = [];
    for (const proxy of wanted) {
      const place = this.#places.get(proxy.name);
      if (place === undefined) started.push(this.#start(proxy));
      else if (place.proxy.restartKey !== proxy.restartKey) rolled.push(proxy);
      else if (place.proxy.config !== proxy.config) place.update(proxy);
    }
    let ok = (await Promise.all(started)).every(Boolean);
    for (const proxy of rolled) {
      const place = this.#places.get(proxy.name);
      if (place === undefined || !ok) break;
      this.#options.log.info(`proxy ${proxy.name} is restarted: its change can't be taken live`);
      await this.#end(place);
      ok = await this.#start(proxy, this.#options.patience ?? 30_000);
      if (!ok && !this.#closing) {
        this.#options.log.error(
          `proxy ${proxy.name} is not ready with its new configuration: the rest keeps the old one`,
        );
      }
    }
    return ok;
  }

  async #start(proxy: ProxyProcess, patience?: number): Promise<boolean> {
    if (this.#closing) return false;
    const place = this.#options.makePlace(proxy, () => {
      // The watch reports for itself; one that is still under way sees the next start, too.
      if (!this.#watched.has(proxy.name)) void this.#watch(place);
    });
    this.#places.set(proxy.name, place);
    place.start();
    const waits = [this.#watch(place), this.#superseded.promise];
    if (patience !== undefined) waits.push(sleep(patience, false, { ref: false }));
    return await Promise.race(waits);
  }

  /** Looks at a proxy until it is ready (true) or was ended (false). */
  async #watch(place: ProxyPlace): Promise<boolean> {
    const { name } = place.proxy;
    const watch = new AbortController();
    this.#watched.set(name, watch);
    const ready = await this.#untilReady(place.proxy, watch.signal);
    if (this.#watched.get(name) === watch) this.#watched.delete(name);
    return ready;
  }

  async #untilReady(proxy: ProxyProcess, ended: AbortSignal): Promise<boolean> {
    const began = performance.now();
    let complainAt = COMPLAIN_EVERY;
    while (!ended.aborted) {
      const why = await this.#options.unready(proxy.admin);
      if (ended.aborted) break;
      const took = performance.now() - began;
      if (why === undefined) {
        this.#options.ready(proxy, took);
        return true;
      }
      if (took > complainAt) {
        complainAt += COMPLAIN_EVERY;
        this.#options.log.warn(`proxy ${proxy.name} is not ready after ${Math.round(took / 1000)} s: ${why}`);
      }
      await sleep(this.#options.pollEvery ?? 50);
    }
    return false;
  }

  async #end(place: ProxyPlace): Promise<void> {
    const { name } = place.proxy;
    this.#watched.get(name)?.abort();
    this.#watched.delete(name);
    this.#places.delete(name);
    this.#ending.add(place);
    try {
      await place.stop();
    } finally {
      this.#ending.delete(place);
    }
  }

  /** Ends all at the same time. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.places.map((place) => this.#end(place)));
    await this.#last;
    await Promise.all(this.places.map((place) => this.#end(place)));
  }

  /** Ends all without waiting for anything, what was told to end and takes its time included. */
  kill(): void {
    this.#closing = true;
    for (const place of [...this.#places.values(), ...this.#ending]) place.kill();
  }
}
