import { Session, type Profiler } from 'node:inspector';
import type { Reached } from './fuzzer.ts';

/**
 * Which blocks of the proxy's sources have run, by V8's precise coverage. It is taken for many inputs at once, since
 * taking it costs some milliseconds.
 */
export class Coverage implements Reached {
  readonly #session = new Session();
  readonly #seen = new Set<string>();
  readonly #under: string;

  /** Counts what lies under `folder`, a part of a file URL: 'proxy/sip/'. */
  constructor(folder: string) {
    this.#under = folder;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    // With counts, since without them V8 reports a function once and never what runs in it later
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks that have run, ever. */
  get size(): number {
    return this.#seen.size;
  }

  /** Blocks that have run since this was asked last and never before that. */
  fresh(): readonly string[] {
    const fresh: string[] = [];
    for (const { url, functions } of this.#take()) {
      const file = url.indexOf(this.#under);
      if (file < 0) continue;
      for (const { ranges } of functions) {
        for (const range of ranges) {
          if (range.count === 0) continue;
          const key = `${url.slice(file)}:${range.startOffset}-${range.endOffset}`;
          if (!this.#seen.has(key)) fresh.push(key);
        }
      }
    }
    return fresh;
  }

  /** From now on these are no news. */
  know(blocks: readonly string[]): void {
    for (const block of blocks) this.#seen.add(block);
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let taken: readonly Profiler.ScriptCoverage[] = [];
    // In the same process the answer is there when post() returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error;
      taken = result;
    });
    return taken;
  }
}
