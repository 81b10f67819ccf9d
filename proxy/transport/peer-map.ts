/** A Map by remote address and port, without a string built for each look-up. */
export class PeerMap<Value> {
  readonly #byAddress = new Map<string, Map<number, Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(address: string, port: number): Value | undefined {
    return this.#byAddress.get(address)?.get(port);
  }

  set(address: string, port: number, value: Value): void {
    let ports = this.#byAddress.get(address);
    if (ports === undefined) {
      ports = new Map();
      this.#byAddress.set(address, ports);
    }
    const before = ports.size;
    ports.set(port, value);
    this.#size += ports.size - before;
  }

  delete(address: string, port: number): void {
    const ports = this.#byAddress.get(address);
    if (ports === undefined || !ports.delete(port)) return;
    this.#size--;
    if (ports.size === 0) this.#byAddress.delete(address);
  }
}
