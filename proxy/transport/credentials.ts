import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { errorCode } from './error-code.ts';

/** What a certificate directory holds, PEM, as a Secret of type kubernetes.io/tls has it. */
export interface Credentials {
  /** tls.crt: the certificate, then its intermediates. */
  readonly cert: string | undefined;
  /** tls.key */
  readonly key: string | undefined;
  /** ca.crt: the authorities that the other side's certificate is judged by. */
  readonly ca: string | undefined;
}

/** What a directory is for: showing a certificate, judging others'. */
export type Use = 'certificate' | 'authorities';

/** A certificate directory can't be used. The message is for the operator's eyes: the file and what to do. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
  readonly file: string;

  constructor(file: string, what: string, cause?: unknown) {
    super(`can't use ${file}: ${what}`, { cause });
    this.file = file;
  }
}

/** What the files of a directory hold, unjudged. Throws CredentialsError where one can't be read. */
export function readCredentials(directory: string): Credentials {
  return {
    cert: read(join(directory, 'tls.crt')),
    key: read(join(directory, 'tls.key')),
    ca: read(join(directory, 'ca.crt')),
  };
}

/** Throws CredentialsError where the files of a directory lack something, are not what they should be or don't fit. */
export function judgeCredentials(directory: string, credentials: Credentials, uses: readonly Use[]): void {
  const { cert, key, ca } = credentials;
  if (ca === undefined && uses.includes('authorities')) {
    throw new CredentialsError(
      join(directory, 'ca.crt'),
      'it is missing; put the authorities there that peers are judged by (PEM)',
    );
  }
  if (cert === undefined && uses.includes('certificate')) {
    throw new CredentialsError(
      join(directory, 'tls.crt'),
      'it is missing; put the certificate and its intermediates there (PEM)',
    );
  }
  if (cert !== undefined || key !== undefined) judgePair(directory, cert, key);
  if (ca !== undefined) judgeAuthorities(join(directory, 'ca.crt'), ca);
}

/** When the certificate ends, ms since the epoch. */
export function validUntil(cert: string): number {
  return new X509Certificate(cert).validToDate.getTime();
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    const advice =
      errorCode(error) === 'EACCES' ? 'it may not be read by this user; change its mode or owner' : String(error);
    throw new CredentialsError(file, advice, error);
  }
}

function judgePair(directory: string, cert: string | undefined, key: string | undefined): void {
  const certFile = join(directory, 'tls.crt');
  const keyFile = join(directory, 'tls.key');
  if (cert === undefined)
    throw new CredentialsError(certFile, 'it is missing, but there is a tls.key; put its certificate there (PEM)');
  if (key === undefined)
    throw new CredentialsError(keyFile, "it is missing; put the certificate's private key there (PEM, no passphrase)");
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (error) {
    throw new CredentialsError(certFile, 'it holds no certificate; put one there in PEM form', error);
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(key);
  } catch (error) {
    throw new CredentialsError(
      keyFile,
      'it holds no private key that can be read; put one there in PEM form, without passphrase',
      error,
    );
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new CredentialsError(keyFile, `it is not the key of ${certFile}; put the two there that belong together`);
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new CredentialsError(certFile, `TLS refuses it: ${String(error)}`, error);
  }
}

function judgeAuthorities(file: string, ca: string): void {
  const certificates = ca.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0)
    throw new CredentialsError(file, 'it holds no certificate; put the authorities there in PEM form');
  for (const [index, one] of certificates.entries()) {
    try {
      void new X509Certificate(one);
    } catch (error) {
      throw new CredentialsError(
        file,
        `its certificate number ${index + 1} can't be read; put it there in PEM form`,
        error,
      );
    }
  }
}
