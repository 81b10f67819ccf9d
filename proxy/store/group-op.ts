import type { Echo } from './echoes.ts';
import type { Write } from './etcd-txn.ts';
import type { Keyed } from './key-table.ts';
import type { Life, StoreError } from './store.ts';

/** Who waits for an operation; `created`: false if it was a `create` that found the key. */
export interface OpOutcome {
  committed(created: boolean): void;
  failed(error: StoreError): void;
  /** As Outcome.heard. */
  heard?(): boolean;
}

/** A write and who waits for it. */
export class Op implements Write, Echo, Keyed {
  readonly kind: Write['kind'];
  readonly key: string;
  value: string;
  life: Life | undefined;
  readonly held: string | undefined;
  readonly waiting: OpOutcome[];
  readonly deadline: number;
  lease = '0';
  /** The table's own. */
  hash = 0;
  /** It may have been done by a try whose answer was lost. */
  tried = false;
  sent = false;
  /** To be done to the same key after it. */
  next: Op | undefined = undefined;

  constructor(
    kind: Write['kind'],
    key: string,
    value: string,
    life: Life | undefined,
    held: string | undefined,
    outcome: OpOutcome,
    deadline: number,
  ) {
    this.kind = kind;
    this.key = key;
    this.value = value;
    this.life = life;
    this.held = held;
    this.waiting = [outcome];
    this.deadline = deadline;
  }

  /** What was written is the last one's. */
  heard(): boolean {
    return this.waiting.at(-1)?.heard?.() === true;
  }
}
