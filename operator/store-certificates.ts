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
  X509CertificateGenerator,
} from '@peculiar/x509';
import { storeName } from './plan/name.ts';
import { clusterLabels, ownerReference } from './render/kubernetes/metadata.ts';
import type { Place } from './render/kubernetes/place.ts';
import { storeSecretName } from './render/kubernetes/stateful-set.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import type { SipCluster } from './sip-cluster.ts';

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signing = { ...curve, hash: 'SHA-256' } as const;
const years = 10;

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

/**
 * A Secret with a certificate for the members of an etcd, their peers and their clients alike, and the authority that
 * signed it, whose key is kept by nobody: to renew, delete the Secret and restart.
 * @param now ms since the epoch
 */
export async function storeSecret(store: string, secret: string, place: Place, now: number): Promise<KubernetesObject> {
  const notBefore = new Date(now - 3_600_000);
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + years);
  const authority = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const name = `CN=${store}`;
  const ca = await X509CertificateGenerator.createSelfSigned({
    name: `${name}-ca`,
    keys: authority,
    notBefore,
    notAfter,
    signingAlgorithm: signing,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const service = `${store}.${place.namespace}.svc`;
  const certificate = await X509CertificateGenerator.create({
    subject: name,
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: authority.privateKey,
    notBefore,
    notAfter,
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
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  const files = { 'ca.crt': ca.toString('pem'), 'tls.crt': certificate.toString('pem'), 'tls.key': key };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secret,
      namespace: place.namespace,
      labels: clusterLabels(place.owner.name),
      ownerReferences: [ownerReference(place)],
    },
    type: 'kubernetes.io/tls',
    data: Object.fromEntries(Object.entries(files).map(([file, text]) => [file, Buffer.from(text).toString('base64')])),
  };
}
