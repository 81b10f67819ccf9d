import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { Ajv, type ErrorObject } from 'ajv';
import { parseDocument } from 'yaml';
import { crossProblems, filled, isCidr } from './config-check.ts';
import type { ProxyConfigFile } from './config-file.ts';
import { closed, isObject, problemOf, shown, type ConfigProblem } from './config-problems.ts';
import { configSchema } from './config-schema.ts';
import { durationPattern, parseDuration } from './duration.ts';
import type { LimitsConfig } from './limits.ts';
import { placeOfEachFamily } from './place-addresses.ts';
import type { MemberRole } from './store/records.ts';
import type { Listener, Transport } from './transport/hop.ts';

/** One proxy's configuration once loaded: open places filled in, defaults applied, every duration in ms. */
export interface ProxyConfig {
  readonly namespace: string;
  readonly cluster: string;
  readonly switch: string;
  readonly dn: string;
  readonly geoLocation: string;
  readonly place: PlaceConfig;
  /** AOR domains served, lower case. */
  readonly domains: readonly string[];
  readonly fqdn: FqdnConfig;
  readonly recordRoute: 'Srv' | 'Address';
  readonly listeners: readonly ListenerConfig[];
  readonly admin: {
    readonly port: number;
    /** Directory with the file `token`. */
    readonly token?: string;
  };
  readonly oosCheck: OosCheckConfig;
  readonly overload: OverloadConfig;
  /** Undefined: DEFAULT_LIMITS. */
  readonly limits?: LimitsConfig;
  readonly registration: RegistrationConfig;
  readonly drain: DrainConfig;
  readonly remoteServers: 'Never' | 'WhenNoLocal';
  readonly trust: { readonly sbcs: readonly TrustConfig[]; readonly servers: readonly TrustConfig[] };
  /** The pairs of every geo-location. */
  readonly servers: readonly ServerConfig[];
  /** The geo-locations that have proxies of this shard's switch and DN. */
  readonly proxiesIn: readonly string[];
  /** Its own geo-location's first. */
  readonly stores: readonly StoreConfig[];
  readonly log: { readonly level: string };
}

/** What only the place knows in which the proxy runs. */
export interface PlaceConfig {
  /** Unique among the shard's proxies: the pod's name. */
  readonly name: string;
  /** Numeric address to bind. */
  readonly address: string;
  /** Numeric address that others are told, where it is not the one bound. */
  readonly advertise?: string;
  /** The same for SIP Servers and other proxies, where it differs from what phones are told. */
  readonly internal?: string;
  /** More addresses that every listener binds: of the other family, or of other networks. */
  readonly also?: readonly { readonly address: string; readonly advertise?: string }[];
}

/** Names of the proxies, for Record-Route. */
export interface FqdnConfig {
  readonly srv?: string;
  readonly a?: string;
}

export interface ListenerConfig {
  readonly transport: Transport;
  readonly port: number;
  readonly side: Listener['side'];
  /** What others are told of it, where that is not the proxy's address and the port it listens on. */
  readonly advertise?: { readonly address?: string; readonly port?: number };
  /** Directory with tls.crt and tls.key: TLS and WSS only. */
  readonly tls?: string;
  /** Of web pages that may connect: WS and WSS only; absent: any. */
  readonly origins?: readonly string[];
}

export interface OosCheckConfig {
  /** ms between pings of a member; 0: no pings. */
  readonly interval: number;
  /** ms between pings of a pair that has no member in service. */
  readonly recheck: number;
  /** ms without an answer after which a member is Down. */
  readonly timeout: number;
  /** Ranges of final status codes, both ends included, that mean in service. 2xx always does. */
  readonly inService: readonly (readonly [number, number])[];
}

/** Per proxy; absent: no limit. */
export interface OverloadConfig {
  readonly invitesPerSecond?: number;
  readonly registersPerSecond?: number;
}

export interface RegistrationConfig {
  /** Contacts of one AOR. */
  readonly maxContacts: number;
  /** ms */
  readonly minExpires: number;
  /** ms */
  readonly maxExpires: number;
  readonly forking: 'Parallel' | 'Sequential' | 'Newest';
  /** ms between keep-alives to UDP phones behind NAT; 0: none. */
  readonly natPing: number;
}

export interface DrainConfig {
  /** ms in which new work is still taken. */
  readonly dnsGrace: number;
  /** ms over which idle phones' streams are closed. */
  readonly window: number;
  /** ms after which the proxy ends in any case. */
  readonly limit: number;
}

/** Exactly one of the two. */
export interface TrustConfig {
  readonly cidr?: string;
  readonly certificateName?: string;
}

export interface MemberConfig {
  readonly role: MemberRole;
  /** Name or numeric address. */
  readonly host: string;
  readonly port: number;
  readonly transport: 'UDP' | 'TCP' | 'TLS';
  readonly tls?: MemberTlsConfig;
}

export interface MemberTlsConfig {
  /** The name its certificate must hold; default: its host. */
  readonly name?: string;
  /** Directory with ca.crt. */
  readonly ca?: string;
  /** Directory with tls.crt and tls.key that this proxy shows. */
  readonly client?: string;
}

/** A pair of SIP Servers, or a single one. */
export interface ServerConfig {
  readonly name: string;
  readonly geoLocation: string;
  /** Share of new calls; 0: none, running calls stay. */
  readonly weight: number;
  /** The primary first; at most one backup. */
  readonly members: readonly MemberConfig[];
}

/** One data centre's etcd, or memory. */
export interface StoreConfig {
  readonly geoLocation: string;
  readonly endpoints?: readonly string[];
  readonly memory?: true;
  /** Directory with ca.crt, and tls.crt and tls.key where etcd asks for them. */
  readonly tls?: string;
  /** Directory with username and password. */
  readonly auth?: string;
}

/** Every problem of a configuration at once; its message lists them, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('\n'));
    this.problems = problems;
  }
}

/**
 * Loads one proxy's configuration.
 * @param text YAML or JSON, durations as text (`5s`), `${NAME}` where a variable of the environment is filled in.
 * @param env the environment: `POD_NAME`, `POD_IP`, `SECRETS` and what else the text names.
 * @returns the configuration, and what `configHash` gives for the text as it was before it was filled in.
 * @throws ConfigError with everything that is wrong.
 */
export function loadProxyConfig(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): { config: ProxyConfig; hash: string } {
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map(({ message }) => ({ path: '', value: undefined, message })));
  }
  const written: unknown = document.toJS();
  if (!isObject(written)) {
    throw new ConfigError([
      { path: '', value: written, message: `the configuration must be an object, but is ${shown(written)}` },
    ]);
  }
  const problems: ConfigProblem[] = [];
  const file = withPlace(filled(written, env, problems));
  const open = new Set(problems.map(({ path }) => path));
  if (!validate(file)) problems.push(...(validate.errors ?? []).map(problemOf).filter(({ path }) => !open.has(path)));
  // The schema has judged the fields that crossProblems reads, or they are among the problems and it leaves them out.
  problems.push(...crossProblems(file as ProxyConfigFile, problems));
  if (problems.length > 0) throw new ConfigError(problems);
  return { config: parsed(file as ProxyConfigFile), hash: configHash(written) };
}

/** Only what was filled in says how many addresses the place has. */
function withPlace(file: unknown): unknown {
  if (!isObject(file) || !isObject(file['place'])) return file;
  return { ...file, place: placeOfEachFamily(file['place']) };
}

/** What tells one configuration from another: the same for texts that say the same, whatever the order of their fields. */
export function configHash(file: unknown): string {
  return createHash('sha256').update(JSON.stringify(file, sortedKeys)).digest('hex').slice(0, 16);
}

function sortedKeys(_key: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, strict: false });
ajv.addFormat('ip', (value: string) => isIP(value) !== 0);
ajv.addFormat('cidr', isCidr);
for (const keyword of ['minimumDuration', 'maximumDuration']) {
  ajv.addKeyword({ keyword, type: 'string', compile: durationBound(keyword === 'minimumDuration') });
}
const validate = ajv.compile(closed(configSchema));

/** A value that is no duration at all is the pattern's to refuse. */
function durationBound(least: boolean) {
  return (bound: string) => {
    const limit = parseDuration(bound);
    const within: { (value: string): boolean; errors?: Partial<ErrorObject>[] } = (value) => {
      if (!durationText.test(value)) return true;
      const duration = parseDuration(value);
      if (least ? duration >= limit : duration <= limit) return true;
      within.errors = [{ keyword: 'bound', message: `must be at ${least ? 'least' : 'most'} ${bound}`, params: {} }];
      return false;
    };
    return within;
  };
}

const durationText = new RegExp(durationPattern);

function parsed(file: ProxyConfigFile): ProxyConfig {
  const { oosCheck, registration, drain } = file;
  return {
    ...file,
    domains: file.domains.map((domain) => domain.toLowerCase()),
    proxiesIn: file.proxiesIn ?? [file.geoLocation],
    oosCheck: {
      interval: parseDuration(oosCheck.interval),
      recheck: parseDuration(oosCheck.recheck),
      timeout: parseDuration(oosCheck.timeout),
      inService: oosCheck.inService.map(statusRange),
    },
    limits: { ...file.limits, idleTimeout: parseDuration(file.limits.idleTimeout) },
    registration: {
      ...registration,
      minExpires: parseDuration(registration.minExpires),
      maxExpires: parseDuration(registration.maxExpires),
      natPing: parseDuration(registration.natPing),
    },
    drain: {
      dnsGrace: parseDuration(drain.dnsGrace),
      window: parseDuration(drain.window),
      limit: parseDuration(drain.limit),
    },
  };
}

/** `486` or `200-299`; one written backwards means the same. */
function statusRange(text: string): readonly [number, number] {
  const [from = 0, to = from] = text.split('-').map(Number);
  return from <= to ? [from, to] : [to, from];
}
