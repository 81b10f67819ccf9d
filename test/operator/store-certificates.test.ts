import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { plan } from '../../operator/plan/plan.ts';
import { ownStores, storeSecret, withOwnSecrets } from '../../operator/store-certificates.ts';
import { placeOf, resource } from './resources.ts';

const minimal = resource('minimal');
const [own] = ownStores(minimal, undefined);
if (own === undefined) throw new Error('minimal.yaml names a Secret');

async function files(): Promise<Record<string, string>> {
  const secret = (await storeSecret(
    own?.store ?? '',
    own?.secret ?? '',
    placeOf(minimal),
    Date.now(),
  )) as KubernetesObject & { data: Record<string, string> };
  return Object.fromEntries(
    Object.entries(secret.data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]),
  );
}

describe('certificates of a managed etcd', () => {
  it('are made only where the manifest names no Secret, and then read by its proxies', () => {
    expect(ownStores(resource('design'), undefined)).to.deep.equal([]);
    expect(ownStores(minimal, ['elsewhere'])).to.deep.equal([]);
    const [shard] = plan(withOwnSecrets(minimal, undefined)).shards;
    expect(shard?.secrets).to.deep.equal([own.secret]);
  });

  it('hold for the Service, each member and clients, and are signed by an authority whose key is kept nowhere', async () => {
    const made = await files();
    const certificate = new X509Certificate(made['tls.crt'] ?? '');
    const authority = new X509Certificate(made['ca.crt'] ?? '');
    expect(certificate.verify(authority.publicKey)).to.equal(true);
    expect(authority.ca).to.equal(true);
    expect(certificate.ca).to.equal(false);
    for (const name of [own.store, `${own.store}.default.svc`, `${own.store}-0.${own.store}.default.svc`, 'localhost'])
      expect(certificate.checkHost(name), name).to.equal(
        name.startsWith(`${own.store}-0`) ? `*.${own.store}.default.svc` : name,
      );
    expect(Object.keys(made).toSorted()).to.deep.equal(['ca.crt', 'tls.crt', 'tls.key']);
  });

  it('let both sides of a TLS connection know each other', async () => {
    const made = await files();
    const keys = { ca: made['ca.crt'] ?? '', cert: made['tls.crt'] ?? '', key: made['tls.key'] ?? '' };
    const server = createServer({ ...keys, requestCert: true, rejectUnauthorized: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const client = connect({ ...keys, host: '127.0.0.1', port, servername: own.store });
    const [socket] = await accepted;
    expect(socket.authorized).to.equal(true);
    client.destroy();
    socket.destroy();
    server.close();
  });
});
