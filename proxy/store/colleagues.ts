import { fnv1a } from '../hash.ts';

/** The live proxies of this data centre, which share its upkeep: they see the same, so each key has one of them that acts. */
export class Colleagues {
  readonly #self: string;
  #names: readonly string[] = [];
  #boots: ReadonlyMap<string, string> = new Map();

  /** `self`: this proxy's name. */
  constructor(self: string) {
    this.#self = self;
  }

  /** Their names and boot ids. */
  set(boots: ReadonlyMap<string, string>): void {
    this.#boots = boots;
    this.#names = [...boots.keys()].toSorted();
  }

  /** Whether the process that wrote something still lives; without a boot id, any process of that name. */
  lives(name: string, boot: string | undefined): boolean {
    return boot === undefined ? this.#boots.has(name) : this.#boots.get(name) === boot;
  }

  /** Whether this proxy is the one of its data centre to act on `key`. */
  isMine(key: string): boolean {
    const { length } = this.#names;
    if (!this.#boots.has(this.#self)) return true;
    return this.#names[fnv1a(key) % length] === this.#self;
  }
}
