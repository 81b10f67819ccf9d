/** Admits `perSecond` a second, with one second's worth of burst. No limit where `perSecond` is undefined. */
export class TokenBucket {
  #perSecond: number | undefined;
  #tokens: number;
  #at = 0;

  constructor(perSecond: number | undefined) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond ?? 0;
  }

  /** Another rate from now on: what has been spent stays spent, else each change would let a second's worth in. */
  retune(perSecond: number | undefined): void {
    if (this.#perSecond === undefined) this.#tokens = perSecond ?? 0;
    this.#perSecond = perSecond;
    this.#tokens = Math.min(this.#tokens, perSecond ?? 0);
  }

  /** `now` in ms. */
  take(now: number): boolean {
    if (this.#perSecond === undefined) return true;
    const earned = this.#at === 0 ? 0 : (Math.max(0, now - this.#at) * this.#perSecond) / 1000;
    this.#at = now;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + earned);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
