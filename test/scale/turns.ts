/** How long the turns of the event loop are, by a timer of one millisecond. */
export class Turns {
  /** By the clock, ms: with the time that the thread waited for a core. */
  longest = 0;
  /** What the thread worked, ms. */
  busiest = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let before = performance.now();
    let worked = cpuTime();
    this.#timer = setInterval(() => {
      const [now, works] = [performance.now(), cpuTime()];
      this.longest = Math.max(this.longest, now - before);
      this.busiest = Math.max(this.busiest, works - worked);
      [before, worked] = [now, works];
    }, 1);
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** Of this thread alone, ms: not of those that collect and compile beside it. */
function cpuTime(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
