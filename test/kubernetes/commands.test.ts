import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resources } from '../../operator/kubernetes/resources.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

const program = fileURLToPath(new URL('../../operator/bin/sipcluster.js', import.meta.url));

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('commands on a real API server', function () {
  this.timeout(120_000);
  let plane: ControlPlane;
  let server: ApiServer;
  let namespace: string;
  let folder: string;
  let kubeconfig: string;

  before(async function () {
    const binaries = controlPlaneDirectory();
    if (binaries === undefined) {
      console.error('      skipped: no kube-apiserver in $KUBEBUILDER_ASSETS or the cache');
      return this.skip();
    }
    plane = await ControlPlane.start(binaries);
    server = new ApiServer(plane);
    folder = await mkdtemp(join(tmpdir(), 'sipcluster-commands-'));
    kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, plane.config().exportConfig());
    namespace = await server.namespace();
  });
  after(async () => {
    server?.api.close();
    await plane?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  function run(path: string, ...args: readonly string[]): Promise<Said> {
    return new Promise((resolve) => {
      const env = { ...process.env, KUBECONFIG: kubeconfig, COLUMNS: '200' };
      execFile(process.execPath, [path, ...args], { env, cwd: folder }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out, err }),
      );
    });
  }
  const sipcluster = (...args: readonly string[]) => run(program, ...args);

  /** A pod that nobody runs, as a Deployment would have made it. */
  async function pod(name: string, labels: Readonly<Record<string, string>>): Promise<KubernetesObject> {
    const ports = [{ name: 'admin', containerPort: 9060 }];
    return server.api.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: { containers: [{ name: 'proxy', image: 'i', ports }], automountServiceAccountToken: false },
    });
  }
  const proxyLabels = {
    'app.kubernetes.io/managed-by': 'sipcluster',
    'app.kubernetes.io/component': 'proxy',
    'sipcluster.io/cluster': 'cc',
    'sipcluster.io/switch': 'sw',
    'sipcluster.io/dn': 'dn',
    'sipcluster.io/geo-location': 'dc1',
  };

  it('say what to install where there is no SipCluster', async () => {
    const { code, err } = await sipcluster('status', '-n', namespace);
    expect(code).to.equal(1);
    expect(err).to.contain('install the chart sipcluster-crds');
  });

  it('say which contexts there are when the one named is none of them', async () => {
    const { code, err } = await sipcluster('status', '--context', 'nowhere');
    expect(code).to.equal(1);
    expect(err).to.equal('the kubeconfig has no context nowhere; it has loaded-context\n');
  });

  it('name Kubernetes as well where no `up` runs', async () => {
    expect((await sipcluster('status')).err).to.contain('For proxies on Kubernetes name a namespace by -n');
  });

  describe('with a SipCluster there', () => {
    before(async () => {
      await server.installCrd();
      const spec = {
        geoLocations: [{ name: 'dc1' }],
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
      const metadata = { name: 'cc', namespace };
      await server.api.apply({ apiVersion: 'sipcluster.io/v1alpha1', kind: 'SipCluster', metadata, spec }, 'test');
      // Without the controller that makes it, there is none.
      await server.api.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
      await pod('cc-sw-dn-dc1-a', proxyLabels);
    });

    it('show its proxies and servers, and why a proxy can’t be asked', async () => {
      const { code, out, err } = await sipcluster('status', '-n', namespace, '-o', 'json');
      expect(code, err).to.equal(0);
      const view = JSON.parse(out) as {
        clusters: { name: string }[];
        proxies: { name: string; state: string; why: string; geoLocation: string }[];
        switches: { dn: string; pairs: { name: string; state: string }[] }[];
      };
      expect(view.clusters.map(({ name }) => name)).to.deep.equal(['cc']);
      expect(view.proxies).to.have.length(1);
      expect(view.proxies[0]).to.include({ name: 'cc-sw-dn-dc1-a', state: 'Unreachable', geoLocation: 'dc1' });
      expect(view.proxies[0]?.why).to.contain('cc-sw-dn-dc1-a');
      expect(view.switches[0]?.pairs[0]).to.include({ name: 'ss1', state: 'Unknown' });
    });

    it('say of which proxy registrations can’t be had', async () => {
      const { code, out, err } = await sipcluster('registrations', '-n', namespace);
      expect(code).to.equal(0);
      expect(err).to.contain("cc-sw-dn-dc1-a can't be asked");
      expect(out).to.contain('Nobody is registered');
    });

    it('are the same as a plugin of kubectl, which needs no option to mean Kubernetes', async () => {
      const plugin = join(folder, 'kubectl-sipcluster');
      await symlink(program, plugin);
      const { out } = await run(plugin, '--help');
      expect(out).to.contain('kubectl sipcluster <command>');
      expect((await run(plugin, 'status')).err).to.equal('there is no SipCluster in the namespace default\n');
    });

    it('drain a proxy, and nothing else', async () => {
      await pod('other', {});
      expect((await sipcluster('drain', 'other', '-n', namespace)).err).to.contain('is no proxy of sipcluster');
      expect((await sipcluster('drain', 'none', '-n', namespace)).err).to.contain('there is no pod none');
      const { code, out, err } = await sipcluster('drain', 'cc-sw-dn-dc1-a', '-n', namespace);
      expect(code, err).to.equal(0);
      expect(out).to.match(/cc-sw-dn-dc1-a drains, for \d+ s at most.*\n.*is gone after \d+ s\n/);
      expect(await server.api.read(resources.Pod, namespace, 'cc-sw-dn-dc1-a')).to.equal(undefined);
      expect(await server.api.read(resources.Pod, namespace, 'other')).not.to.equal(undefined);
    });

    it('do not drain what its PodDisruptionBudget protects', async () => {
      const labels = { ...proxyLabels, protected: 'yes' };
      await server.api.apply(
        {
          apiVersion: 'policy/v1',
          kind: 'PodDisruptionBudget',
          metadata: { name: 'protected', namespace },
          spec: { maxUnavailable: 1, selector: { matchLabels: { protected: 'yes' } } },
        },
        'test',
      );
      const made = await pod('cc-sw-dn-dc1-b', labels);
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      const { apiVersion, kind } = made;
      const metadata = { name: made.metadata.name, namespace };
      await server.api.apply({ apiVersion, kind, metadata, status }, 'test', '/status');
      const { code, err } = await sipcluster('drain', 'cc-sw-dn-dc1-b', '-n', namespace);
      expect(code).to.equal(1);
      expect(err).to.contain("can't be drained now");
    });
  });
});
