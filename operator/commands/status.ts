import type { MemberConfig, ServerConfig } from '../../proxy/config.ts';
import type { ProxyStatus } from '../../proxy/status.ts';
import type { HealthRecord, MemberRole, MemberState } from '../../proxy/store/records.ts';
import { fetchStatus } from '../admin-client.ts';
import { findInstallation, type Installation, type WhereArguments } from '../installation.ts';
import { age, formatTable, printValue, screenWidth, type Format } from '../print.ts';
import type { UpProxy, UpShard } from '../processes/data-directory.ts';
import { matrix, type PairStatus } from '../status.ts';

/** What `status -o json` prints. */
export interface StatusView {
  readonly up?: Installation['up'];
  readonly clusters?: Installation['clusters'];
  readonly proxies: readonly ProxyView[];
  readonly stores: readonly StoreView[];
  readonly switches: readonly MatrixView[];
}

interface ProxyView extends UpProxy {
  readonly state: ProxyStatus['state'] | 'Unreachable';
  readonly ready: boolean;
  /** Why it is not ready or can't be reached. */
  readonly why?: string;
  readonly registrations?: number;
  readonly calls?: number;
  readonly transactions?: number;
  readonly configuration?: ProxyStatus['configuration'];
  readonly addresses?: ProxyStatus['addresses'];
}

interface StoreView {
  readonly geoLocation: string;
  readonly endpoints: readonly string[];
  /** Available: to every proxy that answers. */
  readonly state: 'Available' | 'Unavailable' | 'Unknown';
  /** What each proxy says of it. */
  readonly observers: readonly {
    readonly proxy: string;
    readonly available: boolean;
    readonly loaded: boolean;
    readonly reason: string;
    /** How old the newest heartbeat of the data centre is that came to it, ms; absent: none has. */
    readonly lag?: number;
  }[];
}

interface MatrixView {
  readonly cluster: string;
  readonly name: string;
  readonly dn: string;
  readonly pairs: readonly PairView[];
}

/** The matrix's row, and beneath each member what each proxy sees of it. */
interface PairView extends Omit<PairStatus, 'members'> {
  readonly members: readonly (PairStatus['members'][number] & { readonly observers: readonly MemberObservation[] })[];
}

interface MemberObservation {
  readonly proxy: string;
  readonly state: MemberState;
  readonly reason: string;
  /** ISO 8601 */
  readonly since: string;
  /** ms */
  readonly rtt?: number;
  /** ms */
  readonly smoothedRtt?: number;
}

type Installed = Omit<Installation, 'get' | 'close'>;
type Answer = { readonly proxy: UpProxy; readonly status: ProxyStatus | string };

export async function showStatus(args: WhereArguments & { readonly output: Format }): Promise<void> {
  const installation = await findInstallation(args);
  const { get, proxies } = installation;
  const answers = await Promise.all(
    proxies.map(async (proxy) => ({ proxy, status: await fetchStatus(proxy.admin, get) })),
  ).finally(() => installation.close());
  const view = statusView(installation, answers, Date.now());
  if (args.output === 'table') process.stdout.write(statusTables(view, Date.now(), screenWidth()));
  else printValue(view, args.output);
}

/** Puts the proxies' answers together. Pure. */
export function statusView(installation: Installed, answers: readonly Answer[], now: number): StatusView {
  const { up, clusters, shards } = installation;
  return {
    ...(up && { up: { pid: up.pid, startedAt: up.startedAt, manifest: up.manifest } }),
    ...(clusters && { clusters }),
    proxies: answers.map(({ proxy, status }) => proxyView(proxy, status)),
    stores: storeViews(installation, answers),
    switches: shards.map((shard) => matrixView(shard, answers, now)),
  };
}

function proxyView(proxy: UpProxy, status: ProxyStatus | string): ProxyView {
  if (typeof status === 'string') return { ...proxy, state: 'Unreachable', ready: false, why: status };
  const { state, ready, counts, configuration, addresses } = status;
  const why = ready.why ?? configuration.refused?.why;
  return {
    ...proxy,
    state,
    ready: ready.ok,
    ...(why === undefined ? {} : { why }),
    ...counts,
    configuration,
    addresses,
  };
}

function storeViews({ stores }: Installed, answers: readonly Answer[]): StoreView[] {
  const names = new Set(stores.map(({ geoLocation }) => geoLocation));
  for (const { status } of answers)
    if (typeof status !== 'string') for (const store of status.stores) names.add(store.geoLocation);
  return [...names].map((geoLocation) => {
    const observers = answers.flatMap(({ proxy, status }) => {
      if (typeof status === 'string') return [];
      const store = status.stores.find((each) => each.geoLocation === geoLocation);
      if (store === undefined) return [];
      const { available, loaded, reason, lag } = store;
      return [{ proxy: proxy.name, available, loaded, reason, ...(lag === undefined ? {} : { lag }) }];
    });
    const endpoints = stores.find((store) => store.geoLocation === geoLocation)?.endpoints ?? [];
    const state =
      observers.length === 0 ? 'Unknown' : observers.every(({ available }) => available) ? 'Available' : 'Unavailable';
    return { geoLocation, endpoints, state, observers };
  });
}

function matrixView(shard: UpShard, answers: readonly Answer[], now: number): MatrixView {
  const records = answers.flatMap(({ proxy, status }): HealthRecord[] => {
    if (typeof status === 'string' || !belongs(proxy, shard)) return [];
    return [{ proxy: proxy.name, geoLocation: proxy.geoLocation, at: now, pairs: status.pairs }];
  });
  records.push(...published(shard, answers, new Set(records.map(({ geoLocation }) => geoLocation))));
  const pairs = matrix(shard.servers.map(serverConfig), records, now).map((pair): PairView => {
    const members = pair.members.map((member) => ({ ...member, observers: observations(pair, member.role, records) }));
    return { ...pair, members };
  });
  return { cluster: shard.cluster, name: shard.switch, dn: shard.dn, pairs };
}

/** What the proxies publish of data centres that run elsewhere and can't be asked: of each the news last heard by any. */
function published(shard: UpShard, answers: readonly Answer[], asked: ReadonlySet<string>): HealthRecord[] {
  const latest = new Map<string, HealthRecord>();
  for (const { proxy, status } of answers) {
    if (typeof status === 'string' || !belongs(proxy, shard)) continue;
    for (const record of status.elsewhere ?? []) {
      const known = latest.get(record.proxy);
      if (!asked.has(record.geoLocation) && (known === undefined || known.at < record.at))
        latest.set(record.proxy, record);
    }
  }
  return [...latest.values()];
}

function observations(
  { name, geoLocation }: PairStatus,
  role: MemberRole,
  records: readonly HealthRecord[],
): MemberObservation[] {
  return records.flatMap((record) => {
    const pair = record.geoLocation === geoLocation ? record.pairs.find((each) => each.name === name) : undefined;
    const member = pair?.members.find((each) => each.role === role);
    if (member === undefined) return [];
    const { state, reason, since, rtt, smoothedRtt } = member;
    return [
      {
        proxy: record.proxy,
        state,
        reason,
        since: new Date(since).toISOString(),
        ...(rtt === undefined ? {} : { rtt }),
        ...(smoothedRtt === undefined ? {} : { smoothedRtt }),
      },
    ];
  });
}

function serverConfig({ name, geoLocation, weight, members }: UpShard['servers'][number]): ServerConfig {
  const config = members.map(({ role, host, port, transport }): MemberConfig => ({ role, host, port, transport }));
  return { name, geoLocation, weight, members: config };
}

function belongs(proxy: UpProxy, shard: UpShard): boolean {
  return proxy.cluster === shard.cluster && proxy.switch === shard.switch && proxy.dn === shard.dn;
}

/** The view for people, within `width` columns where that can be done. */
export function statusTables(view: StatusView, now: number, width: number): string {
  const short = shortNames(view.proxies.map(({ name }) => name));
  const proxies = view.proxies.map(({ name, geoLocation, state, ready, address, registrations, calls }) => {
    const shown = state === 'Ready' && !ready ? 'Starting' : state;
    return [name, geoLocation, shown, address, String(registrations ?? '-'), String(calls ?? '-')];
  });
  const stores = view.stores.map(({ geoLocation, state, endpoints, observers }) => {
    const available = observers.filter((observer) => observer.available).length;
    const lags = observers.flatMap(({ lag }) => lag ?? []);
    const lag = lags.length === 0 ? '-' : `${(Math.max(...lags) / 1000).toFixed(1)}s`;
    return [geoLocation, state, `${available}/${observers.length}`, lag, endpoints.join(' ')];
  });
  const conditions = (view.clusters ?? []).flatMap(({ name, conditions: list }) =>
    list.map(({ type, status, reason, message }) => [name, type, status, reason, message]),
  );
  const blocks = [
    ...(conditions.length > 0
      ? [formatTable(['CLUSTER', 'CONDITION', 'STATUS', 'REASON', 'MESSAGE'], conditions, 4, width)]
      : []),
    formatTable(['PROXY', 'DATA CENTRE', 'STATE', 'ADDRESS', 'REGISTERED', 'CALLS'], proxies, 0, width),
    formatTable(['STORE', 'STATE', 'PROXIES', 'LAG', 'ENDPOINTS'], stores, 4, width),
    ...view.switches.map((each) => `${each.name} / ${each.dn}\n${matrixTable(each, short, now, width)}`),
  ];
  const why = view.proxies.filter((proxy) => proxy.why !== undefined).map((proxy) => `${proxy.name}: ${proxy.why}\n`);
  return [...blocks, ...(why.length > 0 ? [why.join('')] : [])].join('\n');
}

/** Wide enough for the members' addresses beside all else. */
const WIDE = 100;

function matrixTable({ pairs }: MatrixView, short: ReadonlyMap<string, string>, now: number, width: number): string {
  const wide = width >= WIDE;
  const rows = pairs.flatMap((pair) => {
    const lines = pair.members.flatMap((member) => {
      const name = `${pair.active === member.role ? '*' : ' '}${member.role}`;
      const address = wide ? [member.address] : [];
      if (member.observers.length === 0) return [[name, '-', 'Unknown', '', '', ...address]];
      return member.observers.map((seen, o) => [
        o === 0 ? name : '',
        short.get(seen.proxy) ?? seen.proxy,
        `${seen.state} ${age(seen.since, now)}`,
        seen.smoothedRtt === undefined ? '' : `${seen.smoothedRtt.toFixed(1)}ms`,
        seen.reason,
        ...(o === 0 ? address : []),
      ]);
    });
    // The data centre stands below the name where there is a line for it.
    if (lines.length === 1) return lines.map((line) => [`${pair.name} ${pair.geoLocation}`, pair.state, ...line]);
    return lines.map((line, l) => [
      l === 0 ? pair.name : l === 1 ? pair.geoLocation : '',
      l === 0 ? pair.state : '',
      ...line,
    ]);
  });
  const head = ['PAIR', 'STATE', ' MEMBER', 'SEEN BY', 'AS, FOR', 'RTT', 'REASON', ...(wide ? ['ADDRESS'] : [])];
  return formatTable(
    head,
    rows.map((row) => head.map((_, column) => row[column] ?? '')),
    6,
    width,
  );
}

/** Proxies' names without what all of them begin with, up to a dash; a number alone would say too little. */
function shortNames(names: readonly string[]): ReadonlyMap<string, string> {
  const [first = ''] = names;
  let common = names.length < 2 ? 0 : first.length;
  for (const name of names) while (!name.startsWith(first.slice(0, common))) common -= 1;
  let start = common === 0 ? 0 : first.lastIndexOf('-', common - 1) + 1;
  if (names.some((name) => /^\d*$/.test(name.slice(start)))) start = first.lastIndexOf('-', start - 2) + 1;
  return new Map(names.map((name) => [name, name.slice(start)]));
}
