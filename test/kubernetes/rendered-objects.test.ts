import { expect } from 'chai';
import { applyObject, type ApplyEdge } from '../../operator/apply-kubernetes.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resourceOf } from '../../operator/kubernetes/resources.ts';
import { plan } from '../../operator/plan/plan.ts';
import { renderKubernetes } from '../../operator/render/kubernetes/objects.ts';
import type { SipCluster } from '../../operator/sip-cluster.ts';
import { placeOf, resource } from '../operator/resources.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

const hostNetwork = 'exposure: { type: HostNetwork }\n              advertise: { from: NodeExternalIP }';
const manifests: readonly [string, readonly (readonly [string, string])[]][] = [
  ['minimal', []],
  ['design', []],
  ['design', [['storage: 8Gi', 'storage: 8Gi, storageClassName: fast']]],
  [
    'design',
    [
      [
        hostNetwork,
        'exposure: { type: LoadBalancer, service: { mixedProtocols: false, annotations: { a: b }, loadBalancerSourceRanges: [192.0.2.0/24] }, ipFamilies: [IPv4] }',
      ],
      ['port: 8443', 'port: 443'],
      ['cpu: 500m', 'cpu: 1000m'],
    ],
  ],
  [
    'design',
    [
      [hostNetwork, 'exposure: { type: NodePort }'],
      ['memory: 256Mi', 'memory: "268435456"'],
      ['cpu: 500m', 'cpu: "0.5"'],
    ],
  ],
];

describe('rendered objects on a real API server', function () {
  this.timeout(90_000);
  let plane: ControlPlane;
  let server: ApiServer;

  before(async function () {
    const binaries = controlPlaneDirectory();
    if (binaries === undefined) {
      console.error(
        '      skipped: no kube-apiserver in $KUBEBUILDER_ASSETS or the cache; test/tools/install-kube-apiserver.sh builds one',
      );
      this.skip();
    }
    plane = await ControlPlane.start(binaries);
    server = new ApiServer(plane);
    await server.installCrd();
  });
  after(async () => {
    server?.api.close();
    await plane?.stop();
  });

  for (const [name, changes] of manifests) {
    it(`are taken as they are, and found to be so afterwards: ${name} ${changes.map(([, to]) => to).join(', ')}`, async () => {
      const cluster = resource(name, ...changes);
      const namespace = await server.namespace();
      const here: SipCluster = { ...cluster, metadata: { ...cluster.metadata, namespace } };
      const edge: ApplyEdge = {
        read: (object) => server.api.read(resourceOf(object), namespace, object.metadata.name),
        apply: (object) => server.api.apply(object, 'sipcluster'),
        remove: (object) => server.api.remove(object),
      };
      const objects = renderKubernetes(plan(here), placeOf(here)).filter(({ kind }) => kind !== 'DNSEndpoint');
      const uid = here.metadata.uid ?? '';
      for (const object of objects)
        expect(await applyObject(object, undefined, uid, edge)).to.deep.equal({ result: 'Created' });
      const differing: unknown[] = [];
      for (const object of objects) {
        const live: KubernetesObject | undefined = await edge.read(object);
        const outcome = await applyObject(object, live, uid, { ...edge, apply: async (wanted) => wanted });
        if (outcome.result !== 'Unchanged')
          differing.push(`${object.kind} ${object.metadata.name}: ${JSON.stringify(outcome)}`);
      }
      expect(differing).to.deep.equal([]);
    });
  }

  it('are of one storage class for good: what a volume was made of can’t be changed', async () => {
    const namespace = await server.namespace();
    const apply = (managed: object) => {
      const { metadata, spec } = resource('minimal');
      const geoLocations = spec.geoLocations.map(({ name }) => ({ name, etcd: { managed } }));
      const cluster = {
        ...resource('minimal'),
        metadata: { name: metadata.name, namespace },
        spec: { ...spec, geoLocations },
      };
      return server.api.apply(cluster as unknown as KubernetesObject, 'test').then(
        () => 'taken',
        (error: unknown) => String(error),
      );
    };
    expect(await apply({ storageClassName: 'fast' })).to.equal('taken');
    for (const other of [{ storageClassName: 'slow' }, {}])
      expect(await apply(other)).to.contain("storageClassName of a managed etcd can't be changed");
    expect(await apply({ storageClassName: 'fast' })).to.equal('taken');
  });
});
