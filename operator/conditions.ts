import type { Condition } from './sip-cluster.ts';

/** Why a manifest can't be made as it is written, or that it can. */
type ConfigurationReason =
  | 'Valid'
  | 'EtcdNotReachableFromOtherClusters'
  | 'GeoLocationConflict'
  | 'SecretMissing'
  | 'NameConflict'
  | 'Refused'
  | 'ConfigurationRefused'
  | 'CertificateRefused';

/** Reasons of each type of condition. The lists are closed: programs go by them. */
interface Reasons {
  readonly Ready:
    | ConfigurationReason
    | 'ProxiesReady'
    | 'ProxiesNotReady'
    | 'PortsTaken'
    | 'AddressPending'
    | 'ConfigurationSpreading';
  readonly Reconciling: 'Rolling' | 'ConfigurationSpreading' | 'Paused';
  readonly Stalled: ConfigurationReason | 'RollStuck';
  readonly ConfigurationValid: ConfigurationReason;
  readonly StoreAvailable: StoreReason;
  readonly ServersAvailable: 'PairsInService' | 'PairsOutOfService' | 'DualPrimary' | 'HostNotResolved' | 'NotObserved';
  readonly RecordRouteByAddress: 'NoFqdn';
}

const storeTroubles = [
  'NotYetReached',
  'SecretMissing',
  'SecretIncomplete',
  'SecretUnreadable',
  'Unauthenticated',
  'NoSpace',
  'Deadline',
  'Refused',
] as const;
export type StoreReason = 'Reached' | 'Unreachable' | (typeof storeTroubles)[number];

/** What a store's client says, as a condition says it. */
export function storeReason(said: string): StoreReason {
  return storeTroubles.find((known) => known === said) ?? 'Unreachable';
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
  readonly reason: Reasons[keyof Reasons];
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
