import { isIPv6 } from 'node:net';

/** RFC 5389 6. */
const headerLength = 20;
const magicCookie = 0x2112a442;
const bindingRequest = 0x0001;
const bindingSuccess = 0x0101;
const bindingError = 0x0111;
const mappedAddress = 0x0001;
const errorCode = 0x0009;
const unknownAttributes = 0x000a;
const xorMappedAddress = 0x0020;
/** Attributes below must be understood (RFC 5389 15); these are, and they ask for nothing here. */
const comprehensionOptional = 0x8000;
const understood = new Set([0x0001, 0x0006, 0x0008, 0x0014, 0x0015, 0x0020]);
const maxUnknown = 8;

/**
 * The answer to a STUN binding request on a SIP port (RFC 5389 7.3.1, RFC 5626 4.4.2): it tells the sender its address
 * as seen from here. Undefined for whatever else looks like STUN: that is dropped.
 * @param address numeric, with `port` where the request came from
 */
export function stunAnswer(request: Buffer, address: string, port: number): Buffer | undefined {
  if (request.length < headerLength || request.readUInt16BE(0) !== bindingRequest) return undefined;
  if (request.readUInt16BE(2) !== request.length - headerLength || request.length % 4 !== 0) return undefined;
  const unknown = unknownIn(request);
  if (unknown === undefined) return undefined;
  const transaction = request.subarray(4, headerLength);
  if (unknown.length > 0) return message(bindingError, transaction, unknownError(unknown));
  // RFC 5389 12.2: a client of RFC 3489 sends no cookie, and reads no XOR-MAPPED-ADDRESS
  const old = request.readUInt32BE(4) !== magicCookie;
  return message(bindingSuccess, transaction, [old ? mapped(address, port) : xorMapped(address, port, transaction)]);
}

/** The types of attributes that must be understood and are not; undefined if the attributes can't be read. */
function unknownIn(request: Buffer): number[] | undefined {
  const unknown: number[] = [];
  for (let at = headerLength; at < request.length;) {
    if (at + 4 > request.length) return undefined;
    const type = request.readUInt16BE(at);
    const next = at + 4 + Math.ceil(request.readUInt16BE(at + 2) / 4) * 4;
    if (next > request.length) return undefined;
    if (type < comprehensionOptional && !understood.has(type) && unknown.length < maxUnknown) unknown.push(type);
    at = next;
  }
  return unknown;
}

function message(type: number, transaction: Buffer, attributes: readonly Buffer[]): Buffer {
  const body = Buffer.concat(attributes);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, transaction, body]);
}

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}

function unknownError(types: readonly number[]): Buffer[] {
  const list = Buffer.alloc(types.length * 2);
  types.forEach((type, index) => list.writeUInt16BE(type, index * 2));
  const reason = Buffer.concat([Buffer.from([0, 0, 4, 20]), Buffer.from('Unknown Attribute')]);
  return [attribute(errorCode, reason), attribute(unknownAttributes, list)];
}

function mapped(address: string, port: number): Buffer {
  return attribute(mappedAddress, addressValue(address, port));
}

/** RFC 5389 15.2: so that no NAT rewrites the address in the answer; `mask` is the cookie and the transaction's id. */
function xorMapped(address: string, port: number, mask: Buffer): Buffer {
  const value = addressValue(address, port);
  value.writeUInt16BE(port ^ (magicCookie >>> 16), 2);
  for (let i = 4; i < value.length; i++) value.writeUInt8((value[i] ?? 0) ^ (mask[i - 4] ?? 0), i);
  return attribute(xorMappedAddress, value);
}

function addressValue(address: string, port: number): Buffer {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
  const value = Buffer.alloc(4 + bytes.length);
  value.writeUInt8(bytes.length === 16 ? 2 : 1, 1);
  value.writeUInt16BE(port, 2);
  bytes.copy(value, 4);
  return value;
}

function ipv6Bytes(address: string): Buffer {
  // in the form without zone and dotted quad that URLs have
  const written = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1);
  const [head = '', tail] = written.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = groups(tail ?? '');
  const bytes = Buffer.alloc(16);
  before.forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  after.forEach((group, index) => bytes.writeUInt16BE(group, 16 - (after.length - index) * 2));
  return bytes;
}
