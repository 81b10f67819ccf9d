import { isIP } from 'node:net';
import type { ProxyConfigFile } from './config-file.ts';
import { join, shown, type ConfigProblem } from './config-problems.ts';

type Report = (path: string, value: unknown, message: string) => void;

/** A check of how fields fit together; left out where a field that it reads is wrong in itself. */
interface Check {
  readonly reads: readonly (keyof ProxyConfigFile)[];
  readonly check: (file: ProxyConfigFile, report: Report) => void;
}

const checks: readonly Check[] = [
  {
    reads: ['listeners', 'admin'],
    check({ listeners, admin }, report) {
      listeners.forEach(({ transport, port, tls }, index) => {
        const at = `listeners[${index}]`;
        const other = listeners.findIndex((l) => l.port === port && (l.transport === 'UDP') === (transport === 'UDP'));
        if (other < index) {
          report(
            `${at}.port`,
            port,
            `${port} is listeners[${other}]'s already: two may share a port only if exactly one is UDP`,
          );
        }
        if (transport !== 'UDP' && port === admin.port) {
          report(`${at}.port`, port, `${port} is admin.port already: change one of them`);
        }
        if ((transport === 'TLS' || transport === 'WSS') && tls === undefined) {
          report(`${at}.tls`, undefined, `is missing: ${transport} needs a directory with tls.crt and tls.key`);
        }
      });
    },
  },
  {
    reads: ['stores', 'geoLocation'],
    check({ stores, geoLocation }, report) {
      const first = stores[0]?.geoLocation;
      if (first !== geoLocation) {
        report(
          'stores[0].geoLocation',
          first,
          `must be this proxy's own, '${geoLocation}': the store it writes to comes first`,
        );
      }
      eachRepeated(
        stores,
        (store) => store.geoLocation,
        (index, other, value) =>
          report(`stores[${index}].geoLocation`, value, `'${value}' has a store already, stores[${other}]: remove one`),
      );
      stores.forEach(({ endpoints, memory }, index) => {
        if ((endpoints === undefined) === (memory === undefined)) {
          report(`stores[${index}]`, undefined, 'must have exactly one of endpoints and memory');
        }
      });
    },
  },
  {
    reads: ['proxiesIn', 'geoLocation'],
    check({ proxiesIn, geoLocation }, report) {
      if (proxiesIn?.includes(geoLocation) === false) {
        report('proxiesIn', proxiesIn, `must hold this proxy's own geo-location, '${geoLocation}'`);
      }
    },
  },
  {
    reads: ['servers'],
    check({ servers }, report) {
      eachRepeated(
        servers,
        (server) => server.name,
        (index, other, value) =>
          report(`servers[${index}].name`, value, `'${value}' is servers[${other}]'s name already: names are unique`),
      );
      servers.forEach(({ members }, index) => {
        const at = `servers[${index}].members`;
        const [primary, backup] = members;
        if (primary?.role !== 'primary') report(`${at}[0].role`, primary?.role, 'must be primary: it comes first');
        if (backup === undefined) return;
        if (backup.role !== 'backup') report(`${at}[1].role`, backup.role, 'must be backup: the primary comes first');
        if (backup.host === primary?.host && backup.port === primary.port) {
          report(`${at}[1]`, `${backup.host}:${backup.port}`, 'is the same host and port as members[0]');
        }
      });
    },
  },
  {
    reads: ['trust'],
    check({ trust }, report) {
      for (const who of ['sbcs', 'servers'] as const) {
        trust[who].forEach(({ cidr, certificateName }, index) => {
          const at = `trust.${who}[${index}]`;
          if ((cidr === undefined) === (certificateName === undefined)) {
            report(at, undefined, 'must have exactly one of cidr and certificateName');
          }
        });
      }
    },
  },
];

/**
 * How the fields of a configuration fit together.
 * @param file what the schema let through, except for the fields that `wrong` names
 * @param wrong problems found so far
 */
export function crossProblems(file: ProxyConfigFile, wrong: readonly ConfigProblem[]): ConfigProblem[] {
  const fields = new Set(wrong.map(({ path }) => path.split(/[.[]/, 1)[0]));
  const problems: ConfigProblem[] = [];
  for (const { reads, check } of checks) {
    if (reads.some((field) => fields.has(field))) continue;
    check(file, (path, value, message) => problems.push({ path, value, message }));
  }
  return problems;
}

function eachRepeated<T>(
  list: readonly T[],
  key: (item: T) => string,
  found: (index: number, other: number, value: string) => void,
) {
  const first = new Map<string, number>();
  list.forEach((item, index) => {
    const other = first.get(key(item));
    if (other === undefined) first.set(key(item), index);
    else found(index, other, key(item));
  });
}

/** The text with every `${NAME}` of its strings replaced from the environment; what it lacks is reported. */
export function filled(
  node: unknown,
  env: Readonly<Record<string, string | undefined>>,
  problems: ConfigProblem[],
  path = '',
): unknown {
  if (typeof node === 'string') {
    return node.replaceAll(/\$\{([^}]*)\}/g, (place, variable: string) => {
      const value = env[variable];
      if (value !== undefined && value !== '') return value;
      const problem = value === '' ? 'is empty' : 'is not set';
      problems.push({
        path,
        value: node,
        message: `the environment variable ${variable} ${problem}, which ${shown(node)} takes its value from`,
      });
      return place;
    });
  }
  if (Array.isArray(node)) return node.map((item, index) => filled(item, env, problems, join(path, index)));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, filled(value, env, problems, join(path, key))]),
  );
}

/** IPv4 or IPv6 range, `address/bits`. */
export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  return rest.length === 0 && family !== 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
