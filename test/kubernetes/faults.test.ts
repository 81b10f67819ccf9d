import { expect } from 'chai';
import { pino } from 'pino';
import { Controller } from '../../operator/controller.ts';
import { KubernetesApi } from '../../operator/kubernetes/api.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resources } from '../../operator/kubernetes/resources.ts';
import { realClock } from '../../operator/real-clock.ts';
import type { Clock } from '../../operator/watch.ts';
import { eventually } from '../peers/deadline.ts';
import { Etcd } from '../peers/etcd.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';
import { FaultyApiServer, type Asked, type Fault } from './faulty-api-server.ts';

const kinds = ['ServiceAccount', 'ConfigMap', 'Service', 'PodDisruptionBudget', 'NetworkPolicy', 'Deployment'] as const;
const labelled = 'app.kubernetes.io/managed-by=sipcluster';
/** What two DNs are made of, and their admin ports' Secret. */
const OBJECTS = 2 * 7 + 1;

describe('the controller, where the API server fails it', function () {
  this.timeout(180_000);
  let plane: ControlPlane;
  let server: ApiServer;
  let faulty: FaultyApiServer;
  let etcd: Etcd;
  let api: KubernetesApi;
  let controller: Controller;
  let leading: boolean;
  let expected: readonly object[];

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
    faulty = await FaultyApiServer.start(plane);
    const namespace = await server.namespace();
    start(namespace);
    await server.api.apply(sipCluster(namespace), 'test');
    await eventually(60_000, 'all is made', async () => (await made(namespace)).length === OBJECTS - 1);
    await controller.close();
    api.close();
    expected = await made(namespace);
  });
  after(async () => {
    server?.api.close();
    await faulty?.stop();
    await plane?.stop();
    await etcd?.stop();
  });
  afterEach(async () => {
    faulty.fault = () => undefined;
    await controller.close();
    api.close();
  });

  /** A watch that says nothing is given up after 3 s rather than 90. */
  const clock: Clock = {
    ...realClock,
    after: (ms, callback) => realClock.after(ms >= 60_000 && ms <= 120_000 ? ms / 30 : ms, callback),
  };

  function start(namespace: string): void {
    leading = true;
    faulty.writes = 0;
    api = new KubernetesApi(faulty.config(), { mayWrite: () => leading });
    controller = new Controller({
      api,
      clock,
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

  function sipCluster(namespace: string): KubernetesObject {
    const dn = (name: string) => ({
      name,
      fqdn: { srv: 'proxies.example.com' },
      proxies: [{ geoLocation: 'dc1', exposure: { type: 'PodNetwork' } }],
      sipServers: [{ name: 'ss1', geoLocation: 'dc1', primary: { host: '10.0.1.11' } }],
    });
    return {
      apiVersion: 'sipcluster.io/v1alpha1',
      kind: 'SipCluster',
      metadata: { name: 'cc', namespace },
      spec: {
        geoLocations: [{ name: 'dc1', etcd: { endpoints: [etcd.endpoint] } }],
        switches: [{ name: 'sw', clusterDNs: [dn('dn1'), dn('dn2')] }],
      },
    };
  }

  /** Every object that was made, without what differs from namespace to namespace and from time to time. */
  async function made(namespace: string): Promise<readonly object[]> {
    const lists = await Promise.all(
      kinds.map((kind) =>
        server.api.source(resources[kind], namespace, labelled).list(undefined, AbortSignal.timeout(20_000)),
      ),
    );
    return lists
      .flatMap(({ items }) => items)
      .map(({ kind, metadata, ...object }) => {
        const { name, labels, annotations, ownerReferences = [] } = metadata;
        const owners = ownerReferences.map(({ uid: _uid, ...owner }) => owner);
        const text = JSON.stringify({
          kind,
          name,
          labels,
          annotations,
          owners,
          spec: object['spec'],
          data: object['data'],
        });
        return JSON.parse(
          text
            .replaceAll(namespace, 'NAMESPACE')
            .replaceAll(/"(clusterIPs?|sipcluster.io\/(restart|configuration))":("[^"]*"|\[[^\]]*\])/g, '"$1":"…"'),
        ) as object;
      })
      .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  /** With that fault from the start on; it is healed after so long, ms, and the end must be the same as without it. */
  async function converges(fault: (asked: Asked) => Fault | undefined, healAfter: number): Promise<number> {
    const namespace = await server.namespace();
    faulty.fault = fault;
    start(namespace);
    await server.api.apply(sipCluster(namespace), 'test');
    await new Promise((resolve) => setTimeout(resolve, healAfter));
    faulty.fault = () => undefined;
    await eventually(90_000, 'all is made', async () => (await made(namespace)).length === expected.length);
    expect(await made(namespace)).to.deep.equal(expected);
    await eventually(30_000, 'its status is written', async () => {
      const status = (await server.api.read(resources.SipCluster, namespace, 'cc'))?.['status'];
      return status !== undefined;
    });
    return faulty.writes;
  }

  const isWrite = ({ method }: Asked): boolean => method !== 'GET';
  /** The objects, and a few statuses and Events. */
  const bound = OBJECTS + 10;

  it('comes to the same end when every second write is answered 409', async () => {
    let n = 0;
    expect(await converges((asked) => (isWrite(asked) && n++ % 2 === 0 ? 409 : undefined), 4000)).to.be.at.most(bound);
  });

  it('comes to the same end when every second write is answered 500', async () => {
    let n = 0;
    expect(await converges((asked) => (isWrite(asked) && n++ % 2 === 0 ? 500 : undefined), 4000)).to.be.at.most(bound);
  });

  it('waits as long as it is asked to by a 429, and does not storm', async () => {
    let asked429 = 0;
    const writes = await converges((asked) => (isWrite(asked) && ++asked429 > 0 ? 429 : undefined), 5000);
    expect(writes).to.be.at.most(bound);
    // once a second at most, each time all of its objects once
    expect(asked429).to.be.at.most(7 * OBJECTS);
  });

  it('lists again when every watch is told that its version is gone', async () => {
    let told = 0;
    const writes = await converges(({ watch }) => (watch && told++ < 40 ? 'gone' : undefined), 3000);
    expect(writes).to.be.at.most(bound);
  });

  it('gives up a watch that says nothing, and hears of what it missed', async () => {
    expect(await converges(({ watch }) => (watch ? 'hang' : undefined), 2000)).to.be.at.most(bound);
  });

  it('goes on where connections were cut', async () => {
    let n = 0;
    expect(await converges(() => (n++ % 3 === 0 ? 'cut' : undefined), 4000)).to.be.at.most(bound);
  });

  it('writes nothing from the moment on that it does not lead, and the next leader ends what it began', async () => {
    const namespace = await server.namespace();
    start(namespace);
    let writes = 0;
    faulty.fault = (asked) => {
      if (isWrite(asked) && ++writes === 5) leading = false;
      return undefined;
    };
    await server.api.apply(sipCluster(namespace), 'test');
    await eventually(60_000, 'it has begun', async () => !leading);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(faulty.writes).to.equal(5);
    expect((await made(namespace)).length).to.be.below(expected.length);
    await controller.close();
    api.close();
    faulty.fault = () => undefined;
    start(namespace);
    await eventually(60_000, 'all is made', async () => (await made(namespace)).length === expected.length);
    expect(await made(namespace)).to.deep.equal(expected);
    expect(faulty.writes).to.be.at.most(bound);
  });
});
