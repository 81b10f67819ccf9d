import { randomBytes } from 'node:crypto';
import { Header } from '../../../proxy/sip/header.ts';
import type { Message } from '../../../proxy/sip/message.ts';
import { param, parseNameAddr } from '../../../proxy/sip/name-addr.ts';
import { parseUri, unescapeUser } from '../../../proxy/sip/uri.ts';
import { digestParams, digestResponse, formatChallenge } from '../digest.ts';
import type { Answer } from '../draft.ts';
import type { ServerTransaction } from '../transactions.ts';
import type { ServerOptions } from './options.ts';
import type { ContactState, PairState } from './state.ts';

type Verdict = 'good' | 'wrong' | 'stale' | 'absent';

/** RFC 3261 10.3 with the digest authentication of RFC 8760. */
export class Registrar {
  readonly #options: ServerOptions;
  readonly #state: PairState;

  constructor(options: ServerOptions, state: PairState) {
    this.#options = options;
    this.#state = state;
  }

  register(transaction: ServerTransaction): void {
    const { request } = transaction;
    const now = Date.now();
    const user = unescapeUser(parseUri(parseNameAddr(request.value(Header.To) ?? '').uri).user);
    const verdict = this.#authenticate(request, user, now);
    if (verdict === 'absent' || verdict === 'stale') {
      transaction.respond(401, { lines: this.#challenges(verdict === 'stale', now) });
      return;
    }
    if (verdict === 'wrong') {
      transaction.respond(403);
      return;
    }
    const answer = this.#options.accounts.get(user)?.answer;
    if (answer === undefined) this.#bind(transaction, user, now);
    else if (answer > 0) transaction.respond(answer);
  }

  #authenticate(request: Message, user: string, now: number): Verdict {
    const given = digestParams(request.value(Header.Authorization) ?? '');
    const nonce = given.get('nonce');
    if (nonce === undefined) return 'absent';
    const account = this.#options.accounts.get(user);
    if (!account || given.get('username') !== user) return 'wrong';
    const algorithm = (given.get('algorithm') ?? 'MD5').toUpperCase() === 'SHA-256' ? 'SHA-256' : 'MD5';
    const qop = given.get('qop');
    const expected = digestResponse(algorithm, {
      user,
      password: account.password,
      realm: this.#options.domain,
      method: request.method,
      uri: given.get('uri') ?? '',
      nonce,
      ...(qop === undefined ? {} : { nc: given.get('nc') ?? '', cnonce: given.get('cnonce') ?? '', qop }),
    });
    if (given.get('response') !== expected || given.get('uri') !== request.uri) return 'wrong';
    const known = this.#state.nonces.get(nonce);
    const count = Number.parseInt(given.get('nc') ?? '', 16);
    if (!known || now - known.issued > this.#options.nonceLife || count <= known.count) return 'stale';
    if (count > known.count) this.#state.change({ nonce: { ...known, count } });
    return 'good';
  }

  #challenges(stale: boolean, now: number): string[] {
    const nonce = randomBytes(16).toString('hex');
    this.#state.change({ nonce: { nonce, issued: now, count: 0 } });
    const { algorithms, domain: realm } = this.#options;
    return algorithms.map((algorithm) => `WWW-Authenticate: ${formatChallenge({ realm, nonce, algorithm, stale })}`);
  }

  #bind(transaction: ServerTransaction, aor: string, now: number): void {
    const { request } = transaction;
    const { minExpires, maxExpires } = this.#options;
    let bound = (this.#state.contacts.get(aor) ?? []).filter(({ until }) => until > now);
    const common = request.value(Header.Expires);
    for (const value of request.values(Header.Contact)) {
      const contact = parseNameAddr(value);
      if (contact.wildcard) {
        if (common !== '0') {
          transaction.respond(400); // RFC 3261 10.3 step 6
          return;
        }
        bound = [];
        continue;
      }
      const asked = Number(param(contact.params, 'expires') ?? common ?? maxExpires);
      if (asked > 0 && asked < minExpires) {
        transaction.respond(423, { lines: [`Min-Expires: ${minExpires}`] });
        return;
      }
      const id = identity(contact.uri, contact.params);
      bound = bound.filter((one) => one.id !== id);
      const until = now + Math.min(asked, maxExpires) * 1000;
      if (asked > 0) bound.push({ id, uri: contact.uri, params: withoutExpires(contact.params), until });
    }
    this.#state.change({ aor, contacts: bound });
    transaction.respond(200, listing(bound, now));
  }
}

function identity(uri: string, params: string): string {
  const instance = param(params, '+sip.instance');
  return instance === undefined ? uri : `${instance};${param(params, 'reg-id') ?? ''}`;
}

function withoutExpires(params: string): string {
  return params.replace(/;\s*expires\s*=\s*\d+/i, '');
}

function listing(contacts: readonly ContactState[], now: number): Answer {
  const lines = contacts.map(
    ({ uri, params, until }) => `Contact: <${uri}>${params};expires=${Math.round((until - now) / 1000)}`,
  );
  return { lines: [...lines, `Date: ${new Date(now).toUTCString()}`] };
}
