import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { plan } from '../../operator/plan/plan.ts';
import { authoritySecret, isDue, ownStores, storeSecret, withOwnSecrets } from '../../operator/store-certificates.ts';
import { placeOf, resource } from './resources.ts';

const minimal = resource('minimal');
const [own] = ownStores(minimal, undefined);
if (own === undefined) throw new Error('minimal.yaml names a Secret');

async function files(): Promise<Record<string, string>> {
  const authority = await authoritySecret(own?.store ?? '', placeOf(minimal), Date.now());
  return filesOf(await storeSecret(own?.store ?? '', own?.secret ?? '', authority, placeOf(minimal), Date.now()));
}

function filesOf(made: KubernetesObject): Record<string, string> {
  const secret = made as KubernetesObject & { data: Record<string, string> };
  return Object.fromEntries(
    Object.entries(secret.data).map(([name, text]) => [name, Buffer.from(text, 'base64').toString()]),
  );
}

describe('certificates of a managed etcd', () => {
  it('are made only where the manifest names no Secret, and then read by its proxies', () => {
    expect(ownStores(resource('design'), undefined)).to.deep.equal([]);
    expect(ownStores(minimal, ['elsewhere'])).to.deep.equal([]);
    const [shard] = plan(withOwnSecrets(minimal, undefined)).shards;
    expect(shard?.secrets).to.deep.equal(['minimal-admin', own.secret]);
  });

  it('hold for the Service, each member and clients, and are signed by an authority whose key is not among them', async () => {
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

  it('are renewed at half of their time, by the authority that is trusted already', async () => {
    const at = Date.now();
    const authority = await authoritySecret(own.store, placeOf(minimal), at);
    const first = await storeSecret(own.store, own.secret, authority, placeOf(minimal), at);
    const year = 365.25 * 86_400_000;
    expect([isDue(first, at), isDue(first, at + 1.9 * year), isDue(first, at + 2.1 * year)]).to.deep.equal([
      false,
      false,
      true,
    ]);
    const next = await storeSecret(own.store, own.secret, authority, placeOf(minimal), at + 2.1 * year);
    expect(isDue(next, at + 2.1 * year)).to.equal(false);
    const ca = new X509Certificate(filesOf(first)['ca.crt'] ?? '');
    expect(new X509Certificate(filesOf(next)['tls.crt'] ?? '').verify(ca.publicKey)).to.equal(true);
    expect(filesOf(next)['ca.crt']).to.equal(filesOf(first)['ca.crt']);
    expect(filesOf(next)['tls.key']).not.to.equal(filesOf(first)['tls.key']);
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
