import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Etcd3 } from 'etcd3';
import { pino } from 'pino';
import { Controller } from '../../operator/controller.ts';
import { KubernetesApi } from '../../operator/kubernetes/api.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resources } from '../../operator/kubernetes/resources.ts';
import { realClock } from '../../operator/real-clock.ts';
import type { Condition, SipCluster } from '../../operator/sip-cluster.ts';
import { encodeHealth, encodeProxy } from '../../proxy/store/codec.ts';
import { healthKey, ownerKey, prefix, proxyKey } from '../../proxy/store/keys.ts';
import { eventually } from '../peers/deadline.ts';
import { Etcd } from '../peers/etcd.ts';
import { Authority } from '../proxy/transport/certificates.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

const run = promisify(execFile);
const sipcluster = fileURLToPath(new URL('../../operator/bin/sipcluster.js', import.meta.url));

interface Change {
  readonly listeners?: readonly object[];
  readonly host?: string;
  readonly authSecretName?: string;
  readonly exposure?: 'PodNetwork' | 'HostNetwork';
}

/**
 * What the API server takes, and nothing can honour: a condition says it, names field and object, and what was made before
 * stays. What a kubelet, a scheduler and proxies would say is written here in their words.
 */
describe('a SipCluster that can not be honoured', function () {
  this.timeout(120_000);
  let plane: ControlPlane;
  let server: ApiServer;
  let etcd: Etcd;
  let api: KubernetesApi;
  let controller: Controller;
  let namespace: string;
  /** Uids of the pods, and generations of the Deployments, before it was changed. */
  let stood: readonly string[];

  before(async function () {
    const binaries = controlPlaneDirectory();
    if (binaries === undefined) {
      console.error('      skipped: no kube-apiserver in $KUBEBUILDER_ASSETS or the cache');
      return this.skip();
    }
    [plane, etcd] = await Promise.all([ControlPlane.start(binaries), Etcd.start()]);
    server = new ApiServer(plane);
    await server.installCrd();
    if (!plane.startControllers()) this.skip();
  });
  after(async () => {
    server?.api.close();
    await plane?.stop();
    await etcd?.stop();
  });

  beforeEach(async () => {
    namespace = await server.namespace();
    api = new KubernetesApi(plane.config(), { mayWrite: () => true });
    controller = new Controller({
      api,
      clock: realClock,
      wall: Date.now,
      uid: 'cluster-1',
      log: pino({ level: 'silent' }),
      instance: 'test',
      namespaces: [namespace],
      image: 'registry.example/sipcluster:test',
      etcdImage: 'registry.example/etcd:test',
    });
    controller.start();
    await apply({});
    await eventually(30_000, 'two DNs have pods', async () => (await list('Pod')).length === 4);
    stood = await standing();
  });
  afterEach(async () => {
    await controller.close();
    api.close();
  });

  /** Two DNs, of which the first is changed. */
  async function apply({ listeners, host, authSecretName, exposure = 'PodNetwork' }: Change): Promise<void> {
    const dn = (name: string, changed: boolean) => ({
      name,
      fqdn: { srv: 'proxies.example.com' },
      proxies: [
        {
          geoLocation: 'dc1',
          exposure: { type: changed ? exposure : 'PodNetwork' },
          ...(changed && listeners && { listeners }),
        },
      ],
      sipServers: [
        { name: 'ss1', geoLocation: 'dc1', primary: { host: changed ? (host ?? '10.0.1.11') : '10.0.1.11' } },
      ],
    });
    const store = { endpoints: [etcd.endpoint], ...(authSecretName !== undefined && { authSecretName }) };
    await server.api.apply(
      {
        apiVersion: 'sipcluster.io/v1alpha1',
        kind: 'SipCluster',
        metadata: { name: 'cc', namespace },
        spec: {
          geoLocations: [{ name: 'dc1', etcd: store }],
          switches: [{ name: 'sw', clusterDNs: [dn('dn1', true), dn('dn2', false)] }],
        },
      },
      'test',
    );
  }
  const list = async (kind: 'Pod' | 'Deployment'): Promise<readonly KubernetesObject[]> =>
    (await server.api.source(resources[kind], namespace).list(undefined, AbortSignal.timeout(5000))).items;
  /** What must go on: the pods, and the objects of the DN that was not changed. */
  async function standing(): Promise<readonly string[]> {
    const pods = (await list('Pod')).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    const other = (await list('Deployment')).filter(({ metadata }) => metadata.name === 'cc-sw-dn2-dc1');
    return [...pods, ...other].map(({ metadata }) => `${metadata.name} ${metadata.uid}`).toSorted();
  }
  async function secret(name: string, stringData: Readonly<Record<string, string>>): Promise<void> {
    await server.api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData });
  }
  async function says(type: string, status: Condition['status'], reason: string, ...named: readonly string[]) {
    let said = '';
    await eventually(40_000, `${type} is ${status}, ${reason}`, async () => {
      const resource = (await server.api.read(resources.SipCluster, namespace, 'cc')) as SipCluster | undefined;
      const found = resource?.status?.conditions?.find((condition) => condition.type === type);
      said = `${found?.status} ${found?.reason}: ${found?.message}`;
      return found?.status === status && found.reason === reason && named.every((text) => said.includes(text));
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it says ${said}`, { cause: error });
    });
    // Later, too, nothing of what was there has gone.
    const now = await standing();
    expect(stood.filter((one) => !now.includes(one))).to.deep.equal([]);
  }
  /** As the kubelet or the scheduler says it of a pod. */
  async function podSays({ metadata: { name } }: KubernetesObject, status: object): Promise<void> {
    const metadata = { name, namespace };
    await server.api.apply({ apiVersion: 'v1', kind: 'Pod', metadata, status }, 'node', '/status');
  }
  const newest = async (): Promise<KubernetesObject> => {
    let found: KubernetesObject | undefined;
    await eventually(30_000, 'a pod of the new template', async () => {
      found = (await list('Pod')).find(({ metadata }) => !stood.includes(`${metadata.name} ${metadata.uid}`));
      return found !== undefined;
    });
    return found as KubernetesObject;
  };
  const dn1 = 'spec.switches[sw].clusterDNs[dn1]';

  it('names a Secret that is missing, and makes no pod that waits for it', async () => {
    await apply({ listeners: [{ transport: 'TLS', port: 5061, tlsSecretName: 'sip-tls' }] });
    const field = `${dn1}.proxies[dc1].listeners[TLS 5061].tlsSecretName`;
    await says('ConfigurationValid', 'False', 'SecretMissing', field, 'the Secret sip-tls');
    expect(await standing()).to.deep.equal(stood);
  });

  it('names the listener whose key is not its certificate’s, in the words of a real proxy', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sipcluster-'));
    try {
      const authority = await Authority.make();
      const [{ cert }, { key }] = [await authority.issue({}), await authority.issue({})];
      const files = { 'tls.crt': cert, 'tls.key': key };
      await secret('sip-tls', files);
      await apply({ listeners: [{ transport: 'TLS', port: 5061, tlsSecretName: 'sip-tls' }] });
      const pod = await newest();
      const configuration = await server.api.read(resources.ConfigMap, namespace, 'cc-sw-dn1-dc1');
      const [text = ''] = Object.values((configuration?.['data'] ?? {}) as Record<string, string>);
      mkdirSync(join(folder, 'secrets', 'sip-tls'), { recursive: true });
      for (const [name, content] of Object.entries(files))
        writeFileSync(join(folder, 'secrets/sip-tls', name), content);
      mkdirSync(join(folder, 'secrets', 'cc-admin'));
      writeFileSync(join(folder, 'secrets/cc-admin/token'), 'token');
      writeFileSync(join(folder, 'proxy.yaml'), text);
      const env = {
        ...process.env,
        POD_NAME: pod.metadata.name,
        POD_IP: '127.0.0.1',
        SECRETS: join(folder, 'secrets'),
      };
      const said = await run(process.execPath, [sipcluster, 'proxy', '--config', join(folder, 'proxy.yaml')], {
        env,
      }).then(
        () => expect.fail('the proxy started'),
        ({ stdout }: { stdout: string }) => stdout,
      );
      await podSays(pod, {
        containerStatuses: [
          {
            ...{ name: 'proxy', image: 'i', imageID: '', ready: false, restartCount: 2 },
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 20s' } },
            lastState: { terminated: { exitCode: 1, reason: 'Error', message: said } },
          },
        ],
      });
      const field = `${dn1}.proxies[dc1].listeners[TLS 5061].tlsSecretName`;
      await says(
        'Ready',
        'False',
        'CertificateRefused',
        field,
        pod.metadata.name,
        'sip-tls/tls.key: it is not the key of',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names the Secret whose user etcd refuses', async () => {
    const guarded = await Etcd.start();
    const client = new Etcd3({ hosts: [guarded.endpoint] });
    try {
      const root = await client.role('root').create();
      await (await client.user('root').create('right')).addRole(root);
      await client.auth.authEnable();
      await secret('etcd-user', { username: 'root', password: 'wrong' });
      const open = etcd;
      etcd = guarded;
      try {
        await apply({ authSecretName: 'etcd-user' });
      } finally {
        etcd = open;
      }
      await says(
        'StoreAvailable',
        'False',
        'Unauthenticated',
        'spec.geoLocations[dc1].etcd.authSecretName',
        'etcd-user',
      );
    } finally {
      client.close();
      await guarded.stop();
    }
  });

  it('names the host that DNS gives no address for', async () => {
    await apply({ host: 'ss1.nowhere.example' });
    const client = new Etcd3({ hosts: [etcd.endpoint] });
    const range = prefix(namespace, 'cc', 'sw', 'dn1');
    const now = Date.now();
    const [address, reason] = ['ss1.nowhere.example:5060', 'NameNotResolved'];
    const member = { role: 'primary', address, state: 'Down', reason, since: now } as const;
    await client.put(range + proxyKey('p-1')).value(
      encodeProxy({
        ...{ name: 'p-1', geoLocation: 'dc1', state: 'Ready', boot: 'b', addresses: [], admin: '', keys: [] },
        configuration: { hash: 'h' },
        counts: { registrations: 0, calls: 0 },
      }),
    );
    const pairs = [{ name: 'ss1', active: 'none', since: now, members: [member] }] as const;
    await client
      .put(range + healthKey('p-1'))
      .value(encodeHealth({ proxy: 'p-1', geoLocation: 'dc1', at: now, pairs }));
    client.close();
    await says('ServersAvailable', 'False', 'HostNotResolved', `${dn1}.sipServers[ss1].primary.host`);
  });

  it('names the data centre that a SipCluster of this name runs in another Kubernetes cluster, and changes nothing', async () => {
    const client = new Etcd3({ hosts: [etcd.endpoint] });
    // A second of this namespace and name, and so of this prefix, can only be in another Kubernetes cluster.
    const key = prefix(namespace, 'cc', 'sw', 'dn3') + ownerKey('dc1');
    await client.put(key).value('{"v":1,"uid":"cluster-2"}');
    await server.api.patch(
      resources.SipCluster,
      namespace,
      'cc',
      { spec: { switches: [{ name: 'sw', clusterDNs: [thirdDn()] }] } },
      'test',
    );
    await says('ConfigurationValid', 'False', 'GeoLocationConflict', 'spec.geoLocations[dc1]', 'cluster-2');
    expect(await standing()).to.deep.equal(stood);
    client.close();
  });

  it('names the listeners of HostNetwork whose ports are taken on every node', async () => {
    await apply({ exposure: 'HostNetwork' });
    const pod = await newest();
    const message = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.";
    await podSays(pod, { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] });
    await eventually(40_000, 'PortsTaken', async () => {
      const resource = (await server.api.read(resources.SipCluster, namespace, 'cc')) as SipCluster | undefined;
      const ready = resource?.status?.conditions?.find(({ type }) => type === 'Ready');
      return ready?.reason === 'PortsTaken' && ready.message.includes(`${dn1}.proxies[dc1].listeners`);
    });
    // One of its two makes room, as maxSurge 0 has it; the other, and the other DN, stay.
    const now = await standing();
    expect(stood.filter((one) => !now.includes(one))).to.have.length.at.most(1);
  });

  function thirdDn(): object {
    return {
      name: 'dn3',
      fqdn: { srv: 'proxies.example.com' },
      proxies: [{ geoLocation: 'dc1', exposure: { type: 'PodNetwork' } }],
      sipServers: [{ name: 'ss1', geoLocation: 'dc1', primary: { host: '10.0.1.11' } }],
    };
  }
});
