import type { Happening } from './events.ts';
import type { Condition, SipClusterStatus, SipServerStatus } from './sip-cluster.ts';

/** What happened between two statuses of a resource that people want to be told. Nothing, where there was none before. */
export function happenings(before: SipClusterStatus | undefined, now: SipClusterStatus): Happening[] {
  if (before === undefined) return [];
  const earlier = pairsOf(before);
  const list = [...pairsOf(now)].flatMap(([name, pair]) => pairHappenings(name, earlier.get(name), pair));
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

function pairHappenings(name: string, was: SipServerStatus | undefined, is: SipServerStatus): Happening[] {
  if (was === undefined) return [];
  const list: Happening[] = [];
  if (is.state === 'OutOfService' && was.state !== 'OutOfService')
    list.push({ type: 'Warning', reason: 'PairOutOfService', note: `${name} has no member in service` });
  if (is.state === 'InService' && was.state === 'OutOfService')
    list.push({ type: 'Normal', reason: 'PairInService', note: `${name} is in service again` });
  if (is.state === 'DualPrimary' && was.state !== 'DualPrimary')
    list.push({ type: 'Warning', reason: 'DualPrimary', note: `both members of ${name} say that they are in service` });
  if (is.active !== undefined && was.active !== undefined && is.active !== was.active) {
    list.push({
      type: 'Normal',
      reason: 'PairSwitched',
      note: `${name}: work goes to the ${is.active}, no longer to the ${was.active}`,
    });
  }
  return list;
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
