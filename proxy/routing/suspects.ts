/** Proxies that did not answer a hand-over: others are tried before them until they publish again. Bounded by the proxies there are. */
export class Suspects {
  readonly #names = new Set<string>();

  add(name: string): void {
    this.#names.add(name);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  clear(name: string): void {
    this.#names.delete(name);
  }
}
