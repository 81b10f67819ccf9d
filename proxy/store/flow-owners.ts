/** Who holds a flow: a proxy's name and the boot id of its process. Each is in thousands of bindings. */
interface FlowOwner {
  readonly name: string | undefined;
  readonly boot: string | undefined;
}

interface Counted {
  readonly owner: FlowOwner;
  /** How many bindings name it. */
  uses: number;
}

/** No owner. */
export const UNOWNED = 0;

/** Owners by number, each known as long as some binding names it: rolls bring ever new ones. */
export class FlowOwners {
  readonly #owners: (Counted | undefined)[] = [undefined];
  /** By name and boot id. */
  readonly #numbers = new Map<string | undefined, Map<string | undefined, number>>();
  readonly #free: number[] = [];

  get(number: number): FlowOwner | undefined {
    return this.#owners[number]?.owner;
  }

  /** For one more binding: the number of its owner, who was `before` until now. */
  change(before: number, name: string | undefined, boot: string | undefined): number {
    const known = this.#owners[before]?.owner;
    if (known?.name === name && known?.boot === boot) return before;
    this.give(before);
    return name === undefined && boot === undefined ? UNOWNED : this.#take(name, boot);
  }

  /** One binding less names it. */
  give(number: number): void {
    const counted = this.#owners[number];
    if (counted === undefined || --counted.uses > 0) return;
    this.#owners[number] = undefined;
    const { name, boot } = counted.owner;
    const ofName = this.#numbers.get(name);
    ofName?.delete(boot);
    if (ofName?.size === 0) this.#numbers.delete(name);
    this.#free.push(number);
  }

  #take(name: string | undefined, boot: string | undefined): number {
    let ofName = this.#numbers.get(name);
    if (ofName === undefined) this.#numbers.set(name, (ofName = new Map()));
    let number = ofName.get(boot);
    if (number === undefined) {
      number = this.#free.pop() ?? this.#owners.length;
      this.#owners[number] = { owner: { name, boot }, uses: 0 };
      ofName.set(boot, number);
    }
    const counted = this.#owners[number];
    if (counted !== undefined) counted.uses++;
    return number;
  }
}
