import type { Condition } from './sip-cluster.ts';

/** Why a resource can't be made as it is written, or not all of it: each ends up in a condition. */
export interface Problem {
  readonly type: 'ConfigurationValid' | 'StoreAvailable';
  /** From a closed list: programs go by it. */
  readonly reason:
    | 'EtcdNotReachableFromOtherClusters'
    | 'GeoLocationConflict'
    | 'SecretMissing'
    | 'SecretIncomplete'
    | 'SecretUnreadable'
    | 'NameConflict'
    | 'Refused'
    | 'ConfigurationRefused';
  readonly message: string;
}

/** One aspect as it is now. */
export interface Aspect {
  readonly type: string;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** Conditions that are there only while they are True, so that kstatus and people see them only when they matter. */
const onlyWhenTrue: ReadonlySet<string> = new Set(['Reconciling', 'Stalled', 'RecordRouteByAddress']);

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
