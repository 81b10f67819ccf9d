import { decimal } from '../sip/grammar.ts';
import { Header } from '../sip/header.ts';
import { valueEnd } from '../sip/list.ts';
import type { Message } from '../sip/message.ts';
import { param, parseNameAddr, type NameAddr } from '../sip/name-addr.ts';
import { isAnyTwice } from '../sip/param.ts';
import { SipError } from '../sip/sip-error.ts';
import { parseUri, type SipUri } from '../sip/uri.ts';

/** One Contact value of a REGISTER or of its answer (RFC 3261 20.10), other than `*`. */
export interface Contact {
  readonly address: NameAddr;
  readonly uri: SipUri;
  /** Of its own `expires`, seconds. */
  readonly expires: number | undefined;
  /** 0 to 1000: the q value in thousandths. */
  readonly q: number;
  /** The URN of +sip.instance. */
  readonly instance: string | undefined;
  readonly regId: number | undefined;
  /** The header field it stands in, and where in the field's value. */
  readonly field: number;
  readonly start: number;
  readonly end: number;
}

export interface Contacts {
  readonly contacts: readonly Contact[];
  /** Contact: * */
  readonly wildcard: boolean;
  /** Of values that can't be read. */
  readonly fault: 'Bad Contact' | undefined;
}

/**
 * All Contact values of a message that are SIP addresses, in order. Never throws: what to do about a bad one is the caller's.
 * @param known of the request, where the message is its answer, which mostly names the same: such a URI is not read again
 */
export function contactsOf(message: Message, known: readonly Contact[] = NONE): Contacts {
  const contacts: Contact[] = [];
  let wildcard = false;
  let fault: Contacts['fault'];
  for (let field = message.find(Header.Contact); field >= 0; field = message.find(Header.Contact, field + 1)) {
    const text = message.fieldValue(field);
    for (let start = 0; start < text.length || start === 0;) {
      const end = valueEnd(text, start, text.length);
      const value = start === 0 && end === text.length ? text : text.slice(start, end);
      const contact = readContact(value, known, field, start, end);
      if (contact === '*') wildcard = true;
      else if (contact === 'Bad Contact') fault ??= contact;
      else if (contact !== undefined) contacts.push(contact);
      start = end + 1;
    }
  }
  return { contacts, wildcard, fault };
}

const NONE: readonly Contact[] = [];

/** The parameters of a contact that decide what is bound. */
const TELLING: readonly string[] = ['expires', 'q', '+sip.instance', 'reg-id'];

/** Undefined for one that is no SIP address: RFC 3261 10.2.1 allows it, and a server may keep it, but nobody is reached there. */
function readContact(
  value: string,
  known: readonly Contact[],
  field: number,
  start: number,
  end: number,
): Contact | '*' | 'Bad Contact' | undefined {
  try {
    const address = parseNameAddr(value);
    if (address.wildcard) return '*';
    const uri = knownUri(address.uri, known) ?? parseUri(address.uri);
    if (uri.scheme !== 'sip' && uri.scheme !== 'sips') return undefined;
    const { params } = address;
    if (params === '')
      return { address, uri, expires: undefined, q: 1000, instance: undefined, regId: undefined, field, start, end };
    // a server that reads the other one would grant, or take away, something else than we store
    if (isAnyTwice(params, TELLING)) return 'Bad Contact';
    return {
      address,
      uri,
      expires: deltaSeconds(param(params, 'expires')),
      q: qValue(param(params, 'q')),
      instance: instanceId(param(params, '+sip.instance')),
      regId: regIdOf(param(params, 'reg-id')),
      field,
      start,
      end,
    };
  } catch (error) {
    if (error instanceof SipError) return 'Bad Contact';
    throw error;
  }
}

function knownUri(text: string, known: readonly Contact[]): SipUri | undefined {
  for (const { address, uri } of known) if (address.uri === text) return uri;
  return undefined;
}

/** Seconds; undefined if absent. RFC 3261 20.19, 10.2.1.1: a malformed one counts as 3600. */
export function deltaSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = decimal(text, 0, text.length);
  return seconds < 0 ? 3600 : Math.min(seconds, 0xffffffff);
}

/** RFC 3261 20.10: `0.7` is 700. Without one, or with a malformed one, a contact is as good as any. */
function qValue(text: string | undefined): number {
  return text !== undefined && /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(text) ? Math.round(Number(text) * 1000) : 1000;
}

/** RFC 5626 4.1: `"<urn:uuid:…>"`. UUIDs and the names of URNs mean the same in either case (RFC 8141 3.1, RFC 4122 3). */
function instanceId(text: string | undefined): string | undefined {
  const urn = text?.replace(/^<(.*)>$/, '$1') ?? '';
  if (urn === '') return undefined;
  return /^urn:uuid:/i.test(urn) ? urn.toLowerCase() : urn;
}

/** RFC 5626 4.2: 1 to 2^31 - 1. */
function regIdOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const number = Number(text);
  return number >= 1 && number < 2 ** 31 ? number : undefined;
}

/** A Contact value with this `expires`, everything else as it was. */
export function withExpires(value: string, seconds: number): string {
  const expires = `;expires=${seconds}`;
  let found = false;
  // quoted strings and addresses are passed over: they may hold the same words
  const changed = value.replace(
    /"(?:[^"\\]|\\.)*"|<[^>]*>|;\s*expires(?:\s*=\s*(?:"[^"]*"|[^;,\s"]*))?(?=\s*(?:;|$))/gi,
    (part) => {
      if (!part.startsWith(';')) return part;
      found = true;
      return expires;
    },
  );
  return found ? changed : value.replace(/\s*$/, (space) => expires + space);
}
