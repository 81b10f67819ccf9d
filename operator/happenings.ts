import type { Happening } from './events.ts';
import { some } from './some.ts';
import type { Condition, SipClusterStatus, SipServerStatus } from './sip-cluster.ts';

/** What happened between two statuses of a resource that people want to be told. Nothing, where there was none before. */
export function happenings(before: SipClusterStatus | undefined, now: SipClusterStatus): Happening[] {
  if (before === undefined) return [];
  const list = pairHappenings(pairsOf(before), pairsOf(now));
  const [store, was] = [condition(now, 'StoreAvailable'), condition(before, 'StoreAvailable')];
  if (store?.status === 'False' && was?.status === 'True')
    list.push({ type: 'Warning', reason: 'StoreLost', note: store.message });
  if (store?.status === 'True' && was?.status === 'False')
    list.push({ type: 'Normal', reason: 'StoreBack', note: store.message });
  const [rolling, rolled] = [
    condition(now, 'Reconciling')?.reason === 'Rolling',
    condition(before, 'Reconciling')?.reason === 'Rolling',
  ];
  if (rolling && !rolled)
    list.push({ type: 'Normal', reason: 'RollStarted', note: condition(now, 'Reconciling')?.message ?? '' });
  if (rolled && !rolling)
    list.push({ type: 'Normal', reason: 'RollDone', note: 'every proxy is of the newest template' });
  return list;
}

type Pairs = ReadonlyMap<string, SipServerStatus>;

/** Pairs that did the same are told of in one: with a whole data centre a hundred may go at once. */
function pairHappenings(before: Pairs, now: Pairs): Happening[] {
  const those = (became: (is: SipServerStatus, was: SipServerStatus) => boolean): string[] =>
    [...now].flatMap(([name, is]) => {
      const was = before.get(name);
      return was !== undefined && became(is, was) ? [name] : [];
    });
  const entered = (state: SipServerStatus['state']) => (is: SipServerStatus, was: SipServerStatus) =>
    is.state === state && was.state !== state;
  const to = (active: 'primary' | 'backup') => (is: SipServerStatus, was: SipServerStatus) =>
    is.active === active && was.active !== undefined && was.active !== active;
  const told: readonly [Happening['type'], Happening['reason'], readonly string[], string][] = [
    ['Warning', 'PairOutOfService', those(entered('OutOfService')), 'no member is in service'],
    [
      'Normal',
      'PairInService',
      those((is, was) => is.state === 'InService' && was.state === 'OutOfService'),
      'in service again',
    ],
    ['Warning', 'DualPrimary', those(entered('DualPrimary')), 'both members say that they are in service'],
    ['Normal', 'PairSwitched', those(to('backup')), 'work goes to the backup, no longer to the primary'],
    ['Normal', 'PairSwitched', those(to('primary')), 'work goes to the primary, no longer to the backup'],
  ];
  return told
    .filter(([, , names]) => names.length > 0)
    .map(([type, reason, names, what]) => ({ type, reason, note: `${some(names)}: ${what}` }));
}

function pairsOf(status: SipClusterStatus): Map<string, SipServerStatus> {
  const pairs = new Map<string, SipServerStatus>();
  for (const { name, clusterDNs } of status.switches ?? []) {
    for (const dn of clusterDNs ?? [])
      for (const pair of dn.sipServers ?? []) pairs.set(`${name}/${dn.name}/${pair.name}`, pair);
  }
  return pairs;
}

function condition(status: SipClusterStatus, type: string): Condition | undefined {
  return status.conditions?.find((candidate) => candidate.type === type);
}
