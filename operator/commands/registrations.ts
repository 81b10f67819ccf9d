import type { RegistrationView } from '../../proxy/status.ts';
import { fetchRegistrations } from '../admin-client.ts';
import { findInstallation, proxiesNamed, type WhereArguments } from '../installation.ts';
import { age, formatTable, printValue, screenWidth, type Format } from '../print.ts';
import type { UpProxy } from '../processes/data-directory.ts';

/** What `registrations -o json` prints. */
export interface RegistrationsView {
  readonly registrations: readonly Registration[];
  /** How many each proxy knows, of those asked for; -1 and why if it can't be asked. */
  readonly proxies: readonly {
    readonly name: string;
    readonly geoLocation: string;
    readonly registrations: number;
    readonly why?: string;
  }[];
}

interface Registration extends RegistrationView {
  readonly switch: string;
  readonly dn: string;
}

export interface RegistrationsArguments extends WhereArguments {
  readonly aor?: string | undefined;
  readonly proxy?: string | undefined;
  readonly output: Format;
}

export async function showRegistrations(args: RegistrationsArguments): Promise<void> {
  const installation = await findInstallation(args);
  const { get } = installation;
  const aor = args.aor === undefined ? undefined : addressOfRecord(args.aor);
  const answers = await Promise.all(
    proxiesNamed(installation, args.proxy).map(async (proxy) => ({
      proxy,
      list: await fetchRegistrations(proxy.admin, aor, get),
    })),
  ).finally(() => installation.close());
  const view = registrationsView(answers);
  if (args.output !== 'table') return printValue(view, args.output);
  for (const { name, why } of view.proxies)
    if (why !== undefined) process.stderr.write(`${name} can't be asked: ${why}\n`);
  process.stdout.write(registrationsTable(view, Date.now(), screenWidth()));
}

/** `sip:alice@Example.com:5060;x=y` and `alice@example.com` are the same (RFC 3261 10.3 step 5). */
function addressOfRecord(text: string): string {
  const bare = text.replace(/^sips?:/i, '').replace(/[;?].*$/, '');
  const at = bare.lastIndexOf('@');
  return at < 0
    ? bare
    : `${bare.slice(0, at)}@${bare
        .slice(at + 1)
        .replace(/:\d+$/, '')
        .toLowerCase()}`;
}

/** What all proxies know together, each registration once. Pure. */
export function registrationsView(
  answers: readonly { readonly proxy: UpProxy; readonly list: RegistrationView[] | string }[],
): RegistrationsView {
  const registrations = new Map<string, Registration>();
  const proxies = answers.map(({ proxy, list }) => {
    const { name, geoLocation, cluster, switch: switchName, dn } = proxy;
    if (typeof list === 'string') return { name, geoLocation, registrations: -1, why: list };
    for (const view of list) {
      const key = JSON.stringify([cluster, switchName, dn, view.aor, view.contact, view.instance]);
      if (!registrations.has(key)) registrations.set(key, { ...view, switch: switchName, dn });
    }
    return { name, geoLocation, registrations: list.length };
  });
  return {
    registrations: [...registrations.values()].toSorted((a, b) => (a.aor < b.aor ? -1 : a.aor > b.aor ? 1 : 0)),
    proxies,
  };
}

export function registrationsTable({ registrations, proxies }: RegistrationsView, now: number, width: number): string {
  const rows = registrations.map(({ aor, contact, transport, source, expires, geoLocation, owner }) => {
    const left = Date.parse(expires) > now ? age(expires, now) : 'over';
    return [aor, contact, `${transport} ${source}`, left, geoLocation, owner ?? '-'];
  });
  const head = ['AOR', 'CONTACT', 'FROM', 'FOR', 'DATA CENTRE', 'FLOW OWNER'];
  const agreed = proxies.every((proxy) => proxy.registrations === registrations.length);
  const known = agreed
    ? 'every proxy knows all of them'
    : proxies.map((proxy) => `${proxy.name} knows ${Math.max(proxy.registrations, 0)}`).join(', ');
  const list = rows.length === 0 ? 'Nobody is registered.\n' : formatTable(head, rows, 1, width);
  return `${list}${registrations.length} registrations; ${known}\n`;
}
