import type { Logger as Log } from 'pino';
import { ApiError, isGone } from './kubernetes/api-error.ts';
import { isRecord, keyOf, type KubernetesObject } from './kubernetes/object.ts';

export interface ListPage {
  readonly items: readonly KubernetesObject[];
  readonly resourceVersion: string;
  /** Where the next page begins; absent: this is the last. */
  readonly next?: string;
}

/** One kind of objects on the API server. */
export interface WatchSource {
  list(from: string | undefined, signal: AbortSignal): Promise<ListPage>;
  /** Resolves when the server ends it, rejects when it breaks or is refused. */
  watch(resourceVersion: string, event: (type: string, object: unknown) => void, signal: AbortSignal): Promise<void>;
}

/** Time and chance, for tests to give. */
export interface Clock {
  /** ms that only grow. */
  now(): number;
  /** Resolves after that many ms, or at once when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls back after that many ms unless cancelled. */
  after(ms: number, callback: () => void): () => void;
  /** 0 to 1 */
  random(): number;
}

export interface ObjectWatchOptions {
  /** For log lines: `deployments`. */
  readonly what: string;
  readonly source: WatchSource;
  readonly clock: Clock;
  readonly log: Log;
  /** An object came, changed (`now` is what it is) or went (`before` is what it was). Must not throw. */
  readonly changed: (now: KubernetesObject | undefined, before: KubernetesObject | undefined) => void;
  /** The first list is there. */
  readonly synced: () => void;
  /** What is kept of an object: hundreds of whole ones take much memory. Absent: all. */
  readonly kept?: (object: KubernetesObject) => KubernetesObject;
}

/** Bookmarks come about once a minute: more silence than this means that the connection is dead, ms. */
const silence = 90_000;
const firstPause = 500;
const longestPause = 30_000;
/** A watch that lasts less than this was no success, ms. */
const briefly = 1000;

/**
 * All objects of one kind as they are now: lists them, watches from there with bookmarks, and resumes where it was; lists
 * again when the server no longer knows that place. Goes on for ever, until closed.
 */
export class ObjectWatch {
  readonly #options: ObjectWatchOptions;
  readonly #objects = new Map<string, KubernetesObject>();
  readonly #end = new AbortController();
  #resourceVersion: string | undefined;
  #synced = false;
  #failures = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ObjectWatchOptions) {
    this.#options = options;
  }

  /** By `namespace/name`. */
  get objects(): ReadonlyMap<string, KubernetesObject> {
    return this.#objects;
  }

  /** Whether the first list is there: before that, what is missing may only not have been read yet. */
  get synced(): boolean {
    return this.#synced;
  }

  start(): void {
    this.#ended = this.#run();
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#ended;
  }

  async #run(): Promise<void> {
    const { clock, log, what } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      const began = clock.now();
      try {
        this.#resourceVersion ??= await this.#list(signal);
        await this.#watch(this.#resourceVersion, signal);
        this.#failures = clock.now() - began < briefly ? this.#failures + 1 : 0;
      } catch (error) {
        if (signal.aborted) return;
        if (isGone(error)) {
          this.#resourceVersion = undefined;
          log.debug({ what }, 'the API server has forgotten where the watch was: listing again');
        } else {
          // One line an outage.
          log[this.#failures === 0 ? 'warn' : 'debug']({ err: error, what }, `can't follow ${what}; trying again`);
        }
        this.#failures += 1;
      }
      if (!signal.aborted && this.#failures > 0) await clock.sleep(this.#pause(), signal);
    }
  }

  /** Half to whole: after an API server's restart not all watches come at one moment. */
  #pause(): number {
    const pause = Math.min(firstPause * 2 ** (this.#failures - 1), longestPause);
    return pause * (0.5 + this.#options.clock.random() / 2);
  }

  async #list(signal: AbortSignal): Promise<string> {
    const found = new Map<string, KubernetesObject>();
    let page = await this.#options.source.list(undefined, signal);
    // Pages after the first are of its version; what changes meanwhile comes by the watch from there.
    const { resourceVersion } = page;
    for (;;) {
      for (const object of page.items) found.set(keyOf(object), object);
      if (page.next === undefined) break;
      page = await this.#options.source.list(page.next, signal);
    }
    for (const key of [...this.#objects.keys()]) if (!found.has(key)) this.#forget(key);
    for (const object of found.values()) this.#keep(object);
    if (!this.#synced) {
      this.#synced = true;
      this.#options.synced();
    }
    return resourceVersion;
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { clock, source } = this.#options;
    const stop = new AbortController();
    const limit = silence * (1 + clock.random() / 5);
    let stalled = false;
    let problem: Error | undefined;
    const stall = (): void => {
      stalled = true;
      stop.abort();
    };
    let cancel = clock.after(limit, stall);
    const event = (type: string, object: unknown): void => {
      cancel();
      cancel = clock.after(limit, stall);
      problem ??= this.#receive(type, object);
      if (problem !== undefined) stop.abort();
    };
    try {
      await source.watch(from, event, AbortSignal.any([signal, stop.signal]));
    } catch (error) {
      problem ??= error instanceof Error ? error : new Error(String(error));
    } finally {
      cancel();
    }
    if (stalled)
      throw new ApiError(0, 'Stalled', `nothing came for ${Math.round(limit / 1000)} s, not even a bookmark`);
    if (problem !== undefined) throw problem;
  }

  /** What ends the watch, if the event does. */
  #receive(type: string, object: unknown): ApiError | undefined {
    if (type === 'ERROR') {
      const { code, reason, message } = isRecord(object) ? object : {};
      return new ApiError(
        typeof code === 'number' ? code : 0,
        String(reason),
        `the watch was ended: ${String(message)}`,
      );
    }
    if (!isObject(object)) return new ApiError(0, 'BadEvent', 'an event of the watch has no object');
    if (type === 'DELETED') this.#forget(keyOf(object));
    else if (type !== 'BOOKMARK') this.#keep(object);
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#failures = 0;
    return undefined;
  }

  #keep(whole: KubernetesObject): void {
    const object = this.#options.kept?.(whole) ?? whole;
    const key = keyOf(object);
    const before = this.#objects.get(key);
    this.#objects.set(key, object);
    const { uid, resourceVersion } = object.metadata;
    if (before?.metadata.uid === uid && before?.metadata.resourceVersion === resourceVersion) return;
    this.#options.changed(object, before);
  }

  #forget(key: string): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    this.#options.changed(undefined, before);
  }
}

function isObject(value: unknown): value is KubernetesObject {
  return isRecord(value) && isRecord(value['metadata']) && typeof value['kind'] === 'string';
}
