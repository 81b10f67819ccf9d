import { expect } from 'chai';
import { missingFields } from '../../operator/crd-check.ts';
import { claimedByOthers, loadBalancers, pendingAddresses, unreachableStores } from '../../operator/facts.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import type { StoreView } from '../../operator/observe.ts';
import { plan } from '../../operator/plan/plan.ts';
import { storeAccess } from '../../operator/store-access.ts';
import { resource } from './resources.ts';

const balanced = resource('design', [
  'exposure: { type: HostNetwork }\n              advertise: { from: NodeExternalIP }',
  'exposure: { type: LoadBalancer }',
]);

describe('loadBalancers', () => {
  const service = (part: string, name: string, ingress: unknown): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels: { 'sipcluster.io/part': part } },
    status: { loadBalancer: { ingress } },
  });

  it('are the addresses given, by shard; a name can’t be written into SIP messages', () => {
    const services = [
      service('a', 'a-external', [{ ip: '198.51.100.7' }]),
      service('b', 'b-external', [{ hostname: 'lb.example.com' }]),
      service('c', 'c-udp', [{ ip: '198.51.100.9' }]),
      service('d', 'd-external', undefined),
    ];
    expect(loadBalancers(services)).to.deep.equal({ a: '198.51.100.7' });
  });

  it('are waited for by the shards that would have to tell them', () => {
    const [shard] = plan(balanced).shards;
    expect(pendingAddresses(plan(balanced))).to.deep.equal([shard?.name]);
    expect(pendingAddresses(plan(balanced, { loadBalancers: { [shard?.name ?? '']: '198.51.100.7' } }))).to.deep.equal(
      [],
    );
  });
});

describe('unreachableStores', () => {
  it('are managed ones that the operators of other clusters have no name for', () => {
    expect(unreachableStores(resource('design'), { geoLocations: ['dc1'] })).to.deep.equal([]);
    const nameless = resource('design', [", endpoints: ['https://etcd.dc2.example:2379']", '']);
    expect(unreachableStores(nameless, {})).to.deep.equal([]);
    expect(unreachableStores(nameless, { geoLocations: ['dc1'] }).map(({ reason }) => reason)).to.deep.equal([
      'EtcdNotReachableFromOtherClusters',
    ]);
  });
});

describe('claimedByOthers', () => {
  it('are data centres whose etcd names another Kubernetes cluster', () => {
    const view = (geoLocation: string, claim: StoreView['claim']): StoreView => ({
      switch: 's',
      dn: 'd',
      geoLocation,
      judged: true,
      available: true,
      reason: '',
      proxies: [],
      health: [],
      ...(claim && { claim }),
    });
    const views = [view('dc1', 'Held'), view('dc2', 'Unreachable')];
    expect(claimedByOthers(resource('design'), views)).to.deep.equal([]);
    const [problem, ...more] = claimedByOthers(resource('design'), [...views, view('dc1', { other: 'uid-b' })]);
    expect([problem?.reason, more.length]).to.deep.equal(['GeoLocationConflict', 0]);
    expect(problem?.message).to.match(/^spec\.geoLocations\[dc1\]: the Kubernetes cluster uid-b runs it already/);
  });
});

describe('storeAccess', () => {
  const secret = (data: Record<string, string>): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  });
  const whole = secret({ 'ca.crt': 'ca', 'tls.crt': 'cert', 'tls.key': 'key', username: 'u\n', password: 'p' });

  it('reads each Secret’s fields, and reaches a managed etcd by its whole name', async () => {
    const { targets, problems } = await storeAccess(plan(resource('design')), 'voice', async () => whole);
    expect(problems).to.deep.equal([]);
    expect(targets.map(({ geoLocation, access }) => [geoLocation, ...access.endpoints])).to.deep.equal([
      ['dc1', 'https://etcd.dc1.example:2379'],
      ['dc2', 'https://contact-center-etcd-dc2.voice.svc:2379'],
    ]);
    expect(targets[0]?.access).to.deep.include({ auth: { username: 'u', password: 'p' } });
  });

  it('leaves out only the store whose Secret is missing or lacks something, and names it', async () => {
    const { targets, problems } = await storeAccess(plan(resource('design')), 'voice', async (name) =>
      name === 'etcd-dc2' ? undefined : name === 'etcd-dc1-user' ? secret({ username: 'u' }) : whole,
    );
    expect(targets).to.deep.equal([]);
    expect(problems.map(({ reason, message }) => `${reason}: ${message}`)).to.deep.equal([
      'SecretIncomplete: the Secret etcd-dc1-user of the etcd of dc1 has no password',
      'SecretMissing: the Secret etcd-dc2 of the etcd of dc2 is missing',
    ]);
  });
});

describe('missingFields', () => {
  const crd = (properties: object): KubernetesObject => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'x' },
    spec: { versions: [{ name: 'v1alpha1', schema: { openAPIV3Schema: { properties } } }] },
  });

  it('are what an older CustomResourceDefinition lacks; a newer one may have more', () => {
    const older = crd({ spec: { properties: { list: { items: { properties: { a: {} } } } } } });
    const newer = crd({ spec: { properties: { list: { items: { properties: { a: {}, b: {} } } }, more: {} } } });
    expect(missingFields(newer, older)).to.deep.equal(['spec.list[].b', 'spec.more']);
    expect(missingFields(older, newer)).to.deep.equal([]);
  });
});
