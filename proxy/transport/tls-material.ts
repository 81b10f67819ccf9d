import { createSecureContext, rootCertificates, type ConnectionOptions, type SecureContext } from 'node:tls';
import { isIP } from 'node:net';
import type { Logger as Log } from 'pino';
import { certificateNames, holdsName } from './certificate-names.ts';
import { judgeCredentials, readCredentials, validUntil, type Credentials, type Use } from './credentials.ts';
import { errorCode } from './error-code.ts';

/** A server that is dialled by TLS: how it is judged, and what is shown to it. */
export interface TlsPeer {
  /** The name that its certificate must hold (RFC 5922 7.2): a host name or a numeric address. */
  readonly name: string;
  /** Directory with ca.crt; undefined: the well-known authorities. */
  readonly ca?: string | undefined;
  /** Directory with tls.crt and tls.key; undefined: nothing is shown. */
  readonly client?: string | undefined;
  /** Directory whose ca.crt, where it has one, counts besides the well-known authorities. */
  readonly alsoCa?: string | undefined;
}

interface TlsMaterialOptions {
  readonly log: Log;
  readonly now: () => number;
  /** How often directories are read again, ms. Secrets change by renamed links, which watches of files miss. */
  readonly every?: number | undefined;
}

interface Directory {
  readonly path: string;
  uses: readonly Use[];
  /** In use: the last that was good. */
  credentials: Credentials;
  readonly followers: Set<(credentials: Credentials) => void>;
  /** What was wrong when it was last read, said once; '' if nothing. */
  complaint: string;
}

/** Secret volumes change within a minute or two of the Secret; this adds little. */
const readEvery = 5_000;
const day = 86_400_000;
/** From then on a certificate's end is warned of when it is loaded. */
const expiresSoon = 7 * day;

/** The certificate directories in use. A change is live with the next connection; those that are open stay. */
export class TlsMaterial {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #directories = new Map<string, Directory>();
  /** Of peers, by their directories; made anew when one of them changed. */
  readonly #contexts = new Map<string, SecureContext>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: TlsMaterialOptions) {
    this.#log = options.log;
    this.#now = options.now;
    this.#timer = setInterval(() => this.refresh(), options.every ?? readEvery);
    this.#timer.unref();
  }

  /** What was wrong with directories when they were last read: what was loaded before stays in use. */
  get complaints(): readonly string[] {
    return [...this.#directories.values()].flatMap(({ complaint }) => (complaint === '' ? [] : [complaint]));
  }

  /** What is in a directory, read at first use, and judged by all its uses. Throws CredentialsError. */
  credentials(path: string, ...uses: readonly Use[]): Credentials {
    const known = this.#directories.get(path);
    if (known !== undefined) {
      const wanted = [...new Set([...known.uses, ...uses])];
      judgeCredentials(path, known.credentials, wanted);
      known.uses = wanted;
      return known.credentials;
    }
    const credentials = readCredentials(path);
    judgeCredentials(path, credentials, uses);
    this.#directories.set(path, { path, uses, credentials, followers: new Set(), complaint: '' });
    this.#warnOfEnd(path, credentials);
    return credentials;
  }

  /** Tells of every later change of a directory that was asked for. Ends with the function that is returned. */
  follow(path: string, changed: (credentials: Credentials) => void): () => void {
    const followers = this.#directories.get(path)?.followers;
    followers?.add(changed);
    return () => followers?.delete(changed);
  }

  /** What node:tls needs to dial a server and to judge it. Throws CredentialsError. */
  towards(peer: TlsPeer): ConnectionOptions {
    const { name } = peer;
    return {
      secureContext: this.#context(peer),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      // RFC 6066 3: SNI never holds an address
      servername: isIP(name) === 0 ? name : '',
      checkServerIdentity: (_host, certificate) => {
        const names = certificateNames(certificate);
        if (holdsName(names, name)) return undefined;
        return new CertificateRefused(`the certificate is for ${names.join(', ') || 'nobody'}, not for ${name}`);
      },
    };
  }

  /** Reads all directories again. Called from within every few seconds. What can't be used leaves the old in use. */
  refresh(): void {
    for (const directory of this.#directories.values()) {
      try {
        this.#reread(directory);
        directory.complaint = '';
      } catch (error) {
        const complaint = error instanceof Error ? error.message : String(error);
        if (directory.complaint === complaint) continue;
        directory.complaint = complaint;
        this.#log.warn({ err: error }, `${complaint}. What was loaded before stays in use`);
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#directories.clear();
    this.#contexts.clear();
  }

  #reread(directory: Directory): void {
    const { path } = directory;
    const credentials = readCredentials(path);
    if (same(credentials, directory.credentials)) return;
    judgeCredentials(path, credentials, directory.uses);
    directory.credentials = credentials;
    this.#contexts.clear();
    for (const changed of directory.followers) changed(credentials);
    this.#log.info({ directory: path }, 'certificates reloaded');
    this.#warnOfEnd(path, credentials);
  }

  #context({ ca, client, alsoCa }: TlsPeer): SecureContext {
    const key = `${ca ?? ''}\n${client ?? ''}\n${alsoCa ?? ''}`;
    let context = this.#contexts.get(key);
    if (context === undefined) {
      const shown = client === undefined ? undefined : this.credentials(client, 'certificate');
      const own = ca === undefined ? undefined : this.credentials(ca, 'authorities').ca;
      const besides = alsoCa === undefined ? undefined : this.credentials(alsoCa).ca;
      const authorities = own ?? (besides === undefined ? undefined : [...rootCertificates, besides]);
      context = createSecureContext({
        minVersion: 'TLSv1.2',
        ...(authorities === undefined ? {} : { ca: authorities }),
        ...(shown?.cert === undefined || shown.key === undefined ? {} : { cert: shown.cert, key: shown.key }),
      });
      this.#contexts.set(key, context);
    }
    return context;
  }

  #warnOfEnd(directory: string, { cert }: Credentials): void {
    if (cert === undefined) return;
    const end = validUntil(cert);
    if (end - this.#now() > expiresSoon) return;
    this.#log.warn(
      { directory },
      `the certificate in tls.crt ends ${new Date(end).toISOString()}: put a newer one there`,
    );
  }
}

function same(a: Credentials, b: Credentials): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}

/** The peer's certificate is good but not the one of the server that was asked for. */
class CertificateRefused extends Error {
  override readonly name = 'CertificateRefused';
  readonly code = 'ERR_TLS_CERT_ALTNAME_INVALID';
}

/** What to do, by what node:tls says of a chain. */
const advice: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "correct the server's certificate or the name it is expected under",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'put its authority into ca.crt, or its intermediates into its tls.crt',
  UNABLE_TO_GET_ISSUER_CERT: 'put its authority into ca.crt',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'put its authority into ca.crt',
  SELF_SIGNED_CERT_IN_CHAIN: 'put its authority into ca.crt',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'put it into ca.crt',
  CERT_HAS_EXPIRED: 'it has expired; renew it',
  CERT_NOT_YET_VALID: 'it is not valid yet; check the clocks',
  INVALID_PURPOSE: 'it is not for servers; issue it with the extended key usage serverAuth',
};

/** Undefined if the failure of a TLS connection is not about the peer's certificate, else what is wrong with it. */
export function certificateFault(error: unknown): string | undefined {
  const code = errorCode(error);
  const what = advice[code];
  if (what === undefined) return undefined;
  const message = error instanceof Error ? error.message : String(error);
  return `its certificate is refused (${message}): ${what}`;
}
