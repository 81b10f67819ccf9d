import { expect } from 'chai';
import fc from 'fast-check';
import { loadProxyConfig } from '../../../proxy/config.ts';
import { plan } from '../../../operator/plan/plan.ts';
import { loopbackAddress, renderProcesses, type ProcessOptions } from '../../../operator/render/processes.ts';
import type { SipCluster } from '../../../operator/sip-cluster.ts';
import { validateManifest } from '../../../operator/validate.ts';

/** Two data centres with two proxies each; `dn` is more of dc1's proxies. */
function cluster(listeners = '[{ transport: UDP, port: 5060 }]', replicas = 2): SipCluster {
  const text = `
apiVersion: sipcluster.io/v1alpha1
kind: SipCluster
metadata: { name: cc }
spec:
  geoLocations: [{ name: dc1 }, { name: dc2 }]
  switches:
    - name: sw
      clusterDNs:
        - name: dn
          proxies: [{ geoLocation: dc1, replicas: ${replicas}, listeners: ${listeners} }, { geoLocation: dc2, replicas: 2 }]
          sipServers: [{ name: ss1, geoLocation: dc1, primary: { host: 127.0.0.1 } }]
        - name: second
          proxies: [{ geoLocation: dc1, replicas: 2 }]
          sipServers: [{ name: ss1, geoLocation: dc1, primary: { host: 127.0.0.2 } }]
`;
  const { resources, problems } = validateManifest(text, 'test');
  const [resource] = resources;
  if (resource === undefined) throw new Error(JSON.stringify(problems));
  return resource;
}

function render(resource: SipCluster, more: Partial<ProcessOptions> = {}) {
  const { shards } = plan(resource, { reachedDirectly: true, memoryStores: true });
  return renderProcesses(shards, {
    geoLocations: ['dc1', 'dc2'],
    addresses: new Map(),
    secrets: new Set(),
    secretsDirectory: '/data/.secrets',
    ...more,
  });
}

describe('rendering a plan to processes', () => {
  it('gives proxy N of data centre I the address 127.0.(10+I).(1+N), counted over all DNs', () => {
    const { proxies, problems } = render(cluster());
    expect(problems).to.deep.equal([]);
    expect(proxies.map(({ name, address }) => [name, address])).to.deep.equal([
      ['cc-sw-dn-dc1-0', '127.0.10.1'],
      ['cc-sw-dn-dc1-1', '127.0.10.2'],
      ['cc-sw-dn-dc2-0', '127.0.11.1'],
      ['cc-sw-dn-dc2-1', '127.0.11.2'],
      ['cc-sw-second-dc1-0', '127.0.10.3'],
      ['cc-sw-second-dc1-1', '127.0.10.4'],
    ]);
  });

  it('gives every proxy an address of its own on loopback, for as many as the manifest allows', () => {
    fc.assert(
      fc.property(fc.nat(15), fc.nat(253), fc.nat(15), fc.nat(253), (i, n, j, m) => {
        expect(loopbackAddress(i, n)).to.match(/^127\.0\.\d+\.\d+$/);
        expect(loopbackAddress(i, n) === loopbackAddress(j, m)).to.equal(i === j && n === m);
      }),
    );
    expect(loopbackAddress(0, 254)).to.equal(undefined);
  });

  it('takes addresses from the user', () => {
    const { proxies } = render(cluster(), { addresses: new Map([['dc2/1', '192.0.2.7']]) });
    expect(proxies[3]).to.include({ address: '192.0.2.7', admin: 'http://192.0.2.7:9060' });
  });

  it('writes a configuration that the proxy understands', () => {
    const [proxy] = render(cluster()).proxies;
    if (proxy === undefined) return expect.fail('no proxy');
    const { config } = loadProxyConfig(proxy.config, proxy.env);
    expect(config.place).to.deep.equal({ name: 'cc-sw-dn-dc1-0', address: '127.0.10.1' });
    expect(config.stores).to.deep.equal([
      { geoLocation: 'dc1', memory: true },
      { geoLocation: 'dc2', memory: true },
    ]);
  });

  it('says which Secret has no directory, once each', () => {
    const listeners = '[{ transport: TLS, port: 5061, tlsSecretName: sip-tls }]';
    expect(render(cluster(listeners)).problems).to.deep.equal([
      'the Secret sip-tls is needed: name a directory with its files by --secret sip-tls=DIR',
    ]);
    expect(render(cluster(listeners), { secrets: new Set(['sip-tls']) }).problems).to.deep.equal([]);
  });

  it('refuses one address for two proxies', () => {
    expect(render(cluster(), { addresses: new Map([['dc1/0', '127.0.10.2']]) }).problems).to.deep.equal([
      'cc-sw-dn-dc1-0 and cc-sw-dn-dc1-1 have one address, 127.0.10.2: each needs its own',
    ]);
  });

  it('refuses addresses of proxies that are not there, and what is no address', () => {
    const addresses = new Map([
      ['dc1/9', '127.0.0.9'],
      ['dc7/0', '127.0.0.8'],
      ['dc2/0', 'somewhere'],
    ]);
    expect(render(cluster(), { addresses }).problems).to.deep.equal([
      '--address dc1/9: dc1 has 4 proxies, counted from 0',
      '--address dc7/0: no proxies run in dc7',
      '--address dc2/0=somewhere: not a numeric address',
    ]);
  });

  it('keeps the restart key where a change can be taken live, and changes it where a socket or the address changes', () => {
    const [before] = render(cluster()).proxies;
    const [weighed] = render({ ...cluster(), metadata: { name: 'cc', namespace: 'other' } }).proxies;
    const [listening] = render(cluster('[{ transport: UDP, port: 5070 }]')).proxies;
    const [moved] = render(cluster(), { addresses: new Map([['dc1/0', '127.0.0.5']]) }).proxies;
    const [logging] = render(cluster(), { logLevel: 'debug' }).proxies;
    expect(weighed?.restartKey).not.to.equal(before?.restartKey);
    expect(listening?.restartKey).not.to.equal(before?.restartKey);
    expect(moved?.restartKey).not.to.equal(before?.restartKey);
    expect(logging?.config).not.to.equal(before?.config);
    expect(logging?.restartKey).to.equal(before?.restartKey);
  });
});
