import { createHash, randomBytes } from 'node:crypto';

/** RFC 8760 names. */
export type Algorithm = 'MD5' | 'SHA-256';

export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: Algorithm;
  readonly qop: boolean;
  readonly stale: boolean;
}

/** The parameters of a `Digest …` header value; quotes removed. Empty for another scheme. */
export function digestParams(value: string): Map<string, string> {
  const found = new Map<string, string>();
  if (!/^digest\s/i.test(value)) return found;
  for (const match of value.slice(7).matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)) {
    found.set((match[1] ?? '').toLowerCase(), match[2] ?? match[3] ?? '');
  }
  return found;
}

/** `WWW-Authenticate`'s value. */
export function formatChallenge({ realm, nonce, algorithm, stale }: Omit<Challenge, 'qop'>): string {
  return `Digest realm="${realm}", nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale ? ', stale=true' : ''}`;
}

/** The strongest challenge of these `WWW-Authenticate` values that a phone can meet. */
export function chooseChallenge(values: readonly string[]): Challenge | undefined {
  const challenges = values.flatMap((value): Challenge[] => {
    const params = digestParams(value);
    const nonce = params.get('nonce');
    const algorithm = (params.get('algorithm') ?? 'MD5').toUpperCase();
    if (nonce === undefined || (algorithm !== 'MD5' && algorithm !== 'SHA-256')) return [];
    const qop = (params.get('qop') ?? '').split(/\s*,\s*/).includes('auth');
    return [{ realm: params.get('realm') ?? '', nonce, algorithm, qop, stale: params.get('stale') === 'true' }];
  });
  return challenges.find(({ algorithm }) => algorithm === 'SHA-256') ?? challenges[0];
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** `Authorization`'s value (RFC 7616 3.4); `count` is how often this nonce was used, this time included. */
export function authorization(
  challenge: Challenge,
  { user, password }: Credentials,
  method: string,
  uri: string,
  count: number,
): string {
  const { realm, nonce, algorithm, qop } = challenge;
  const nc = count.toString(16).padStart(8, '0');
  const cnonce = randomBytes(8).toString('hex');
  const response = digestResponse(algorithm, {
    user,
    realm,
    password,
    method,
    uri,
    nonce,
    ...(qop ? { nc, cnonce, qop: 'auth' } : {}),
  });
  const extra = qop ? `, qop=auth, nc=${nc}, cnonce="${cnonce}"` : '';
  const known = `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}"`;
  return `${known}, response="${response}", algorithm=${algorithm}${extra}`;
}

export interface DigestInput extends Credentials {
  readonly realm: string;
  readonly method: string;
  readonly uri: string;
  readonly nonce: string;
  readonly nc?: string;
  readonly cnonce?: string;
  readonly qop?: string;
}

/** RFC 7616 3.4.1; without qop as RFC 2069. */
export function digestResponse(algorithm: Algorithm, input: DigestInput): string {
  const hash = (text: string): string =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text, 'latin1')
      .digest('hex');
  const secret = hash(`${input.user}:${input.realm}:${input.password}`);
  const asked = hash(`${input.method}:${input.uri}`);
  if (input.qop === undefined) return hash(`${secret}:${input.nonce}:${asked}`);
  return hash(`${secret}:${input.nonce}:${input.nc ?? ''}:${input.cnonce ?? ''}:${input.qop}:${asked}`);
}
