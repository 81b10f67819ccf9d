/** Counts what a peer sent and received, by sentences such as `received 401 to REGISTER`. */
export class Counter {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** Sum of all counts whose sentence begins so: `total('received')`. */
  total(beginning: string): number {
    let sum = 0;
    for (const [what, count] of this.#counts) if (what.startsWith(beginning)) sum += count;
    return sum;
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries([...this.#counts].toSorted(([a], [b]) => a.localeCompare(b)));
  }
}
