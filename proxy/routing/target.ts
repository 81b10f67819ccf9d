import type { Pair } from '../upstream/pair.ts';
import type { Way } from './way.ts';

/** Where one copy of a request is to go: a pair, whichever of its members is active, or one of several ways. */
export interface Target {
  readonly pair: Pair | undefined;
  /** It waits for this pair; an unpinned one may go to another. */
  readonly pinned: boolean;
  readonly ways: readonly Way[];
}
