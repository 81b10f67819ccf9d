import { timingSafeEqual } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import type { TokenKey } from '../store/records.ts';
import { fnv1a, fnv1aBits } from '../hash.ts';
import { ownText } from '../sip/own-text.ts';
import { TextMap, type Keyed } from '../transaction/text-map.ts';
import { DIGEST_BYTES, Hmac } from './hmac.ts';

/**
 * One end of a dialog, as a token keeps it: a pair of SIP Servers, a phone's stream at the proxy that holds it, a
 * phone's UDP address, or open: then Route and Request-URI decide (trunks, SBCs).
 */
export type End =
  | { readonly kind: 'open' }
  | { readonly kind: 'pair'; readonly pair: number; readonly geoLocation: number }
  | { readonly kind: 'flow'; readonly proxy: number; readonly boot: number; readonly number: number }
  | { readonly kind: 'udp'; readonly address: string; readonly port: number };

/** What a Record-Route or hand-over URI's user part says. */
export interface Token {
  /**
   * `dialog`: from Record-Route, two ends. `handover`: from one proxy to another, `callee` is whom to deliver to; where
   * that is a UDP address, `caller` is a flow of the proxy that alone gets through to it, which may be a third one.
   */
  readonly use: 'dialog' | 'handover';
  readonly caller: End;
  readonly callee: End;
  /**
   * `dialog`: 16 bits of a hash of the caller's From tag: tells which way a request in the dialog goes. `handover`: how
   * often the request was handed over before.
   */
  readonly callerTag: number;
}

export interface TokenKeys {
  signing(now: number): TokenKey | undefined;
  byId(id: number): TokenKey | undefined;
  verified(key: TokenKey, now: number): void;
}

export const OPEN: End = { kind: 'open' };

/** One object a pair, by its name: each token that is remembered holds one. */
const pairEnds = new Map<string, { readonly geoLocation: string; readonly end: End }>();
const MOST_PAIR_ENDS = 1024;

export function pairEnd(name: string, geoLocation: string): End {
  const known = pairEnds.get(name);
  if (known?.geoLocation === geoLocation) return known.end;
  const end: End = { kind: 'pair', pair: fnv1a(name), geoLocation: fnv1a(geoLocation) & 0xffff };
  // names come from configurations: so many there are only where these change without end
  if (pairEnds.size >= MOST_PAIR_ENDS) pairEnds.clear();
  pairEnds.set(name, { geoLocation, end });
  return end;
}

export function flowEnd(proxy: string, boot: string, number: number): End {
  return { kind: 'flow', proxy: fnv1a(proxy), boot: fnv1a(boot), number };
}

export function tagHash(tag: string): number {
  return fnv1aBits(tag) & 0xffff;
}

const VERSION = { dialog: 1, handover: 2 } as const;
const KIND = { open: 0, pair: 1, flow: 2, udp: 3 } as const;
const MAC_BYTES = 10;
const HEAD_BYTES = 5;
/** An IPv6 end and a flow, and a little more: one end of a dialog is always a pair or open. */
const MAX_BYTES = 48;

/** A token is the user part of a URI: devices drop parameters that they do not know, and keep this. */
const SHAPE = /^[A-Za-z0-9_-]{20,64}$/;

export function looksLikeToken(user: string): boolean {
  return SHAPE.test(user);
}

/**
 * Signs and verifies tokens, and remembers the latest of both so that a dialog costs one HMAC in each proxy it meets.
 * Tokens that fail are counted by the caller and treated as absent.
 */
export class TokenSigner {
  readonly #keys: TokenKeys;
  readonly #limit: number;
  readonly #scratch = Buffer.alloc(MAX_BYTES);
  /** Two generations: the older is dropped whole when the newer is full, so memory is bounded at two limits. */
  #young = new TextMap<Remembered>();
  #old = new TextMap<Remembered>();
  readonly #secrets = new Map<number, { text: string; hmac: Hmac }>();
  /** What is signed, and its HMAC. */
  #input = Buffer.alloc(256);
  readonly #digest = Buffer.alloc(DIGEST_BYTES);

  constructor(keys: TokenKeys, limit = 20_000) {
    this.#keys = keys;
    this.#limit = limit;
  }

  /** Undefined while no key can sign: the store has not been loaded yet. */
  sign(token: Token, callId: string, now: number): string | undefined {
    const key = this.#keys.signing(now);
    if (key === undefined) return undefined;
    const bytes = this.#scratch;
    bytes[0] = (VERSION[token.use] << 4) | (KIND[token.caller.kind] << 2) | KIND[token.callee.kind];
    bytes.writeUInt16BE(key.id, 1);
    bytes.writeUInt16BE(token.callerTag, 3);
    let at = writeEnd(bytes, HEAD_BYTES, token.caller);
    at = writeEnd(bytes, at, token.callee);
    const mac = this.#mac(key, bytes, at, callId);
    for (let i = 0; i < MAC_BYTES; i++) bytes[at + i] = mac[i] ?? 0;
    const text = bytes.toString('base64url', 0, at + MAC_BYTES);
    this.#remember(text, callId, token, key);
    return text;
  }

  /** The token if its HMAC holds for this Call-ID by any key known, else undefined. */
  verify(text: string, callId: string, now: number): Token | undefined {
    const known = this.#young.get(text) ?? this.#old.get(text);
    if (known !== undefined && known.callId === callId) {
      this.#keys.verified(known.signedWith, now);
      return known.token;
    }
    if (!SHAPE.test(text)) return undefined;
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length < HEAD_BYTES + MAC_BYTES || bytes.length > MAX_BYTES) return undefined;
    const key = this.#keys.byId(bytes.readUInt16BE(1));
    if (key === undefined) return undefined;
    const signed = bytes.subarray(0, bytes.length - MAC_BYTES);
    const mac = this.#mac(key, signed, signed.length, callId).subarray(0, MAC_BYTES);
    if (!timingSafeEqual(mac, bytes.subarray(bytes.length - MAC_BYTES))) return undefined;
    const token = readToken(signed);
    if (token === undefined) return undefined;
    this.#keys.verified(key, now);
    this.#remember(ownText(text), callId, token, key);
    return token;
  }

  /** How many tokens are remembered now; at most twice the limit. */
  get remembered(): number {
    return this.#young.size + this.#old.size;
  }

  /** Of signed[0, length) and the Call-ID; good until the next one is made. */
  #mac(key: TokenKey, signed: Uint8Array, length: number, callId: string): Buffer {
    let secret = this.#secrets.get(key.id);
    if (secret === undefined || secret.text !== key.secret) {
      if (this.#secrets.size > 1024) this.#secrets.clear();
      secret = { text: key.secret, hmac: new Hmac(Buffer.from(key.secret, 'base64url')) };
      this.#secrets.set(key.id, secret);
    }
    if (this.#input.length < length + callId.length) this.#input = Buffer.alloc(length + callId.length);
    this.#input.set(length === signed.length ? signed : signed.subarray(0, length));
    this.#input.write(callId, length, 'latin1');
    secret.hmac.digest(this.#input, length + callId.length, this.#digest);
    return this.#digest;
  }

  /** `text` is our own, the Call-ID part of a message. */
  #remember(text: string, callId: string, token: Token, signedWith: TokenKey): void {
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young;
      this.#young = new TextMap();
    }
    this.#young.set({ key: text, callId: ownText(callId), token, signedWith, hash: 0, chained: undefined });
  }
}

/** Its key is the token as written. */
interface Remembered extends Keyed<Remembered> {
  readonly callId: string;
  readonly token: Token;
  readonly signedWith: TokenKey;
}

function writeEnd(bytes: Buffer, at: number, end: End): number {
  switch (end.kind) {
    case 'open':
      return at;
    case 'pair':
      return bytes.writeUInt16BE(end.geoLocation, bytes.writeUInt32BE(end.pair, at));
    case 'flow':
      return bytes.writeUInt32BE(end.number >>> 0, bytes.writeUInt32BE(end.boot, bytes.writeUInt32BE(end.proxy, at)));
    case 'udp':
      return bytes.writeUInt16BE(end.port, writeAddress(bytes, at, end.address));
  }
}

function writeAddress(bytes: Buffer, at: number, address: string): number {
  if (isIPv4(address)) {
    bytes[at++] = 4;
    let octet = 0;
    for (let i = 0; i < address.length; i++) {
      const digit = address.charCodeAt(i) - 48;
      if (digit >= 0) octet = octet * 10 + digit;
      else {
        bytes[at++] = octet;
        octet = 0;
      }
    }
    bytes[at++] = octet;
    return at;
  }
  bytes[at++] = 16;
  for (const group of ipv6Groups(address)) at = bytes.writeUInt16BE(group, at);
  return at;
}

function ipv6Groups(address: string): number[] {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const left = groupsOf(head);
  if (tail === undefined) return left;
  const right = groupsOf(tail);
  return [...left, ...new Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}

function groupsOf(part: string): number[] {
  const groups: number[] = [];
  for (const group of part === '' ? [] : part.split(':')) {
    if (isIPv4(group)) {
      const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
      groups.push((a << 8) | b, (c << 8) | d);
    } else groups.push(Number.parseInt(group, 16));
  }
  return groups;
}

function readToken(bytes: Buffer): Token | undefined {
  const head = bytes[0] ?? 0;
  const use = head >> 4 === VERSION.dialog ? 'dialog' : head >> 4 === VERSION.handover ? 'handover' : undefined;
  if (use === undefined) return undefined;
  const caller = readEnd(bytes, HEAD_BYTES, (head >> 2) & 3);
  if (caller === undefined) return undefined;
  const callee = readEnd(bytes, caller.next, head & 3);
  if (callee === undefined || callee.next !== bytes.length) return undefined;
  return { use, caller: caller.end, callee: callee.end, callerTag: bytes.readUInt16BE(3) };
}

function readEnd(bytes: Buffer, at: number, kind: number): { end: End; next: number } | undefined {
  if (kind === KIND.open) return { end: OPEN, next: at };
  if (kind === KIND.pair) {
    if (at + 6 > bytes.length) return undefined;
    const end: End = { kind: 'pair', pair: bytes.readUInt32BE(at), geoLocation: bytes.readUInt16BE(at + 4) };
    return { end, next: at + 6 };
  }
  if (kind === KIND.flow) {
    if (at + 12 > bytes.length) return undefined;
    const [proxy, boot, number] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4), bytes.readUInt32BE(at + 8)];
    return { end: { kind: 'flow', proxy, boot, number }, next: at + 12 };
  }
  const size = bytes[at] ?? 0;
  if ((size !== 4 && size !== 16) || at + 1 + size + 2 > bytes.length) return undefined;
  const raw = bytes.subarray(at + 1, at + 1 + size);
  const address = size === 4 ? raw.join('.') : formatIpv6(raw);
  return { end: { kind: 'udp', address, port: bytes.readUInt16BE(at + 1 + size) }, next: at + 1 + size + 2 };
}

function formatIpv6(raw: Buffer): string {
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(raw.readUInt16BE(i).toString(16));
  const text = groups.join(':');
  // the URL parser writes the shortest form (RFC 5952), which is how sockets name their peers
  return isIPv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
}
