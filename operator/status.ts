import type { ServerConfig } from '../proxy/config.ts';
import type { HealthRecord, MemberRole, MemberState, PairHealth } from '../proxy/store/records.ts';

/** One pair's row of the matrix, as `status` carries it. */
export interface PairStatus {
  readonly name: string;
  readonly geoLocation: string;
  /** Degraded: observers disagree on which member is active. */
  readonly state: 'InService' | 'OutOfService' | 'Degraded' | 'DualPrimary' | 'Unknown';
  /** By majority of fresh observers; absent: none, or not known. */
  readonly active?: MemberRole;
  readonly members: readonly MemberStatus[];
  /** At most 16, those that disagree with the majority first; over 50 pairs only those. */
  readonly observers: readonly ObserverStatus[];
}

interface MemberStatus {
  readonly role: MemberRole;
  /** `address:port`, IPv6 in brackets. */
  readonly address: string;
  readonly state: MemberState;
  /** ISO 8601; absent while nobody knows the member. */
  readonly lastTransition?: string;
  readonly reason?: string;
}

interface ObserverStatus {
  readonly proxy: string;
  readonly active: MemberRole | 'none';
  /** ISO 8601. */
  readonly since: string;
}

/** How old what a proxy published may be, ms: several of its heartbeats. */
const FRESH_FOR = 30_000;
const OBSERVERS = 16;
/** With more pairs than this, observers that agree are left out. */
const MANY_PAIRS = 50;

interface Observation {
  readonly proxy: string;
  readonly pair: PairHealth;
}

/**
 * The oos-check matrix: what the proxies of each pair's data centre see of it.
 * @param servers the configured pairs, in the order of the rows
 * @param records what live proxies publish
 * @param now ms since the epoch
 */
export function matrix(
  servers: readonly ServerConfig[],
  records: Iterable<HealthRecord>,
  now: number,
): readonly PairStatus[] {
  const fresh = [...records].filter((record) => now - record.at <= FRESH_FOR);
  return servers.map((server) => {
    const observations: Observation[] = [];
    for (const record of fresh) {
      const pair = record.pairs.find(({ name }) => name === server.name);
      if (record.geoLocation !== server.geoLocation || pair === undefined || isStarting(pair)) continue;
      observations.push({ proxy: record.proxy, pair });
    }
    return row(server, observations, servers.length > MANY_PAIRS);
  });
}

function row(server: ServerConfig, observations: readonly Observation[], onlyDisagreeing: boolean): PairStatus {
  const { name, geoLocation } = server;
  const active = most(
    observations.map(({ pair }) => pair.active),
    ['primary', 'backup', 'none'],
  );
  const disagreeing = observations.filter(({ pair }) => pair.active !== active);
  const agreeing = onlyDisagreeing ? [] : observations.filter(({ pair }) => pair.active === active);
  return {
    name,
    geoLocation,
    state: stateOf(observations, active, disagreeing.length),
    ...(active === undefined || active === 'none' ? {} : { active }),
    members: server.members.map((member) => {
      const host = member.host.includes(':') ? `[${member.host}]` : member.host;
      return memberStatus(member.role, `${host}:${member.port}`, observations);
    }),
    observers: [...disagreeing.toSorted(byProxy), ...agreeing.toSorted(byProxy)]
      .slice(0, OBSERVERS)
      .map(({ proxy, pair }) => ({ proxy, active: pair.active, since: new Date(pair.since).toISOString() })),
  };
}

function stateOf(
  observations: readonly Observation[],
  active: MemberRole | 'none' | undefined,
  disagreeing: number,
): PairStatus['state'] {
  if (observations.length === 0) return 'Unknown';
  // it comes first: two primaries are why observers disagree
  if (observations.filter(({ pair }) => pair.dualPrimary === true).length * 2 > observations.length)
    return 'DualPrimary';
  if (disagreeing > 0) return 'Degraded';
  return active === 'none' ? 'OutOfService' : 'InService';
}

/** Its observer has not heard from the members yet. */
function isStarting(pair: PairHealth): boolean {
  return pair.active === 'none' && pair.members.some((member) => member.state === 'Unknown');
}

/** The state that most observers see, with the time and reason of the one that saw it first. */
function memberStatus(role: MemberRole, configured: string, observations: readonly Observation[]): MemberStatus {
  const seen = observations.flatMap(({ pair }) => pair.members.filter((member) => member.role === role));
  const state = most(
    seen.map((member) => member.state),
    ['InService', 'Standby', 'Down', 'Unknown'],
  );
  const [first] = seen.filter((member) => member.state === state).toSorted((a, b) => a.since - b.since);
  if (state === undefined || first === undefined) return { role, address: configured, state: 'Unknown' };
  return {
    role,
    address: first.address,
    state,
    lastTransition: new Date(first.since).toISOString(),
    reason: first.reason,
  };
}

/** The value that occurs most often; of several the one that stands first in `order`. Undefined for no values. */
function most<T extends string>(values: readonly T[], order: readonly NoInfer<T>[]): T | undefined {
  const count = (wanted: T): number => values.filter((value) => value === wanted).length;
  return order.filter((value) => values.includes(value)).toSorted((a, b) => count(b) - count(a))[0];
}

function byProxy(a: Observation, b: Observation): number {
  return a.proxy < b.proxy ? -1 : a.proxy > b.proxy ? 1 : 0;
}
