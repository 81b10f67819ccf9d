import { NOWHERE, type Timer } from '../transaction/timers.ts';
import type { AlongWays } from './along-ways.ts';
import type { Copying } from './copying.ts';

/** Runs while a try is not answered at all. */
export class Silence implements Timer {
  place = NOWHERE;
  readonly #copy: AlongWays;
  readonly #proxy: string | undefined;
  constructor(copy: AlongWays, proxy: string | undefined) {
    this.#copy = copy;
    this.#proxy = proxy;
  }
  expire(): void {
    this.#copy.silent(this.#proxy);
  }
}

/** Runs while a copy waits for a member of its pair. */
export class WaitForMember implements Timer {
  place = NOWHERE;
  readonly #copy: Copying;
  constructor(copy: Copying) {
    this.#copy = copy;
  }
  expire(): void {
    this.#copy.waitedLongEnough();
  }
}
