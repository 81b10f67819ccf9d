import type { Key } from './keys.ts';
import { Fields } from './fields.ts';
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

function isWhole(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

const BINDING_FIELDS = new Set('v c q in rg p t a ap o b fl e u x f ci cs k'.split(' '));

export function decodeBinding(key: Extract<Key, { kind: 'binding' }>, value: string): Binding | undefined {
  const fields = Fields.parse(value, VERSION);
  if (fields === undefined) return undefined;
  const { aor, id } = key;
  const stamp = {
    first: fields.number('f'),
    callId: fields.text('ci'),
    cseq: fields.whole('cs', UINT32),
    commit: fields.number('k'),
  };
  const expires = fields.number('e');
  if (fields.has('x')) {
    const bare = { contact: '', q: 0, transport: 'UDP', sourceAddress: '', sourcePort: 0 } as const;
    return fields.good ? { aor, id, ...bare, expires, stamp, removed: true } : undefined;
  }
  const binding: Mutable<Binding> = {
    aor,
    id,
    contact: fields.has('c') ? fields.text('c') : id,
    q: fields.has('q') ? fields.whole('q', 1000) : 1000,
    transport: fields.oneOf('t', TRANSPORTS),
    sourceAddress: fields.text('a'),
    sourcePort: fields.whole('ap', 65_535),
    expires,
    stamp,
  };
  if (fields.has('in')) binding.instance = fields.text('in');
  if (fields.has('rg')) binding.regId = fields.number('rg');
  if (fields.has('p')) binding.path = fields.texts('p');
  if (fields.has('o')) binding.owner = fields.text('o');
  if (fields.has('b')) binding.boot = fields.text('b');
  if (fields.has('fl')) binding.flow = fields.whole('fl', Number.MAX_SAFE_INTEGER);
  if (fields.has('u')) binding.until = fields.number('u');
  const more = fields.others(BINDING_FIELDS);
  if (more !== undefined) binding.more = more;
  return fields.good && binding.contact !== '' ? binding : undefined;
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
