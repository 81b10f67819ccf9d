import { Timer } from '../transaction/timers.ts';
import type { AlongWays } from './along-ways.ts';
import type { Copying } from './copying.ts';

/** Runs while a try is not answered at all. */
export class Silence extends Timer {
  readonly #copy: AlongWays;
  readonly #proxy: string | undefined;
  constructor(copy: AlongWays, proxy: string | undefined) {
    super();
    this.#copy = copy;
    this.#proxy = proxy;
  }
  override expire(): void {
    this.#copy.silent(this.#proxy);
  }
}

/** Runs while a copy waits for a member of its pair. */
export class WaitForMember extends Timer {
  readonly #copy: Copying;
  constructor(copy: Copying) {
    super();
    this.#copy = copy;
  }
  override expire(): void {
    this.#copy.waitedLongEnough();
  }
}
