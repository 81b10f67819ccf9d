import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Reached } from './fuzzer.ts';
import { instrument, MARKS } from './instrument.ts';

const MOST = 65_536;

/** Which branches of the proxy's sources have run, of those that are imported after this was made. */
export class Coverage implements Reached {
  readonly #marks = new Uint8Array(MOST);
  readonly #known = new Uint8Array(MOST);
  #used = 0;
  #size = 0;

  /** Of what lies under `folder`, a part of a file URL: '/proxy/'. */
  constructor(folder: string) {
    Object.assign(globalThis, { [MARKS]: this.#marks });
    registerHooks({
      load: (url, context, next) => {
        if (!url.startsWith('file:') || !url.includes(folder) || !url.endsWith('.ts')) return next(url, context);
        const { text, marks } = instrument(stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8')), this.#used);
        this.#used += marks;
        if (this.#used > MOST) throw new RangeError(`more than ${MOST} branches`);
        return { format: 'module', source: text, shortCircuit: true };
      },
    });
  }

  get size(): number {
    return this.#size;
  }

  fresh(): number {
    let fresh = 0;
    for (let i = 0; i < this.#used; i++) {
      if (this.#marks[i] === 0 || this.#known[i] === 1) continue;
      this.#known[i] = 1;
      fresh++;
    }
    this.#size += fresh;
    return fresh;
  }
}
