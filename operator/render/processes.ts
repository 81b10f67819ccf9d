import { isIP } from 'node:net';
import { stringify } from 'yaml';
import type { Shard } from '../plan/shard.ts';

/** One proxy as a process of this machine. */
export interface ProxyProcess {
  /** `<shard>-<n>`: unique here, and what the proxy calls itself. */
  readonly name: string;
  readonly geoLocation: string;
  readonly cluster: string;
  readonly switch: string;
  readonly dn: string;
  /** Numeric; its own, no other proxy has it. */
  readonly address: string;
  readonly listeners: Shard['listeners'];
  /** `http://address:port` */
  readonly admin: string;
  readonly adminPort: number;
  /** Its configuration file's text. The proxy takes a change of it live while `restartKey` stays. */
  readonly config: string;
  /** What its configuration's open places are filled with. */
  readonly env: { readonly POD_NAME: string; readonly POD_IP: string; readonly SECRETS: string };
  /** Changes with whatever a running proxy can't take live. */
  readonly restartKey: string;
}

export interface ProcessOptions {
  /** All data centres in the manifest's order: the place in it decides the proxies' addresses. */
  readonly geoLocations: readonly string[];
  /** Addresses told by the user, by `<geo-location>/<n>`. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Directories that hold Secrets' files, by the Secret's name. */
  readonly secrets: ReadonlySet<string>;
  /** The directory in which each Secret is a directory of its name. */
  readonly secretsDirectory: string;
  readonly logLevel?: string;
}

export interface ProcessPlan {
  readonly proxies: readonly ProxyProcess[];
  /** What can't be run like this, a line each. Empty: all can. */
  readonly problems: readonly string[];
}

/** Nobody wants to wait for phones on one machine: what is under way ends, and all is over within the time that `up` gives its processes. */
const SHORT_DRAIN = { dnsGrace: '0s', window: '500ms', limit: '2s' };

/** 127.0.10.1 is the first proxy of the first data centre, 127.0.11.2 the second proxy of the second one. */
const FIRST_NET = 10;
/** Of the last byte; 255 would be a broadcast address elsewhere. */
const MOST = 254;

/** The address of proxy `n` of data centre `i`, both counted from 0; undefined beyond the last. */
export function loopbackAddress(i: number, n: number): string | undefined {
  return FIRST_NET + i > 255 || n >= MOST ? undefined : `127.0.${FIRST_NET + i}.${1 + n}`;
}

/** The shards' proxies as processes. Pure. Proxies are counted from 0 in each data centre, over all shards in order. */
export function renderProcesses(shards: readonly Shard[], options: ProcessOptions): ProcessPlan {
  const problems: string[] = [];
  const proxies: ProxyProcess[] = [];
  const counts = new Map<string, number>();
  for (const shard of shards) {
    for (const secret of shard.secrets) {
      if (!options.secrets.has(secret))
        problems.push(`the Secret ${secret} is needed: name a directory with its files by --secret ${secret}=DIR`);
    }
    for (let replica = 0; replica < shard.replicas; replica++) {
      const n = counts.get(shard.geoLocation) ?? 0;
      counts.set(shard.geoLocation, n + 1);
      const place = `${shard.geoLocation}/${n}`;
      const address =
        options.addresses.get(place) ?? loopbackAddress(options.geoLocations.indexOf(shard.geoLocation), n);
      if (address === undefined)
        problems.push(`there is no loopback address left for ${place}: name one by --address ${place}=IP`);
      else proxies.push(proxyProcess(shard, replica, address, options));
    }
  }
  problems.push(...addressProblems(options.addresses, counts), ...sharedAddresses(proxies));
  return { proxies, problems: [...new Set(problems)] };
}

function proxyProcess(shard: Shard, replica: number, address: string, options: ProcessOptions): ProxyProcess {
  const name = `${shard.name}-${replica}`;
  const log = options.logLevel === undefined ? {} : { log: { level: options.logLevel } };
  return {
    name,
    geoLocation: shard.geoLocation,
    cluster: shard.config.cluster,
    switch: shard.switch,
    dn: shard.dn,
    address,
    listeners: shard.listeners,
    admin: `http://${address.includes(':') ? `[${address}]` : address}:${shard.adminPort}`,
    adminPort: shard.adminPort,
    config: stringify({ ...shard.config, drain: SHORT_DRAIN, ...log }),
    env: { POD_NAME: name, POD_IP: address, SECRETS: options.secretsDirectory },
    restartKey: `${shard.restartHash} ${address}`,
  };
}

function addressProblems(addresses: ReadonlyMap<string, string>, counts: ReadonlyMap<string, number>): string[] {
  return [...addresses].flatMap(([place, address]) => {
    const [geoLocation = '', n = ''] = place.split('/');
    if (isIP(address) === 0) return [`--address ${place}=${address}: not a numeric address`];
    const count = counts.get(geoLocation) ?? 0;
    if (Number(n) < count) return [];
    return [
      count === 0
        ? `--address ${place}: no proxies run in ${geoLocation}`
        : `--address ${place}: ${geoLocation} has ${count} proxies, counted from 0`,
    ];
  });
}

function sharedAddresses(proxies: readonly ProxyProcess[]): string[] {
  const names = Map.groupBy(proxies, (proxy) => proxy.address);
  return [...names]
    .filter(([, sharing]) => sharing.length > 1)
    .map(
      ([address, sharing]) =>
        `${sharing.map(({ name }) => name).join(' and ')} have one address, ${address}: each needs its own`,
    );
}
