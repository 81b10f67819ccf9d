import type { Store, StoreFollower } from '../../../proxy/store/store.ts';
import { until } from './records.ts';

/** A follower that keeps what the store holds, by what it was told. */
export class Recorder implements StoreFollower {
  readonly keys = new Map<string, string>();
  readonly events: string[] = [];
  listings = 0;
  restorations = 0;
  loads = 0;
  puts = 0;
  isAvailable = false;
  reason = '';
  #listed: Set<string> | undefined;

  static of(store: Store): Recorder {
    const recorder = new Recorder();
    store.follow(recorder);
    return recorder;
  }

  listing(restored: boolean): void {
    this.listings++;
    if (restored) this.restorations++;
    this.#listed = new Set();
  }

  put(key: string, value: string): void {
    this.puts++;
    this.keys.set(key, value);
    this.#listed?.add(key);
    if (this.#listed === undefined) this.events.push(`put ${key} ${value}`);
  }

  remove(key: string): void {
    this.keys.delete(key);
    this.events.push(`remove ${key}`);
  }

  loaded(): void {
    this.loads++;
    for (const key of this.keys.keys()) if (this.#listed?.has(key) === false) this.keys.delete(key);
    this.#listed = undefined;
  }

  available(available: boolean, reason: string): void {
    this.isAvailable = available;
    this.reason = reason;
  }

  /** Waits until the recorder is as `condition` says. */
  async until(condition: (recorder: this) => boolean, patience?: number): Promise<void> {
    const { listings, loads, puts, isAvailable, reason } = this;
    await until(
      () => condition(this),
      () => ({ size: this.keys.size, listings, loads, puts, isAvailable, reason, last: this.events.slice(-5) }),
      patience,
    );
  }
}
