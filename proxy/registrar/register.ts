import type { RegistrationConfig } from '../config.ts';
import { Header } from '../sip/header.ts';
import type { Message } from '../sip/message.ts';
import { param, parseNameAddr } from '../sip/name-addr.ts';
import { SipError } from '../sip/sip-error.ts';
import { parseUri, uriEquals, uriParam, type SipUri } from '../sip/uri.ts';
import type { Binding } from '../store/records.ts';
import { contactKey, identityOf, type Identity } from './binding.ts';
import { contactsOf, deltaSeconds, withExpires, type Contact, type Contacts } from './contact.ts';

/** What a phone gets that asks for no particular time and is told none, seconds (RFC 3261 10.2). */
const DEFAULT_EXPIRES = 3600;

/** What a REGISTER asks for. */
export interface Asked extends Contacts {
  /** Of its Expires header field, seconds: for contacts that say nothing else. */
  readonly expires: number | undefined;
}

/**
 * What a REGISTER asks for, if it may go to a server at all.
 * @param sender who sent it, by transport identity
 * @returns or the answer to give instead: 400 for a contact or Path that can't be read or a misplaced `*`, 403 for a Path
 * from an Endpoint, 423 with Min-Expires for too brief a time
 */
export function checkRegister(
  request: Message,
  config: Pick<RegistrationConfig, 'minExpires'>,
  sender: 'Server' | 'Proxy' | 'Sbc' | 'Endpoint',
): Asked | SipError {
  // whoever writes a Path decides where the AOR's calls go: a phone must not
  if (request.has(Header.Path)) {
    if (sender === 'Endpoint') return refusal(403, 'Path Not Allowed', request);
    if (!request.values(Header.Path).every(leadsBack)) return refusal(400, 'Bad Path', request);
  }
  const { contacts, wildcard, fault } = contactsOf(request);
  if (fault !== undefined) return refusal(400, fault, request);
  const expires = deltaSeconds(request.value(Header.Expires));
  if (wildcard) {
    // RFC 3261 10.3 step 6
    if (contacts.length > 0) return refusal(400, 'Contact * Must Stand Alone', request);
    if (expires !== 0) return refusal(400, 'Contact * Needs Expires 0', request);
  }
  for (const contact of contacts) {
    const asked = contact.expires ?? expires;
    if (asked !== undefined && asked > 0 && asked * 1000 < config.minExpires) return tooBrief(request, config);
  }
  return { contacts, wildcard, fault, expires };
}

/** RFC 3327 4: a value of a Path becomes a Route towards the phone. */
function leadsBack(value: string): boolean {
  try {
    const { scheme } = parseUri(parseNameAddr(value).uri);
    return scheme === 'sip' || scheme === 'sips';
  } catch (error) {
    if (error instanceof SipError) return false;
    throw error;
  }
}

function tooBrief(request: Message, config: Pick<RegistrationConfig, 'minExpires'>): SipError {
  return refusal(423, 'Interval Too Brief', request, [`Min-Expires: ${Math.ceil(config.minExpires / 1000)}`]);
}

function refusal(status: number, reason: string, request: Message, headers: readonly string[] = []): SipError {
  return new SipError(status, reason, { answerable: request, headers });
}

/** What a 2xx does to one contact that its REGISTER named. */
export interface Change extends Identity {
  /** The contact's URI as the phone wrote it, and the same, read. */
  readonly contact: string;
  readonly uri: SipUri;
  /** ms from now; 0: the binding is removed. */
  readonly expires: number;
  /** 0 to 1000: the q value in thousandths. */
  readonly q: number;
}

/** What a 2xx grants, and what must be changed in it so that the phone believes the same. */
export interface Grant {
  readonly changes: readonly Change[];
  /** Contact: * with Expires 0: every binding of the AOR is removed. */
  readonly all?: true;
  /** Header fields of the 2xx, by index, that get another value: what was granted above maxExpires. */
  readonly replace: readonly { readonly index: number; readonly value: string }[];
  /** Header lines that the 2xx gets, without CRLF. */
  readonly append: readonly string[];
}

const NOTHING: Grant = { changes: [], replace: [], append: [] };

/**
 * What the answer to a REGISTER means for the AOR's bindings: only contacts that the request named change, and only by
 * a 2xx. Both are as they were on the wire.
 * @param named what checkRegister() found in the request
 */
export function grant(
  request: Message,
  named: Asked,
  response: Message,
  config: Pick<RegistrationConfig, 'maxExpires'>,
): Grant {
  if (response.status < 200 || response.status > 299) return NOTHING;
  if (named.wildcard) return { ...NOTHING, all: true };
  if (named.contacts.length === 0) return NOTHING; // a query
  const listed = contactsOf(response, named.contacts).contacts;
  const grantedToAll = deltaSeconds(response.value(Header.Expires));
  const longest = Math.floor(config.maxExpires / 1000);
  const outbound = named.contacts.some(({ regId }) => regId !== undefined) && usesFlows(request);

  const changes = new Changes();
  let lowered: Set<Contact> | undefined;
  let headerLowered = false;
  for (const contact of named.contacts) {
    const asked = contact.expires ?? named.expires ?? DEFAULT_EXPIRES;
    const answer = answerTo(contact, asked, named, listed);
    // the 2xx lists what is bound (RFC 3261 10.3 step 8): it is not, and if it was to go, it is gone
    if (answer === undefined && asked > 0 && listed.length > 0) continue;
    const granted = answer === undefined && asked === 0 ? 0 : (answer?.expires ?? grantedToAll ?? asked);
    if (granted > longest) {
      if (answer === undefined) headerLowered = true;
      else (lowered ??= new Set()).add(answer);
    }
    const { id, instance, regId } = identityOf(contact, outbound);
    const expires = Math.min(granted, longest) * 1000;
    const { address, uri, q } = contact;
    changes.put({ id, instance, regId, contact: address.uri, uri, expires, q });
  }
  if (lowered === undefined && !headerLowered)
    return { changes: changes.all, replace: NOTHING.replace, append: NOTHING.append };

  const replace = lowered === undefined ? [] : loweredFields(response, listed, lowered, longest);
  const append: string[] = [];
  if (headerLowered) {
    const index = response.find(Header.Expires);
    if (index >= 0) replace.push({ index, value: String(longest) });
    else append.push(`Expires: ${longest}`);
  }
  return { changes: changes.all, replace, append };
}

/** Of several contacts that are one binding the last counts; nearly always there is one contact. */
class Changes {
  readonly all: Change[] = [];
  #places: Map<string, number> | undefined;

  put(change: Change): void {
    const [first] = this.all;
    if (first !== undefined) {
      this.#places ??= new Map([[first.id, 0]]);
      const known = this.#places.get(change.id);
      if (known !== undefined) {
        this.all[known] = change;
        return;
      }
      this.#places.set(change.id, this.all.length);
    }
    this.all.push(change);
  }
}

/** The contact of the 2xx that stands for one of the request. */
function answerTo(contact: Contact, asked: number, named: Asked, listed: readonly Contact[]): Contact | undefined {
  for (const candidate of listed) if (candidate.address.uri === contact.address.uri) return candidate;
  for (const candidate of listed) {
    // RFC 3261 19.1.4: a contact equals one with a parameter more, too, which may stay where this one is to go
    const same = uriEquals(candidate.uri, contact.uri);
    if (same && (asked > 0 || contactKey(candidate) === contactKey(contact))) return candidate;
  }
  for (const candidate of listed) if (isSameFlow(candidate, contact)) return candidate;
  // One in and one out are the same, even if the server rewrote it; but what remains after a removal is another one.
  return asked > 0 && named.contacts.length === 1 && listed.length === 1 ? listed[0] : undefined;
}

function isSameFlow(a: Contact, b: Contact): boolean {
  return a.instance !== undefined && a.regId !== undefined && a.instance === b.instance && a.regId === b.regId;
}

/**
 * Whether reg-ids count (RFC 5626 6): the phone supports outbound, and its flow ends here, or at an edge proxy that says
 * with `ob` in its Path that it keeps the flow.
 */
function usesFlows(request: Message): boolean {
  if (!request.values(Header.Supported).some((tag) => tag.toLowerCase() === 'outbound')) return false;
  const path = request.values(Header.Path);
  const first = path.at(-1);
  if (first === undefined) return request.values(Header.Via).length === 1;
  const address = parseNameAddr(first);
  return uriParam(parseUri(address.uri), 'ob') !== undefined || param(address.params, 'ob') !== undefined;
}

/** The fields in which a lowered contact stands, everything else in them as it was. */
function loweredFields(
  response: Message,
  listed: readonly Contact[],
  lowered: ReadonlySet<Contact>,
  seconds: number,
): { index: number; value: string }[] {
  const values = new Map<number, string>();
  // from the last one to the first: the offsets of those before stay right
  for (const contact of listed.toReversed()) {
    if (!lowered.has(contact)) continue;
    const { field, start, end } = contact;
    const value = values.get(field) ?? response.fieldValue(field);
    values.set(field, value.slice(0, start) + withExpires(value.slice(start, end), seconds) + value.slice(end));
  }
  return [...values].map(([index, value]) => ({ index, value }));
}

/** The bindings of one AOR that must go so that at most `maxContacts` stay: those registered longest ago. */
export function evictions(bindings: readonly Binding[], maxContacts: number): readonly Binding[] {
  if (bindings.length <= maxContacts) return [];
  const oldestFirst = bindings.toSorted((a, b) => a.stamp.commit - b.stamp.commit || (a.id < b.id ? -1 : 1));
  return oldestFirst.slice(0, bindings.length - maxContacts);
}
