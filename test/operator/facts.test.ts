import { expect } from 'chai';
import { missingFields } from '../../operator/crd-check.ts';
import { claimedByOthers, exposedPorts, pendingAddresses, unreachableStores } from '../../operator/facts.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import type { StoreView } from '../../operator/observe.ts';
import type { ExposedPort } from '../../operator/plan/facts.ts';
import { plan } from '../../operator/plan/plan.ts';
import { dnsRecords } from '../../operator/render/kubernetes/dns-endpoint.ts';
import type { SipCluster } from '../../operator/sip-cluster.ts';
import { etcdMembers, storeAccess } from '../../operator/store-access.ts';
import { resource } from './resources.ts';

describe('exposedPorts', () => {
  const service = (part: string, name: string, ports: object[], ingress?: unknown): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels: { 'sipcluster.io/part': part } },
    spec: { ports },
    status: { loadBalancer: { ingress } },
  });
  const udp = { port: 5060, protocol: 'UDP', nodePort: 30_060 };
  const tcp = { port: 5060, protocol: 'TCP', nodePort: 30_061 };

  it('are what the Services of a shard have, by port; a name can’t be written into SIP messages', () => {
    const services = [
      service('a', 'a-external', [udp, tcp], [{ ip: '198.51.100.7' }]),
      service('b', 'b-external', [udp], [{ hostname: 'lb.example.com' }]),
      service('c', 'c-udp', [udp], [{ ip: '198.51.100.9' }]),
      service('e', 'e-external', [udp], [{ ip: '2001:db8::7' }, { ip: '198.51.100.7' }, { ip: '198.51.100.8' }]),
      service('d', 'd-external-udp', [udp], [{ ip: '198.51.100.1' }]),
      service('d', 'd-external-tcp', [tcp], [{ ip: '198.51.100.2' }]),
    ];
    expect(exposedPorts(services)).to.deep.equal({
      a: [
        { ...tcp, addresses: ['198.51.100.7'] },
        { ...udp, addresses: ['198.51.100.7'] },
      ],
      b: [udp],
      d: [
        { ...tcp, addresses: ['198.51.100.2'] },
        { ...udp, addresses: ['198.51.100.1'] },
      ],
      e: [{ ...udp, addresses: ['198.51.100.7', '2001:db8::7'] }],
    });
  });

  const exposedAs = (exposure: string) =>
    resource('design', [
      'exposure: { type: HostNetwork }\n              advertise: { from: NodeExternalIP }',
      `exposure: ${exposure}`,
    ]);
  const listeners = (cluster: SipCluster, exposed: readonly ExposedPort[]) => {
    const [name = ''] = plan(cluster).shards.map((shard) => shard.name);
    const planned = plan(cluster, { exposed: { [name]: exposed } });
    const { place, listeners: all } = planned.shards[0]!.config;
    return {
      pending: pendingAddresses(planned).length,
      bound: place.address,
      advertise: place.advertise,
      told: all.map(({ transport, port, advertise }) => [transport, port, advertise?.address, advertise?.port]),
      records: dnsRecords(planned.shards[0]!, ['198.51.100.1', '198.51.100.2']),
    };
  };
  const ports: ExposedPort[] = [
    { protocol: 'UDP', port: 5060, nodePort: 30_060, addresses: ['198.51.100.1'] },
    { protocol: 'TCP', port: 5060, nodePort: 30_061, addresses: ['198.51.100.2'] },
    { protocol: 'TCP', port: 5061, nodePort: 30_062, addresses: ['198.51.100.2'] },
    { protocol: 'TCP', port: 8443, nodePort: 30_063, addresses: ['198.51.100.2'] },
  ];

  it('are waited for by the proxies that have to tell them', () => {
    for (const type of ['LoadBalancer', 'NodePort']) {
      const cluster = exposedAs(`{ type: ${type} }`);
      expect(listeners(cluster, []).pending, type).to.equal(1);
      expect(listeners(cluster, ports.slice(1)).pending, type).to.equal(1);
      expect(listeners(cluster, ports).pending, type).to.equal(0);
    }
  });

  it('are told as one address where one load balancer has it all', () => {
    const one = ports.map((port) => ({ ...port, addresses: ['198.51.100.7'] }));
    const { advertise, told } = listeners(exposedAs('{ type: LoadBalancer }'), one);
    expect(advertise).to.equal('198.51.100.7');
    expect(told[0]).to.deep.equal(['UDP', 5060, undefined, undefined]);
  });

  it('are told as one of each family, of which each proxy takes those that its pod has', () => {
    const dual = ports.map((port) => ({ ...port, addresses: ['198.51.100.7', '2001:db8::7'] }));
    const balanced = exposedAs('{ type: LoadBalancer, ipFamilies: [IPv4, IPv6] }');
    expect(listeners(balanced, dual)).to.include({ advertise: '198.51.100.7,2001:db8::7', bound: '${POD_IPS}' });
    const onNodes = exposedAs('{ type: NodePort, ipFamilies: [IPv6] }');
    expect(listeners(onNodes, ports)).to.include({ advertise: '${ADVERTISE}', bound: '${POD_IPS}' });
    expect(listeners(exposedAs('{ type: NodePort }'), ports)).to.include({ bound: '${POD_IP}' });
  });

  it('are told as an address a protocol where load balancers can’t mix them, in names of their own', () => {
    const { told, records } = listeners(exposedAs('{ type: LoadBalancer, service: { mixedProtocols: false } }'), ports);
    expect(told.slice(0, 2)).to.deep.equal([
      ['UDP', 5060, '198.51.100.1', undefined],
      ['TCP', 5060, '198.51.100.2', undefined],
    ]);
    expect(records).to.include('_sip._udp.proxies.sip.example.com. 20 IN SRV 0 50 5060 udp.proxies-a.sip.example.com.');
    expect(records).to.include('udp.proxies-a.sip.example.com. 20 IN A 198.51.100.1');
    expect(records).to.include('tcp.proxies-a.sip.example.com. 20 IN A 198.51.100.2');
  });

  it('are told as the port that nodes have, on the node’s own address', () => {
    const { advertise, told, records } = listeners(exposedAs('{ type: NodePort }'), ports);
    expect(advertise).to.equal('${ADVERTISE}');
    expect(told.slice(0, 2)).to.deep.equal([
      ['UDP', 5060, undefined, 30_060],
      ['TCP', 5060, undefined, 30_061],
    ]);
    expect(records).to.include('_sip._udp.proxies.sip.example.com. 20 IN SRV 0 50 30060 proxies-a.sip.example.com.');
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
      reason: 'Reached',
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

  it('finds each member of an etcd that is run here by its own name', async () => {
    const planned = plan(resource('design'));
    const { targets } = await storeAccess(planned, 'voice', async () => whole);
    const members = etcdMembers(planned, targets, 'voice');
    expect([...members].map(([name, list]) => [name, list.map(({ endpoint }) => endpoint)])).to.deep.equal([
      [
        'contact-center-etcd-dc2',
        [0, 1, 2].map((n) => `https://contact-center-etcd-dc2-${n}.contact-center-etcd-dc2.voice.svc:2379`),
      ],
    ]);
    expect(etcdMembers(planned, [], 'voice').size).to.equal(0);
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
