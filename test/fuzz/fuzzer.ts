import { Random } from '../simulation/random.ts';
import type { Conversation } from './conversation.ts';
import { minimise } from './minimise.ts';
import { mutate } from './mutate.ts';
import { Violation } from './violation.ts';

/** One life of what is tested. */
export interface Life {
  /** Throws a Violation; else what was seen that tells this input from others. */
  play(conversation: Conversation): Promise<ReadonlySet<string>>;
  /** Throws a Violation. */
  end(): Promise<void>;
}

/** Which branches of the code have run: Coverage, or nothing at all. */
export interface Reached {
  /** How many, ever. */
  readonly size: number;
  /** How many that had not when this was asked last. */
  fresh(): number;
}

/** What breaks a rule, made as small as it gets, and where chance came from. */
export interface Failure {
  readonly violation: Violation;
  readonly conversation: Conversation;
  readonly seed: number;
}

export interface Progress {
  readonly executions: number;
  readonly corpus: number;
  /** Branches of the sources that have run, and sights such as a status sent. */
  readonly branches: number;
  readonly sights: number;
}

/** Conversations a life: what one leaves behind meets the next ones, and a failure is found again by few. */
const A_LIFE = 40;

/**
 * Plays mutated conversations, and keeps those that reach what none reached before. Everything but `coverage` follows
 * from the seed.
 */
export class Fuzzer {
  readonly #random: Random;
  readonly #seed: number;
  readonly #begin: (random: Random) => Promise<Life>;
  readonly #coverage: Reached;
  readonly #waiting: Conversation[];
  readonly #corpus: Conversation[] = [];
  readonly #sights = new Set<string>();
  #executions = 0;

  constructor(
    seeds: readonly Conversation[],
    seed: number,
    begin: (random: Random) => Promise<Life>,
    coverage: Reached,
  ) {
    this.#waiting = [...seeds];
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#begin = begin;
    this.#coverage = coverage;
  }

  get progress(): Progress {
    const { size } = this.#coverage;
    return { executions: this.#executions, corpus: this.#corpus.length, branches: size, sights: this.#sights.size };
  }

  /** What has been kept, the seeds included that reach something. */
  get corpus(): readonly Conversation[] {
    return this.#corpus;
  }

  /** Some conversations more; the failure, if one broke a rule. */
  async more(): Promise<Failure | undefined> {
    const seeding = this.#waiting.length > 0;
    const played: Conversation[] = [];
    try {
      const life = await this.#begin(new Random(this.#seed));
      while (played.length < A_LIFE && (!seeding || this.#waiting.length > 0)) {
        const conversation = this.#waiting.shift() ?? this.#mutant();
        played.push(conversation);
        this.#executions++;
        const sights = await life.play(conversation);
        const reached = this.#coverage.fresh();
        if (this.#isNew(sights) || reached > 0 || seeding) this.#corpus.push(conversation);
      }
      await life.end();
    } catch (error) {
      return this.#smallest(played, asViolation(error));
    }
    this.#coverage.fresh();
    return undefined;
  }

  #mutant(): Conversation {
    const { length } = this.#corpus;
    if (length === 0) return mutate([], [], this.#random);
    // The latest finds are where news is likeliest
    const first = this.#random.chance(0.3) ? this.#random.int(Math.max(0, length - 20), length - 1) : undefined;
    const one = first === undefined ? this.#random.pick(this.#corpus) : (this.#corpus[first] ?? []);
    return mutate(one, this.#random.pick(this.#corpus), this.#random);
  }

  #isNew(sights: ReadonlySet<string>): boolean {
    const before = this.#sights.size;
    for (const sight of sights) this.#sights.add(sight);
    return this.#sights.size > before;
  }

  /** The rule that these break in a life of their own. */
  async #broken(conversations: readonly Conversation[]): Promise<Violation | undefined> {
    try {
      const life = await this.#begin(new Random(this.#seed));
      for (const conversation of conversations) await life.play(conversation);
      await life.end();
      return undefined;
    } catch (error) {
      return asViolation(error);
    }
  }

  async #smallest(played: readonly Conversation[], violation: Violation): Promise<Failure> {
    const last = played.at(-1) ?? [];
    const alone = (await this.#broken([last]))?.rule === violation.rule;
    const conversation = await minimise(
      alone ? last : played.flat(),
      async (smaller) => (await this.#broken([smaller]))?.rule === violation.rule,
    );
    return { violation: (await this.#broken([conversation])) ?? violation, conversation, seed: this.#seed };
  }
}

/** Whatever else is thrown is a broken rule too. */
function asViolation(error: unknown): Violation {
  if (error instanceof Violation) return error;
  return new Violation('nothing is thrown', error instanceof Error ? (error.stack ?? error.message) : String(error));
}
