import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { skipWithoutHelm, template } from '../charts/helm.ts';
import { findProgram } from '../tools/programs.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';
import { Kubectl } from './kubectl.ts';

interface WithPods {
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: object } };
}

describe('what the charts install, judged by a real API server', function () {
  this.timeout(120_000);
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let folder: string;

  before(async function () {
    skipWithoutHelm(this);
    const binaries = controlPlaneDirectory();
    const program = findProgram('kubectl');
    if (binaries === undefined || program === undefined) {
      console.error(
        '      skipped: no kube-apiserver or kubectl; `node test/tools/programs.ts kube-apiserver kubectl` builds them',
      );
      return this.skip();
    }
    plane = await ControlPlane.start(binaries);
    folder = mkdtempSync(join(tmpdir(), 'sipcluster-charts-'));
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, plane.config().exportConfig());
    kubectl = new Kubectl(program, kubeconfig);
    for (const name of ['sipcluster-system', 'voice']) {
      // What does not keep to `restricted` is refused there.
      const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
      await kubectl.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }]);
    }
  });
  after(async () => {
    await plane?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** The API server's schema, defaults and admission, with every unknown field an error; nothing is stored. */
  async function judge(objects: readonly KubernetesObject[]): Promise<void> {
    await kubectl.apply(objects, '--dry-run=server', '--validate=strict');
  }

  it('is taken as it is, with every option that needs nothing else installed', async () => {
    await judge(await template('sipcluster-crds'));
    await judge(await template('sipcluster', { grafanaDashboard: { enabled: true } }));
    await judge(await template('sipcluster', { namespaces: ['voice'], geoLocations: ['dc1'], podLabels: { a: 'b' } }));
  });

  it('has pods that keep to the Pod Security Standard `restricted`', async () => {
    const objects = await template('sipcluster');
    const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as WithPods;
    const { metadata, spec } = deployment.spec.template;
    const pod = (more: object) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name: 'operator', namespace: 'sipcluster-system' },
      // The account is of the chart, which is not installed.
      spec: { ...spec, serviceAccountName: undefined, automountServiceAccountToken: false, ...more },
    });
    await kubectl.apply([serviceAccount]);
    await judge([pod({})]);
    const refused = await judge([pod({ hostNetwork: true })]).then(
      () => 'taken',
      (error: Error) => error.message,
    );
    expect(refused).to.contain('violates PodSecurity "restricted');
  });

  it('is refused where a field is misspelt, so that the judge is one', async () => {
    const [first] = await template('sipcluster');
    const refused = await judge([{ ...first, sepc: {} } as unknown as KubernetesObject]).then(
      () => 'taken',
      (error: Error) => error.message,
    );
    expect(refused).to.contain('sepc');
  });
});

/** Without the controller that makes it, there is none. */
const serviceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'default', namespace: 'sipcluster-system' },
};
