import { Fields } from './fields.ts';
import type { CallRecord } from './records.ts';
import { SharedText } from './shared-text.ts';

/**
 * Many calls in one value, since a key a call would cost the store more than the registrations do. Within a version
 * fields may be added. A segment is never changed once it is written.
 */
const VERSION = 1;

/** Names of pairs and proxies: each is in thousands of calls. */
const names = new SharedText(1000);

/**
 * v, t (the time that others count from), n(ames), c(alls: Call-ID, pair and proxy as places in the names, since,
 * how long it lasts at most), e(nded: Call-ID, since, how long that must be known). Times in ms.
 */
export function encodeCalls(records: readonly CallRecord[]): string {
  const places = new Map<string, number>();
  const place = (name: string): number => {
    const known = places.get(name);
    if (known !== undefined) return known;
    places.set(name, places.size);
    return places.size - 1;
  };
  const start = records.reduce((least, { since }) => Math.min(least, since), Infinity);
  const calls: (string | number)[] = [];
  const ended: (string | number)[] = [];
  for (const { callId, pair, proxy, since, expires, ended: isEnd } of records) {
    if (isEnd === true) ended.push(callId, since - start, expires - since);
    else calls.push(callId, place(pair), place(proxy), since - start, expires - since);
  }
  return JSON.stringify({ v: VERSION, t: start, n: [...places.keys()], c: calls, e: ended });
}

const FIELDS = new Set('v t n c e'.split(' '));

/** `whole`: nothing in it is a newer release's, so that writing its calls anew loses nothing. Those that began come first. */
export function decodeCalls(value: string): { readonly records: readonly CallRecord[]; whole: boolean } | undefined {
  const fields = Fields.parse(value, VERSION);
  if (fields === undefined) return undefined;
  const start = fields.number('t');
  const known = fields.texts('n').map((name) => names.shared(name));
  const records: CallRecord[] = [];
  const calls = fields.mixed('c');
  for (let i = 0; i < calls.length; i += 5) {
    const [callId, pair, proxy, since, lasts] = [calls[i], calls[i + 1], calls[i + 2], calls[i + 3], calls[i + 4]];
    if (!isText(callId) || !isNumber(pair) || !isNumber(proxy) || !isNumber(since) || !isNumber(lasts))
      return undefined;
    const [pairName, proxyName] = [known[pair], known[proxy]];
    if (pairName === undefined || proxyName === undefined) return undefined;
    const at = start + since;
    records.push({ callId, pair: pairName, proxy: proxyName, since: at, expires: at + lasts });
  }
  const ended = fields.mixed('e');
  for (let i = 0; i < ended.length; i += 3) {
    const [callId, since, lasts] = [ended[i], ended[i + 1], ended[i + 2]];
    if (!isText(callId) || !isNumber(since) || !isNumber(lasts)) return undefined;
    const at = start + since;
    records.push({ callId, pair: '', proxy: '', since: at, expires: at + lasts, ended: true });
  }
  return fields.good ? { records, whole: fields.others(FIELDS) === undefined } : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}
