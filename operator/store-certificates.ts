// The certificate library finds its parts by it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { storeName } from './plan/name.ts';
import { clusterLabels, ownerReference } from './render/kubernetes/metadata.ts';
import type { Place } from './render/kubernetes/place.ts';
import { storeSecretName } from './render/kubernetes/stateful-set.ts';
import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import type { SipCluster } from './sip-cluster.ts';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signing = { ...curve, hash: 'SHA-256' } as const;
/** Of a certificate, which is renewed when half of it is over: proxies read theirs when they start. */
const years = 4;
const authorityYears = 25;

/** The managed etcds whose certificates the operator makes itself, since the manifest names no Secret, by the Secret's name. */
export function ownStores(
  { metadata, spec }: SipCluster,
  geoLocations: readonly string[] | undefined,
): { secret: string; store: string; geoLocation: string }[] {
  return spec.geoLocations
    .filter(
      ({ name, etcd }) =>
        etcd.managed !== undefined && etcd.tlsSecretName === undefined && (geoLocations?.includes(name) ?? true),
    )
    .map(({ name: geoLocation }) => {
      const store = storeName(metadata.name, geoLocation);
      return { secret: storeSecretName({ name: store }), store, geoLocation };
    });
}

/** The same resource, with those Secrets named as if the user had. */
export function withOwnSecrets(cluster: SipCluster, geoLocations: readonly string[] | undefined): SipCluster {
  const own = new Map(ownStores(cluster, geoLocations).map(({ geoLocation, secret }) => [geoLocation, secret]));
  const named = cluster.spec.geoLocations.map((geo) => {
    const tlsSecretName = own.get(geo.name);
    return tlsSecretName === undefined ? geo : { ...geo, etcd: { ...geo.etcd, tlsSecretName } };
  });
  return { ...cluster, spec: { ...cluster.spec, geoLocations: named } };
}

/** The name of the Secret with the key of the authority of an etcd's certificates. Nobody mounts it. */
export function authoritySecretName(store: string): string {
  return `${store}-ca`;
}

/** Whether a certificate that was made here has less than half of its time left, or can't be read. */
export function isDue(secret: KubernetesObject, now: number): boolean {
  try {
    const { notBefore, notAfter } = new X509Certificate(fileOf(secret, 'tls.crt') ?? '');
    return now > (notBefore.getTime() + notAfter.getTime()) / 2;
  } catch {
    return true;
  }
}

/**
 * A new authority for the certificates of one etcd. Its key stays, in a Secret of its own, so that they can be renewed
 * while whoever trusts the authority goes on to do so.
 * @param now ms since the epoch
 */
export async function authoritySecret(store: string, place: Place, now: number): Promise<KubernetesObject> {
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${store}-ca`,
    keys,
    ...lifetime(now, authorityYears),
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const files = { 'tls.crt': certificate.toString('pem'), 'tls.key': await pem(keys.privateKey) };
  return tlsSecret(authoritySecretName(store), files, place);
}

/**
 * A Secret with a certificate for the members of an etcd, their peers and their clients alike, signed by `authority`.
 * @param now ms since the epoch
 */
export async function storeSecret(
  store: string,
  secret: string,
  authority: KubernetesObject,
  place: Place,
  now: number,
): Promise<KubernetesObject> {
  const ca = new X509Certificate(fileOf(authority, 'tls.crt') ?? '');
  const [key] = PemConverter.decode(fileOf(authority, 'tls.key') ?? '');
  if (key === undefined) throw new Error(`the Secret ${authority.metadata.name} holds no key`);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', key, curve, false, ['sign']);
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const service = `${store}.${place.namespace}.svc`;
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${store}`,
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey,
    ...lifetime(now, years),
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([
        ...[store, service, `*.${service}`, 'localhost'].map((value) => ({ type: 'dns' as const, value })),
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  const files = {
    'ca.crt': ca.toString('pem'),
    'tls.crt': certificate.toString('pem'),
    'tls.key': await pem(keys.privateKey),
  };
  return tlsSecret(secret, files, place);
}

function lifetime(now: number, length: number): { notBefore: Date; notAfter: Date } {
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + length);
  // Clocks of nodes may be behind.
  return { notBefore: new Date(now - 3_600_000), notAfter };
}

async function pem(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function fileOf(secret: KubernetesObject, name: string): string | undefined {
  const data = isRecord(secret['data']) ? secret['data'][name] : undefined;
  return typeof data === 'string' ? Buffer.from(data, 'base64').toString() : undefined;
}

function tlsSecret(name: string, files: Readonly<Record<string, string>>, place: Place): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace: place.namespace,
      labels: clusterLabels(place.owner.name),
      ownerReferences: [ownerReference(place)],
    },
    type: 'kubernetes.io/tls',
    data: Object.fromEntries(Object.entries(files).map(([file, text]) => [file, Buffer.from(text).toString('base64')])),
  };
}
