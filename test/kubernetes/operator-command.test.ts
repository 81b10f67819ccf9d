import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isRecord } from '../../operator/kubernetes/object.ts';
import { resources } from '../../operator/kubernetes/resources.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

const program = `
  const { runOperator } = await import(${JSON.stringify(new URL('../../operator/commands/operator.ts', import.meta.url).href)});
  process.exit(await runOperator(JSON.parse(process.argv[1])));
`;

describe('the operator as a process on a real API server', function () {
  this.timeout(90_000);
  let plane: ControlPlane;
  let server: ApiServer;
  let directory: string;
  const running = new Set<ChildProcess>();

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
    directory = await mkdtemp(join(tmpdir(), 'sipcluster-operator-'));
    await writeFile(join(directory, 'kubeconfig'), plane.config().exportConfig());
  });
  after(async () => {
    for (const child of running) child.kill('SIGKILL');
    server?.api.close();
    await plane?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  function operator(namespace: string): { child: ChildProcess; said: () => string; ended: Promise<number | null> } {
    const args = { image: 'i', etcdImage: 'e', leaseNamespace: namespace, adminPort: 0, logLevel: 'info' };
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, JSON.stringify(args)], {
      env: { ...process.env, KUBECONFIG: join(directory, 'kubeconfig') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const ended = once(child, 'exit').then(([code]) => {
      running.delete(child);
      return code as number | null;
    });
    return { child, said: () => text, ended };
  }
  async function until(what: () => Promise<boolean> | boolean): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (!(await what())) {
      if (performance.now() > deadline) throw new Error(`not within 30 s: ${what.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const holder = async (namespace: string): Promise<string> => {
    const lease = await server.api.read(resources.Lease, namespace, 'sipcluster-operator');
    const held = isRecord(lease?.['spec']) ? lease['spec']['holderIdentity'] : undefined;
    return typeof held === 'string' ? held : '';
  };

  it('says what to run where the CustomResourceDefinition is missing', async () => {
    const namespace = await server.namespace();
    const { said, ended } = operator(namespace);
    expect(await ended).not.to.equal(0);
    expect(said()).to.contain('helm upgrade --install sipcluster-crds');
  });

  it('leads, makes what is wanted, and hands over at once when it is told to end', async () => {
    await server.installCrd();
    const namespace = await server.namespace();
    const first = operator(namespace);
    await until(async () => (await holder(namespace)) !== '');
    const one = await holder(namespace);
    const second = operator(namespace);
    await until(() => second.said().includes('waits for its lease'));
    const spec = {
      geoLocations: [{ name: 'dc1', etcd: { managed: { replicas: 1 } } }],
      switches: [
        {
          name: 'sw',
          clusterDNs: [
            {
              name: 'dn',
              proxies: [{ geoLocation: 'dc1' }],
              sipServers: [{ name: 'ss1', geoLocation: 'dc1', primary: { host: '10.0.1.11' } }],
            },
          ],
        },
      ],
    };
    await server.api.apply(
      { apiVersion: 'sipcluster.io/v1alpha1', kind: 'SipCluster', metadata: { name: 'cc', namespace }, spec },
      'test',
    );
    await until(async () => (await server.api.read(resources.StatefulSet, namespace, 'cc-etcd-dc1')) !== undefined);
    await until(async () => (await server.api.read(resources.Secret, namespace, 'cc-etcd-dc1-tls')) !== undefined);
    await until(async () => (await server.api.read(resources.Deployment, namespace, 'cc-sw-dn-dc1')) !== undefined);

    first.child.kill('SIGTERM');
    expect(await first.ended).to.equal(0);
    await until(async () => (await holder(namespace)) !== '' && (await holder(namespace)) !== one);
    const deployment = await server.api.read(resources.Deployment, namespace, 'cc-sw-dn-dc1');
    if (deployment === undefined) throw new Error('no Deployment');
    await server.api.remove(deployment);
    await until(
      async () =>
        (await server.api.read(resources.Deployment, namespace, 'cc-sw-dn-dc1'))?.metadata.uid !==
        deployment.metadata.uid,
    );
    second.child.kill('SIGTERM');
    expect(await second.ended).to.equal(0);
  });
});
