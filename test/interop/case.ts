import type { Stage } from './stage.ts';

/** One line of the table: what an agent does over a transport. */
export interface Case {
  readonly agent: string;
  readonly transport: string;
  readonly what: string;
  /** Rejects if it does not go as it should. */
  run(): Promise<void>;
}

/** An agent's cases, in the order they are run: later ones build on what earlier ones have set up. */
export interface Agent {
  readonly name: string;
  begin(stage: Stage): Promise<Cast>;
}

export interface Cast {
  readonly cases: readonly Case[];
  /** A case is over: what was said and has happened so far counts no more. */
  next(): void;
  /** What its programs have said since, for the reader of a failure. */
  said(): string;
  /** Ends every program it has started. */
  end(): Promise<void>;
}
