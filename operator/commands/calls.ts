import type { CallView } from '../../proxy/status.ts';
import { fetchCalls } from '../admin-client.ts';
import { findInstallation, proxiesNamed, type WhereArguments } from '../installation.ts';
import { age, formatTable, printValue, screenWidth, type Format } from '../print.ts';
import type { UpProxy } from '../processes/data-directory.ts';

/** What `calls -o json` prints. */
export interface CallsView {
  readonly calls: readonly Call[];
  /** How many each proxy knows, of those asked for; -1 and why if it can't be asked. */
  readonly proxies: readonly {
    readonly name: string;
    readonly geoLocation: string;
    readonly calls: number;
    readonly why?: string;
  }[];
}

interface Call extends CallView {
  readonly switch: string;
  readonly dn: string;
}

export interface CallsArguments extends WhereArguments {
  readonly callId?: string | undefined;
  readonly proxy?: string | undefined;
  readonly output: Format;
}

export async function showCalls(args: CallsArguments): Promise<void> {
  const installation = await findInstallation(args);
  const { get } = installation;
  const answers = await Promise.all(
    proxiesNamed(installation, args.proxy).map(async (proxy) => ({
      proxy,
      list: await fetchCalls(proxy.admin, args.callId, get),
    })),
  ).finally(() => installation.close());
  const view = callsView(answers);
  if (args.output !== 'table') return printValue(view, args.output);
  for (const { name, why } of view.proxies)
    if (why !== undefined) process.stderr.write(`${name} can't be asked: ${why}\n`);
  process.stdout.write(callsTable(view, Date.now(), screenWidth()));
}

/** What all proxies know together, each call once, the newest first. Pure. */
export function callsView(
  answers: readonly { readonly proxy: UpProxy; readonly list: CallView[] | string }[],
): CallsView {
  const calls = new Map<string, Call>();
  const proxies = answers.map(({ proxy, list }) => {
    const { name, geoLocation, cluster, switch: switchName, dn } = proxy;
    if (typeof list === 'string') return { name, geoLocation, calls: -1, why: list };
    for (const view of list) {
      const key = JSON.stringify([cluster, switchName, dn, view.callId]);
      const known = calls.get(key);
      // dialled again: the later pair holds it
      if (known === undefined || known.since < view.since) calls.set(key, { ...view, switch: switchName, dn });
    }
    return { name, geoLocation, calls: list.length };
  });
  return { calls: [...calls.values()].toSorted((a, b) => (a.since < b.since ? 1 : -1)), proxies };
}

export function callsTable({ calls, proxies }: CallsView, now: number, width: number): string {
  const rows = calls.map(({ callId, pair, since, proxy, geoLocation }) => {
    return [callId, pair, age(since, now), proxy, geoLocation];
  });
  const agreed = proxies.every((proxy) => proxy.calls === calls.length);
  const known = agreed
    ? 'every proxy knows all of them'
    : proxies.map((proxy) => `${proxy.name} knows ${Math.max(proxy.calls, 0)}`).join(', ');
  const head = ['CALL-ID', 'PAIR', 'FOR', 'ROUTED BY', 'DATA CENTRE'];
  const list = rows.length === 0 ? 'No call is in progress.\n' : formatTable(head, rows, 0, width);
  return `${list}${calls.length} calls; ${known}\n`;
}
