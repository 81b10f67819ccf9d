import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  type JsonGeneralName,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { webcrypto } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const hour = 3_600_000;

interface Identity {
  /** DNS names, addresses, or sip URIs. */
  names?: string[];
  commonName?: string;
  /** ms from now. */
  validFor?: number;
}

interface Pem {
  readonly cert: string;
  readonly key: string;
}

interface KeyPair {
  readonly publicKey: webcrypto.CryptoKey;
  readonly privateKey: webcrypto.CryptoKey;
}

async function keyPair(): Promise<KeyPair> {
  return await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function validity(validFor = 30 * 24 * hour): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + validFor) };
}

function generalName(name: string): JsonGeneralName {
  if (name.startsWith('sip:')) return { type: 'url', value: name };
  return { type: /^[\d.]+$|:/.test(name) ? 'ip' : 'dns', value: name };
}

/** An authority that is made for a test. */
export class Authority {
  readonly pem: string;
  readonly #certificate: X509Certificate;
  readonly #keys: KeyPair;
  #serial = 1;

  private constructor(certificate: X509Certificate, keys: KeyPair) {
    this.#certificate = certificate;
    this.#keys = keys;
    this.pem = `${certificate.toString('pem')}\n`;
  }

  static async make(commonName = 'Authority'): Promise<Authority> {
    const keys = await keyPair();
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: '01',
      name: `CN=${commonName}`,
      ...validity(),
      keys,
      signingAlgorithm: algorithm,
      extensions: [new BasicConstraintsExtension(true, 1, true)],
    });
    return new Authority(certificate, keys);
  }

  async issue({ names = [], commonName = 'leaf', validFor }: Identity): Promise<Pem> {
    const keys = await keyPair();
    const certificate = await X509CertificateGenerator.create({
      serialNumber: (++this.#serial).toString(16).padStart(2, '0'),
      subject: `CN=${commonName}`,
      issuer: this.#certificate.subject,
      ...validity(validFor),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names.map(generalName))],
    });
    const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
    const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
    const key = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
    return { cert: `${certificate.toString('pem')}\n`, key };
  }
}

/** Certificate directories on disk. */
export class Directories {
  readonly #root = mkdtempSync(join(tmpdir(), 'sipcluster-tls-'));

  /** Writes what is given; what was there else stays. */
  write(name: string, files: { cert?: string; key?: string; ca?: string }): string {
    const path = join(this.#root, name);
    mkdirSync(path, { recursive: true });
    if (files.cert !== undefined) writeFileSync(join(path, 'tls.crt'), files.cert);
    if (files.key !== undefined) writeFileSync(join(path, 'tls.key'), files.key);
    if (files.ca !== undefined) writeFileSync(join(path, 'ca.crt'), files.ca);
    return path;
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
