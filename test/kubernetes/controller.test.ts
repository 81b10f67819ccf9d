import { expect } from 'chai';
import { pino } from 'pino';
import { Etcd3 } from 'etcd3';
import { Controller } from '../../operator/controller.ts';
import { KubernetesApi } from '../../operator/kubernetes/api.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resources, type Resource } from '../../operator/kubernetes/resources.ts';
import { realClock } from '../../operator/real-clock.ts';
import type { SipCluster, SipClusterStatus } from '../../operator/sip-cluster.ts';
import { healthKey, ownerKey, prefix, proxyKey } from '../../proxy/store/keys.ts';
import { encodeHealth, encodeProxy } from '../../proxy/store/codec.ts';
import { Etcd } from '../peers/etcd.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

const kinds = [
  'ServiceAccount',
  'ConfigMap',
  'Service',
  'PodDisruptionBudget',
  'NetworkPolicy',
  'Deployment',
  'StatefulSet',
] as const;
const labelled = 'app.kubernetes.io/managed-by=sipcluster';

describe('the controller on a real API server', function () {
  this.timeout(90_000);
  let plane: ControlPlane;
  let server: ApiServer;
  let etcd: Etcd;
  let controller: Controller;
  let api: KubernetesApi;
  let writes: string[] = [];
  let namespace: string;

  before(async function () {
    const binaries = controlPlaneDirectory();
    if (binaries === undefined) {
      console.error(
        '      skipped: no kube-apiserver in $KUBEBUILDER_ASSETS or the cache; test/tools/install-kube-apiserver.sh builds one',
      );
      this.skip();
    }
    [plane, etcd] = await Promise.all([ControlPlane.start(binaries), Etcd.start()]);
    server = new ApiServer(plane);
    await server.installCrd();
    plane.startControllers();
  });
  after(async () => {
    server?.api.close();
    await plane?.stop();
    await etcd?.stop();
  });

  beforeEach(async () => {
    namespace = await server.namespace();
    writes = [];
    start();
  });
  afterEach(async () => {
    await controller.close();
    api.close();
  });

  function start(): void {
    api = new KubernetesApi(plane.config(), {
      mayWrite: () => true,
      answered: (verb, what) => {
        if (verb !== 'get' && verb !== 'list' && verb !== 'watch') writes.push(`${verb} ${what}`);
      },
    });
    controller = new Controller({
      api,
      clock: realClock,
      wall: Date.now,
      uid: 'cluster-1',
      log: pino({ level: process.env['LOG'] ?? 'silent' }),
      instance: 'test',
      namespaces: [namespace],
      image: 'registry.example/sipcluster:test',
      etcdImage: 'registry.example/etcd:test',
    });
    controller.start();
  }

  const cluster = (change: (text: string) => string = (text) => text): KubernetesObject => {
    const dn = (name: string, geos: readonly string[]) => ({
      name,
      fqdn: { srv: 'proxies.example.com' },
      proxies: geos.map((geoLocation) => ({ geoLocation, exposure: { type: 'PodNetwork' } })),
      sipServers: [{ name: 'ss1', geoLocation: 'dc1', primary: { host: '10.0.1.11' }, backup: { host: '10.0.2.11' } }],
    });
    const spec = {
      geoLocations: ['dc1', 'dc2'].map((name) => ({ name, etcd: { endpoints: [etcd.endpoint] } })),
      switches: [{ name: 'sw', clusterDNs: [dn('dn1', ['dc1', 'dc2']), dn('dn2', ['dc1'])] }],
    };
    const object = {
      apiVersion: 'sipcluster.io/v1alpha1',
      kind: 'SipCluster',
      metadata: { name: 'cc', namespace },
      spec,
    };
    return JSON.parse(change(JSON.stringify(object))) as KubernetesObject;
  };
  const apply = (object: KubernetesObject): Promise<KubernetesObject> => server.api.apply(object, 'test');
  const list = async (resource: Resource, selector?: string): Promise<readonly KubernetesObject[]> =>
    (await server.api.source(resource, namespace, selector).list(undefined, AbortSignal.timeout(5000))).items;
  const names = async (): Promise<string[]> =>
    (await Promise.all(kinds.map((kind) => list(resources[kind], labelled))))
      .flat()
      .map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  const status = async (): Promise<SipClusterStatus | undefined> =>
    ((await server.api.read(resources.SipCluster, namespace, 'cc')) as SipCluster | undefined)?.status;
  const condition = async (type: string) => (await status())?.conditions?.find((found) => found.type === type);

  /** Until it is so: polls a real API server, with a deadline. */
  async function eventually<T>(what: () => Promise<T | undefined | false>): Promise<T> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const is = await what();
      if (is !== undefined && is !== false) return is;
      if (performance.now() > deadline) throw new Error(`not within 20 s: ${what.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  /** Nothing is written any more. */
  async function quiet(): Promise<void> {
    let before = -1;
    while (writes.length !== before) {
      before = writes.length;
      await new Promise((resolve) => setTimeout(resolve, 2500));
    }
  }
  const deployed = (): Promise<boolean> => eventually(async () => (await list(resources.Deployment)).length === 3);

  it('makes everything, says how far it is, and then writes nothing any more, not even after a restart', async () => {
    await apply(cluster());
    await deployed();
    const ready = await eventually(() => condition('Ready'));
    expect(ready).to.include({ status: 'False', reason: 'ProxiesNotReady', observedGeneration: 1 });
    expect((await status())?.summary).to.include({ proxiesDesired: 6, proxiesReady: 0, servers: 2 });
    expect((await names()).length).to.equal(3 * 7);
    await quiet();
    await controller.close();
    writes = [];
    start();
    await eventually(async () => controller.synced);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(writes).to.deep.equal([]);
  });

  it('puts back what somebody deletes or edits, says who it was, and keeps what is theirs', async () => {
    await apply(cluster());
    await deployed();
    const [deployment] = await list(resources.Deployment, labelled);
    if (deployment === undefined) throw new Error('no Deployment');
    await server.api.remove(deployment);
    await eventually(async () => {
      const again = await server.api.read(resources.Deployment, namespace, deployment.metadata.name);
      return again !== undefined && again.metadata.uid !== deployment.metadata.uid;
    });
    await server.api.patch(
      resources.Deployment,
      namespace,
      deployment.metadata.name,
      { metadata: { annotations: { theirs: 'kept' } }, spec: { replicas: 7 } },
      'someone',
    );
    const repaired = await eventually(async () => {
      const is = await server.api.read(resources.Deployment, namespace, deployment.metadata.name);
      return (is?.['spec'] as { replicas?: number } | undefined)?.replicas === 2 && is;
    });
    expect(repaired.metadata.annotations).to.include({ theirs: 'kept' });
    const event = await eventually(async () =>
      (await list(resources.Event)).find((found) => found['reason'] === 'Repaired'),
    );
    expect(event['note']).to.contain('spec.replicas was changed by someone');
  });

  it('waits with the proxies that need a Secret which is missing, says so, and leaves alone what runs', async () => {
    await apply(cluster());
    await deployed();
    const generation = async (name: string) =>
      (await server.api.read(resources.Deployment, namespace, name))?.metadata.generation;
    const before = await generation('cc-sw-dn2-dc1');
    const listeners = [
      { transport: 'UDP', port: 5060 },
      { transport: 'TLS', port: 5061, tlsSecretName: 'sip-tls' },
    ];
    const changed = cluster();
    const dn2 = (changed as unknown as SipCluster).spec.switches[0]?.clusterDNs[1]?.proxies[0];
    Object.assign(dn2 ?? {}, { listeners });
    await apply(changed);
    const why = await eventually(async () => {
      const is = await condition('ConfigurationValid');
      return is?.status === 'False' && is;
    });
    expect(why).to.include({
      reason: 'SecretMissing',
      message:
        'spec.switches[sw].clusterDNs[dn2].proxies[dc1].listeners[TLS 5061].tlsSecretName: the Secret sip-tls is missing',
    });
    expect(await generation('cc-sw-dn2-dc1')).to.equal(before);
    await server.api.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'sip-tls', namespace },
      type: 'Opaque',
    });
    await eventually(async () => (await generation('cc-sw-dn2-dc1')) !== before);
    await eventually(async () => (await condition('ConfigurationValid'))?.status === 'True');
  });

  it('deletes what nothing wants any more, and only that', async () => {
    await apply(cluster());
    await deployed();
    await server.api.apply(
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: 'theirs',
          namespace,
          labels: {
            'app.kubernetes.io/managed-by': 'sipcluster',
            'sipcluster.io/cluster': 'cc',
            'sipcluster.io/geo-location': 'dc1',
          },
        },
      },
      'test',
    );
    await apply(cluster((text) => text.replace(/,\{"name":"dn2".*?\}\}\]\}/, '')));
    await eventually(async () => (await names()).length === 2 * 7 + 1);
    expect(await names()).to.include('ConfigMap theirs');
  });

  it('leaves an object alone that has one of its names, says so, and makes the rest', async () => {
    await server.api.apply(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cc-sw-dn1-dc1', namespace }, data: { theirs: 'yes' } },
      'test',
    );
    await apply(cluster());
    const invalid = await eventually(async () => {
      const found = await condition('ConfigurationValid');
      return found?.status === 'False' && found;
    });
    expect(invalid.reason).to.equal('NameConflict');
    expect(invalid.message).to.contain('ConfigMap cc-sw-dn1-dc1');
    await deployed();
    expect((await server.api.read(resources.ConfigMap, namespace, 'cc-sw-dn1-dc1'))?.['data']).to.deep.equal({
      theirs: 'yes',
    });
  });

  it('changes only the ConfigMap and the pods’ annotation for what proxies take live', async () => {
    await apply(cluster());
    await deployed();
    await eventually(async () => (await list(resources.Pod, labelled)).length === 6);
    await quiet();
    writes = [];
    await apply(cluster((text) => text.replaceAll('"name":"ss1"', '"weight":5,"name":"ss1"')));
    await quiet();
    const counts = Map.groupBy(writes, (write) => write);
    expect(counts.get('apply configmaps')).to.have.length(3);
    expect(counts.get('patch pods')).to.have.length(6);
    expect([...counts.keys()].toSorted()).to.deep.equal(['apply configmaps', 'apply sipclusters/status', 'patch pods']);
  });

  it('changes nothing while it is paused', async () => {
    await apply(cluster((text) => text.replace('"spec":{', '"spec":{"paused":true,')));
    await eventually(() => condition('Ready'));
    expect(await names()).to.deep.equal([]);
    await apply(cluster());
    await deployed();
  });

  it('tells from what proxies publish which member is primary, and when that changes', async () => {
    const client = new Etcd3({ hosts: [etcd.endpoint] });
    const range = prefix(namespace, 'cc', 'sw', 'dn1');
    const publish = async (active: 'primary' | 'backup'): Promise<void> => {
      const now = Date.now();
      const members = (['primary', 'backup'] as const).map((role) => {
        const seen =
          role === active
            ? ({ state: 'InService', reason: 'OptionsAnswered' } as const)
            : ({ state: 'Down', reason: 'ConnectionRefused' } as const);
        return { role, address: '10.0.1.11:5060', since: now, ...seen };
      });
      await client.put(range + proxyKey('p-1')).value(
        encodeProxy({
          name: 'p-1',
          geoLocation: 'dc1',
          state: 'Ready',
          boot: 'b',
          addresses: [{ transport: 'UDP', address: '10.2.0.1', port: 5060, side: 'Both' }],
          admin: '',
          configuration: { hash: 'h' },
          counts: { registrations: 1234, calls: 7 },
          keys: [],
        }),
      );
      await client.put(range + healthKey('p-1')).value(
        encodeHealth({
          proxy: 'p-1',
          geoLocation: 'dc1',
          at: now,
          pairs: [{ name: 'ss1', active, since: now, members }],
        }),
      );
    };
    const dn = async () => (await status())?.switches?.[0]?.clusterDNs?.find(({ name }) => name === 'dn1');
    await publish('primary');
    await apply(cluster());
    const pair = await eventually(async () => (await dn())?.sipServers?.find(({ state }) => state === 'InService'));
    expect(pair).to.include({ name: 'ss1', active: 'primary' });
    expect((await dn())?.proxies?.[0]).to.deep.include({ addresses: ['10.2.0.1'] });
    expect((await status())?.summary).to.include({ registrations: 1230, calls: 7 });
    expect((await dn())?.proxies?.[0]?.dnsRecords).to.include(
      '_sip._udp.proxies.example.com. 20 IN SRV 0 50 5060 proxies.example.com.',
    );
    expect(await condition('StoreAvailable')).to.include({ status: 'True' });
    await publish('backup');
    await eventually(async () => (await dn())?.sipServers?.find(({ active }) => active === 'backup'));
    const event = await eventually(async () =>
      (await list(resources.Event)).find((found) => found['reason'] === 'PairSwitched'),
    );
    expect(event['note']).to.contain('ss1');
    client.close();
  });

  it('changes nothing where another Kubernetes cluster runs a data centre, and says so', async () => {
    const client = new Etcd3({ hosts: [etcd.endpoint] });
    const key = prefix(namespace, 'cc', 'sw', 'dn1') + ownerKey('dc1');
    await client.put(key).value('{"v":1,"uid":"cluster-2"}');
    await apply(cluster());
    const conflict = await eventually(async () => {
      const found = await condition('ConfigurationValid');
      return found?.status === 'False' && found;
    });
    expect(conflict.reason).to.equal('GeoLocationConflict');
    expect(conflict.message).to.contain('spec.geoLocations[dc1]').and.to.contain('cluster-2');
    expect((await names()).filter((name) => name.startsWith('Deployment'))).to.deep.equal([]);
    await client.delete().key(key);
    client.close();
    await deployed();
  });

  it('goes on where it was after the API server was gone', async () => {
    await apply(cluster());
    await deployed();
    await plane.restart();
    const [service] = await list(resources.Service, labelled);
    if (service === undefined) throw new Error('no Service');
    await server.api.remove(service);
    await eventually(
      async () =>
        (await server.api.read(resources.Service, namespace, service.metadata.name))?.metadata.uid !==
        service.metadata.uid,
    );
  });

  it('leaves deletion to the garbage collector, which takes everything', async () => {
    await apply(cluster());
    await deployed();
    const resource = await server.api.read(resources.SipCluster, namespace, 'cc');
    if (resource === undefined) throw new Error('no SipCluster');
    await server.api.remove(resource);
    await eventually(async () => (await names()).length === 0);
  });
});
