import { expect } from 'chai';
import { pino } from 'pino';
import { Controller } from '../../operator/controller.ts';
import { KubernetesApi } from '../../operator/kubernetes/api.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resources } from '../../operator/kubernetes/resources.ts';
import { realClock } from '../../operator/real-clock.ts';
import type { SipClusterStatus } from '../../operator/sip-cluster.ts';
import { Etcd } from '../peers/etcd.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

/** A data centre with a Kubernetes cluster and an etcd of its own, and an operator that is told so. */
interface Site {
  readonly name: 'dc1' | 'dc2';
  readonly plane: ControlPlane;
  readonly server: ApiServer;
  readonly api: KubernetesApi;
  readonly controller: Controller;
  readonly namespace: string;
}

describe('one manifest in two Kubernetes clusters, an operator a data centre', function () {
  this.timeout(180_000);
  const sites: Site[] = [];
  const etcds: Etcd[] = [];

  before(async function () {
    const binaries = controlPlaneDirectory();
    if (binaries === undefined) {
      console.error('      skipped: no kube-apiserver in $KUBEBUILDER_ASSETS or the cache');
      return this.skip();
    }
    for (const name of ['dc1', 'dc2'] as const) {
      etcds.push(await Etcd.start());
      sites.push(await site(name, binaries));
    }
  });
  after(async () => {
    for (const { plane, server, api, controller } of sites) {
      await controller.close();
      api.close();
      server.api.close();
      await plane.stop();
    }
    await Promise.all(etcds.map((etcd) => etcd.stop()));
  });

  async function site(name: Site['name'], binaries: string): Promise<Site> {
    const plane = await ControlPlane.start(binaries);
    const server = new ApiServer(plane);
    await server.installCrd();
    const namespace = await server.namespace();
    const api = new KubernetesApi(plane.config(), { mayWrite: () => true });
    const controller = new Controller({
      api,
      clock: realClock,
      wall: Date.now,
      uid: `cluster of ${name}`,
      log: pino({ level: 'silent' }),
      instance: name,
      geoLocations: [name],
      image: 'registry.example/sipcluster:test',
      etcdImage: 'registry.example/etcd:test',
    });
    controller.start();
    return { name, plane, server, api, controller, namespace };
  }

  /** The same for both, but for the namespace, which the harness numbers alike. */
  const manifest = (namespace: string, etcdOf: (index: number) => object): KubernetesObject => ({
    apiVersion: 'sipcluster.io/v1alpha1',
    kind: 'SipCluster',
    metadata: { name: 'cc', namespace },
    spec: {
      geoLocations: ['dc1', 'dc2'].map((name, index) => ({ name, etcd: etcdOf(index) })),
      switches: [
        {
          name: 'sw',
          clusterDNs: [
            {
              name: 'dn',
              fqdn: { srv: 'proxies.example.com' },
              proxies: ['dc1', 'dc2'].map((geoLocation) => ({ geoLocation, exposure: { type: 'PodNetwork' } })),
              sipServers: [{ name: 'ss1', geoLocation: 'dc1', primary: { host: '10.0.1.11' } }],
            },
          ],
        },
      ],
    },
  });

  async function names({ server, namespace }: Site, kind: 'Deployment' | 'StatefulSet'): Promise<string[]> {
    const source = server.api.source(resources[kind], namespace);
    const { items } = await source.list(undefined, AbortSignal.timeout(10_000));
    return items.map(({ metadata }) => metadata.name);
  }
  async function status({ server, namespace }: Site): Promise<SipClusterStatus | undefined> {
    return (await server.api.read(resources.SipCluster, namespace, 'cc'))?.['status'] as SipClusterStatus | undefined;
  }
  const reason = async (each: Site, type: string): Promise<string | undefined> =>
    (await status(each))?.conditions?.find((condition) => condition.type === type)?.reason;
  async function until(what: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 60_000;
    while (!(await what())) {
      if (performance.now() > deadline) throw new Error(`not within 60 s: ${what.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  it('makes in each cluster what is of its data centre, and says which that is', async () => {
    for (const each of sites)
      await each.server.api.apply(
        manifest(each.namespace, (index) => ({ endpoints: [etcds[index]?.endpoint] })),
        'test',
      );
    for (const each of sites) {
      await until(async () => (await names(each, 'Deployment')).length > 0 && (await status(each)) !== undefined);
      expect(await names(each, 'Deployment')).to.deep.equal([`cc-sw-dn-${each.name}`]);
      expect(await names(each, 'StatefulSet')).to.deep.equal([]);
      expect((await status(each))?.geoLocations).to.deep.equal([each.name]);
    }
  });

  it('makes nothing of an etcd that the other cluster could not reach, and says what it takes', async () => {
    for (const each of sites)
      await each.server.api.apply(
        manifest(each.namespace, () => ({ managed: {} })),
        'test',
      );
    for (const each of sites) {
      await until(async () => (await reason(each, 'ConfigurationValid')) === 'EtcdNotReachableFromOtherClusters');
      expect(await names(each, 'StatefulSet')).to.deep.equal([]);
      // What runs goes on as it was.
      expect(await names(each, 'Deployment')).to.deep.equal([`cc-sw-dn-${each.name}`]);
    }
  });

  it('runs its own etcd once both can be reached, and only that', async () => {
    const managed = (index: number) => ({
      managed: { endpoints: [`https://etcd.dc${index + 1}.example:2379`] },
      tlsSecretName: `etcd-dc${index + 1}`,
    });
    for (const each of sites) {
      await each.server.api.remove(
        (await each.server.api.read(resources.SipCluster, each.namespace, 'cc')) as KubernetesObject,
      );
      await until(async () => (await each.server.api.read(resources.SipCluster, each.namespace, 'cc')) === undefined);
      await each.server.api.apply(manifest(each.namespace, managed), 'test');
    }
    for (const each of sites) {
      await until(async () => (await names(each, 'StatefulSet')).length > 0);
      expect(await names(each, 'StatefulSet')).to.deep.equal([`cc-etcd-${each.name}`]);
      // Neither Secret is there, and that of the own etcd is what counts.
      await until(async () => (await reason(each, 'StoreAvailable')) === 'SecretMissing');
    }
  });
});
