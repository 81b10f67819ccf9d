/** An object from JSON that others wrote: fields are read by type, and `good` tells whether all read so far were of theirs. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  /** Shared by an object and those within it. */
  readonly #verdict: { good: boolean };

  private constructor(object: Readonly<Record<string, unknown>>, verdict: { good: boolean }) {
    this.#object = object;
    this.#verdict = verdict;
  }

  /** Undefined if `text` is no JSON object or its `v` is not `version`. */
  static parse(text: string, version: number): Fields | undefined {
    const object = parseObject(text, version);
    return object === undefined ? undefined : new Fields(object, { good: true });
  }

  get good(): boolean {
    return this.#verdict.good;
  }

  has(name: string): boolean {
    return this.#object[name] !== undefined;
  }

  text(name: string): string {
    const value = this.#object[name];
    return typeof value === 'string' ? value : this.#bad('');
  }

  number(name: string): number {
    const value = this.#object[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#bad(0);
  }

  /** A whole number from 0 to `most`. */
  whole(name: string, most: number): number {
    const value = this.number(name);
    return Number.isInteger(value) && value >= 0 && value <= most ? value : this.#bad(0);
  }

  /** One of `allowed`, which holds at least one. */
  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.#object[name];
    const [fallback] = allowed;
    if (fallback === undefined) throw new RangeError(`nothing is allowed for ${name}`);
    return allowed.find((one) => one === value) ?? this.#bad(fallback);
  }

  texts(name: string): readonly string[] {
    const value = this.#object[name];
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : this.#bad([]);
  }

  numbers(name: string): readonly number[] {
    const value = this.#object[name];
    return Array.isArray(value) && value.every((one) => typeof one === 'number') ? value : this.#bad([]);
  }

  /** An array of texts and numbers, to be told apart by who reads them. */
  mixed(name: string): readonly unknown[] {
    const value = this.#object[name];
    return Array.isArray(value) ? value : this.#bad([]);
  }

  fields(name: string): Fields {
    const value = this.#object[name];
    return new Fields(isObject(value) ? value : this.#bad({}), this.#verdict);
  }

  list<T>(name: string, read: (fields: Fields) => T): readonly T[] {
    const value = this.#object[name];
    if (!Array.isArray(value)) return this.#bad([]);
    return value.map((one: unknown) => read(new Fields(isObject(one) ? one : this.#bad({}), this.#verdict)));
  }

  /** As othersOf(). */
  others(known: ReadonlySet<string>): Readonly<Record<string, unknown>> | undefined {
    return othersOf(this.#object, known);
  }

  #bad<T>(fallback: T): T {
    this.#verdict.good = false;
    return fallback;
  }
}

/** Undefined if `text` is no JSON object or its `v` is not `version`. */
export function parseObject(text: string, version: number): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isObject(value) && value['v'] === version ? value : undefined;
}

/** The fields whose names are not in `known`; undefined if there are none. */
export function othersOf(
  object: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
): Readonly<Record<string, unknown>> | undefined {
  let others: Record<string, unknown> | undefined;
  for (const name in object) {
    if (!known.has(name)) (others ??= {})[name] = object[name];
  }
  return others;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
