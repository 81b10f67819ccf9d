import type { Key } from './keys.ts';
import { Fields, othersOf, parseObject } from './fields.ts';
import type { Transport } from '../transport/hop.ts';
import type {
  Binding,
  CallRecord,
  Counts,
  HealthRecord,
  MemberHealth,
  PairHealth,
  ProxyAddress,
  ProxyRecord,
  TokenKey,
} from './records.ts';

/**
 * Values are JSON with `v`, the version of their form. Within a version fields may be added: a release reads what it
 * knows and keeps the rest where it writes a record of others again. What it can't read it reports as undefined.
 * Bindings, calls and keys, of which there are many, have short names and leave out what their key says.
 */
const VERSION = 1;

const UINT32 = 0xffff_ffff;

const TRANSPORTS: readonly Transport[] = ['UDP', 'TCP', 'TLS', 'WS', 'WSS'];

/** v, c(ontact), q, in(stance), rg (reg-id), p(ath), t(ransport), a(ddress), ap (its port), o(wner), b(oot), fl(ow), e(xpires), u(ntil), x (removed); stamp: f(irst), ci (Call-ID), cs(eq), k (commit). */
export function encodeBinding(binding: Binding): string {
  const { stamp } = binding;
  const order = { f: stamp.first, ci: stamp.callId, cs: stamp.cseq, k: stamp.commit };
  if (binding.removed === true) return JSON.stringify({ v: VERSION, x: 1, e: binding.expires, ...order });
  return JSON.stringify({
    v: VERSION,
    // JSON leaves out what is undefined
    c: binding.contact === binding.id ? undefined : binding.contact,
    q: binding.q === 1000 ? undefined : binding.q,
    in: binding.instance,
    rg: binding.regId,
    p: binding.path,
    t: binding.transport,
    a: binding.sourceAddress,
    ap: binding.sourcePort,
    o: binding.owner,
    b: binding.boot,
    fl: binding.flow,
    e: binding.expires,
    u: binding.until,
    ...order,
    ...binding.more,
  });
}

/** Whether decodeBinding() takes what encodeBinding() makes of it. */
export function canBeEncoded(binding: Binding): boolean {
  const { contact, q, sourcePort, expires, stamp, removed, regId = 0, flow = 0, until = 0 } = binding;
  const { first, cseq, commit } = stamp;
  if (!Number.isFinite(expires + first + commit + regId + until) || !isWhole(cseq, UINT32)) return false;
  if (removed === true) return true;
  return contact !== '' && isWhole(q, 1000) && isWhole(sourcePort, 65_535) && isWhole(flow, Number.MAX_SAFE_INTEGER);
}

function isWhole(value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

const BINDING_FIELDS = ['v', 'c', 'q', 'in', 'rg', 'p', 't', 'a', 'ap', 'o', 'b', 'fl', 'e', 'u', 'x'] as const;
const STAMP_FIELDS = ['f', 'ci', 'cs', 'k'] as const;
const KNOWN_FIELDS: ReadonlySet<string> = new Set([...BINDING_FIELDS, ...STAMP_FIELDS]);

/** A binding's JSON, of whatever types. */
type WrittenBinding = { readonly [F in (typeof BINDING_FIELDS)[number] | (typeof STAMP_FIELDS)[number]]?: unknown };

/** Of these there are a million to read at a start: its fields are taken by name, which is twice as fast as by Fields. */
export function decodeBinding(key: Extract<Key, { kind: 'binding' }>, value: string): Binding | undefined {
  const written: WrittenBinding | undefined = parseObject(value, VERSION);
  if (written === undefined) return undefined;
  const { aor, id } = key;
  const { f: first, ci: callId, cs: cseq, k: commit, e: expires, x: removed } = written;
  if (!isReal(first) || !isText(callId) || !isWhole(cseq, UINT32) || !isReal(commit) || !isReal(expires))
    return undefined;
  const stamp = { first, callId, cseq, commit };
  if (removed !== undefined) {
    const bare = { contact: '', q: 0, transport: 'UDP', sourceAddress: '', sourcePort: 0 } as const;
    return { aor, id, ...bare, expires, stamp, removed: true };
  }
  const { c: contact = id, q = 1000, a: sourceAddress, ap: sourcePort } = written;
  const transport = TRANSPORTS.find((one) => one === written.t);
  if (!isText(contact) || contact === '' || !isWhole(q, 1000) || transport === undefined) return undefined;
  if (!isText(sourceAddress) || !isWhole(sourcePort, 65_535)) return undefined;
  const binding: Mutable<Binding> = { aor, id, contact, q, transport, sourceAddress, sourcePort, expires, stamp };
  return addOptional(binding, written) ? binding : undefined;
}

/** What not every binding has. False if something of it is not of its type. */
function addOptional(binding: Mutable<Binding>, written: WrittenBinding): boolean {
  const { in: instance, rg: regId, p: path, o: owner, b: boot, fl: flow, u: until } = written;
  if (instance !== undefined) {
    if (!isText(instance)) return false;
    binding.instance = instance;
  }
  if (regId !== undefined) {
    if (!isReal(regId)) return false;
    binding.regId = regId;
  }
  if (path !== undefined) {
    if (!Array.isArray(path) || !path.every(isText)) return false;
    binding.path = path;
  }
  if (owner !== undefined) {
    if (!isText(owner)) return false;
    binding.owner = owner;
  }
  if (boot !== undefined) {
    if (!isText(boot)) return false;
    binding.boot = boot;
  }
  if (flow !== undefined) {
    if (!isWhole(flow, Number.MAX_SAFE_INTEGER)) return false;
    binding.flow = flow;
  }
  if (until !== undefined) {
    if (!isReal(until)) return false;
    binding.until = until;
  }
  const more = othersOf(written, KNOWN_FIELDS);
  if (more !== undefined) binding.more = more;
  return true;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isReal(value: unknown): value is number {
  return Number.isFinite(value);
}

/** v, p(air), x (the proxy), s(ince), e(xpires), d (ended). */
export function encodeCall(call: CallRecord): string {
  const ended = call.ended === true ? 1 : undefined;
  return JSON.stringify({ v: VERSION, p: call.pair, x: call.proxy, s: call.since, e: call.expires, d: ended });
}

export function decodeCall(key: Extract<Key, { kind: 'call' }>, value: string): CallRecord | undefined {
  const fields = Fields.parse(value, VERSION);
  if (fields === undefined) return undefined;
  const call: CallRecord = {
    callId: key.callId,
    pair: fields.text('p'),
    proxy: fields.text('x'),
    since: fields.number('s'),
    expires: fields.number('e'),
    ...(fields.has('d') ? { ended: true } : {}),
  };
  return fields.good ? call : undefined;
}

/** v, s(ecret), c(reated), u (last verified). */
export function encodeTokenKey(key: TokenKey): string {
  return JSON.stringify({ v: VERSION, s: key.secret, c: key.created, u: key.verified, ...key.more });
}

const TOKEN_KEY_FIELDS = new Set('v s c u'.split(' '));

export function decodeTokenKey(key: Extract<Key, { kind: 'key' }>, value: string): TokenKey | undefined {
  const fields = Fields.parse(value, VERSION);
  if (fields === undefined) return undefined;
  const { geoLocation, id } = key;
  const secret = fields.text('s');
  const tokenKey: Mutable<TokenKey> = {
    ...{ id, geoLocation, secret, created: fields.number('c'), verified: fields.number('u') },
  };
  const more = fields.others(TOKEN_KEY_FIELDS);
  if (more !== undefined) tokenKey.more = more;
  return fields.good && Buffer.from(secret, 'base64url').length === 32 ? tokenKey : undefined;
}

export function encodeProxy(record: ProxyRecord): string {
  return JSON.stringify({ v: VERSION, ...record });
}

export function decodeProxy(key: Extract<Key, { kind: 'proxy' }>, value: string): ProxyRecord | undefined {
  const fields = Fields.parse(value, VERSION);
  if (fields === undefined) return undefined;
  const configuration = fields.fields('configuration');
  const refused = configuration.has('refused') ? configuration.fields('refused') : undefined;
  const counts = fields.fields('counts');
  const record: ProxyRecord = {
    name: key.name,
    geoLocation: fields.text('geoLocation'),
    state: fields.oneOf('state', ['Starting', 'Ready', 'Draining']),
    boot: fields.text('boot'),
    addresses: fields.list('addresses', decodeAddress),
    admin: fields.text('admin'),
    configuration: {
      hash: configuration.text('hash'),
      ...(refused === undefined ? {} : { refused: { hash: refused.text('hash'), why: refused.text('why') } }),
    },
    counts: {
      ...decodeCounts(counts),
      ...(counts.has('here') ? { here: decodeCounts(counts.fields('here')) } : {}),
    },
    keys: fields.numbers('keys'),
    ...(fields.has('complaints') ? { complaints: fields.texts('complaints') } : {}),
    ...(fields.has('layout') ? { layout: fields.number('layout') } : {}),
  };
  return fields.good ? record : undefined;
}

function decodeCounts(fields: Fields): Counts {
  return { registrations: fields.number('registrations'), calls: fields.number('calls') };
}

function decodeAddress(fields: Fields): ProxyAddress {
  const local = fields.has('local') ? fields.fields('local') : undefined;
  return {
    transport: fields.oneOf('transport', TRANSPORTS),
    address: fields.text('address'),
    port: fields.number('port'),
    side: fields.oneOf('side', ['Both', 'Internal', 'External']),
    ...(local === undefined ? {} : { local: { address: local.text('address'), port: local.number('port') } }),
    ...(fields.has('sentBy') ? { sentBy: fields.text('sentBy') } : {}),
  };
}

export function encodeHealth(record: HealthRecord): string {
  return JSON.stringify({ v: VERSION, ...record });
}

export function decodeHealth(key: Extract<Key, { kind: 'health' }>, value: string): HealthRecord | undefined {
  const fields = Fields.parse(value, VERSION);
  if (fields === undefined) return undefined;
  const record: HealthRecord = {
    proxy: key.name,
    geoLocation: fields.text('geoLocation'),
    at: fields.number('at'),
    pairs: fields.list('pairs', decodePair),
  };
  return fields.good ? record : undefined;
}

function decodePair(fields: Fields): PairHealth {
  return {
    name: fields.text('name'),
    active: fields.oneOf('active', ['primary', 'backup', 'none']),
    since: fields.number('since'),
    ...(fields.has('dualPrimary') ? { dualPrimary: true } : {}),
    members: fields.list('members', decodeMember),
  };
}

function decodeMember(fields: Fields): MemberHealth {
  return {
    role: fields.oneOf('role', ['primary', 'backup']),
    address: fields.text('address'),
    state: fields.oneOf('state', ['Unknown', 'InService', 'Standby', 'Down']),
    reason: fields.text('reason'),
    since: fields.number('since'),
    ...(fields.has('rtt') ? { rtt: fields.number('rtt') } : {}),
    ...(fields.has('smoothedRtt') ? { smoothedRtt: fields.number('smoothedRtt') } : {}),
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
