/** Pauses between tries: doubled from `least` to `most`, each jittered by half so that many clients don't try as one. */
export class Backoff {
  readonly #least: number;
  readonly #most: number;
  #next: number;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;

  constructor(least = 50, most = 1000) {
    this.#least = least;
    this.#most = most;
    this.#next = least;
  }

  reset(): void {
    this.#next = this.#least;
  }

  /** Resolves after the pause, or when end() is called. */
  async pause(): Promise<void> {
    const ms = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.#most);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#timer = setTimeout(resolve, ms);
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#wake?.();
  }
}
