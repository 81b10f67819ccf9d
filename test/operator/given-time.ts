import type { Clock } from '../../operator/watch.ts';

/** A clock that stands until it is moved. */
export class GivenTime implements Clock {
  #now = 0;
  #next = 0;
  readonly #timers = new Map<number, { at: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  random(): number {
    return 0.5;
  }

  after(ms: number, callback: () => void): () => void {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, callback });
    return () => this.#timers.delete(id);
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.after(ms, resolve);
      signal.addEventListener('abort', () => {
        cancel();
        resolve();
      });
      if (signal.aborted) resolve();
    });
  }

  /** Moves it on; everything due happens in order, and what that causes, too. */
  async move(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const [first] = [...this.#timers].filter(([, timer]) => timer.at <= end).toSorted((a, b) => a[1].at - b[1].at);
      if (first === undefined) break;
      const [id, timer] = first;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, timer.at);
      timer.callback();
      await settled();
    }
    this.#now = end;
  }
}

/** Promises that wait for nothing but one another have run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
