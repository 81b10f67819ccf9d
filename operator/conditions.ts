import { conditionReasons } from './reasons.ts';
import type { Condition } from './sip-cluster.ts';

type Reasons = {
  readonly [T in keyof typeof conditionReasons]: string & keyof (typeof conditionReasons)[T]['reasons'];
};
type ConfigurationReason = Exclude<Reasons['ConfigurationValid'], 'Valid'>;
export type StoreReason = Reasons['StoreAvailable'];

/** What a store's client says, as a condition says it. */
export function storeReason(said: string): StoreReason {
  return said in conditionReasons.StoreAvailable.reasons ? (said as StoreReason) : 'Unreachable';
}

export type ReasonOf<T extends keyof Reasons> = Reasons[T];

/** Why a resource can't be made as it is written, or not all of it: each ends up in a condition. */
export type Problem = { readonly message: string } & (
  | { readonly type: 'ConfigurationValid'; readonly reason: ConfigurationReason }
  | { readonly type: 'StoreAvailable'; readonly reason: StoreReason }
);

/** One aspect as it is now. */
export interface Aspect {
  readonly type: keyof Reasons;
  readonly status: Condition['status'];
  /** One of its type's: `aspect` takes no other. */
  readonly reason: string;
  readonly message: string;
}

export function aspect<T extends keyof Reasons>(
  type: T,
  status: Aspect['status'],
  reason: ReasonOf<T>,
  message: string,
): Aspect {
  return { type, status, reason, message };
}

/** Conditions that are there only while they are True, so that kstatus and people see them only when they matter. */
const onlyWhenTrue: ReadonlySet<string> = new Set<keyof Reasons>(['Reconciling', 'Stalled', 'RecordRouteByAddress']);

/**
 * Conditions as status carries them: the time of one changes only with its status.
 * @param now ISO 8601
 */
export function conditions(
  aspects: readonly Aspect[],
  before: readonly Condition[],
  generation: number,
  now: string,
): Condition[] {
  return aspects
    .filter(({ type, status }) => status === 'True' || !onlyWhenTrue.has(type))
    .map(({ type, status, reason, message }) => {
      const known = before.find((condition) => condition.type === type);
      const lastTransitionTime = known?.status === status ? known.lastTransitionTime : now;
      return { type, status, observedGeneration: generation, lastTransitionTime, reason, message };
    });
}
