import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { pino } from 'pino';
import { parse } from 'yaml';
import { checkCrd, clusterUid, leaseName } from '../../operator/commands/operator.ts';
import { Controller } from '../../operator/controller.ts';
import { KubernetesApi } from '../../operator/kubernetes/api.ts';
import { resources, type Resource } from '../../operator/kubernetes/resources.ts';
import { Leader } from '../../operator/leader.ts';
import { leaseEdge } from '../../operator/lease.ts';
import { realClock } from '../../operator/real-clock.ts';
import { skipWithoutHelm, template } from '../charts/helm.ts';
import { ApiServer } from './api-server.ts';
import { ControlPlane, controlPlaneDirectory } from './control-plane.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const rules = parse(
  readFileSync(new URL('../../charts/sipcluster/files/rules.yaml', import.meta.url), 'utf8'),
) as readonly Rule[];
const rbac = (kind: string, plural: string): Resource => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  plural,
  namespaced: !kind.startsWith('Cluster'),
});
const roles = {
  Role: rbac('Role', 'roles'),
  RoleBinding: rbac('RoleBinding', 'rolebindings'),
  ClusterRole: rbac('ClusterRole', 'clusterroles'),
  ClusterRoleBinding: rbac('ClusterRoleBinding', 'clusterrolebindings'),
};
const user = { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'operator' };
const rightsIn = (list: readonly Rule[]): string[] =>
  list.flatMap(({ resources: plurals, verbs }) =>
    plurals.flatMap((plural) => verbs.map((verb) => `${verb} ${plural}`)),
  );

describe('the rights that the chart gives to the operator', function () {
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
    if (!plane.startControllers()) this.skip();
  });
  after(async () => {
    server?.api.close();
    await plane?.stop();
  });

  it('are enough in its namespaces, and all of them are needed', async () => {
    const namespace = await server.namespace();
    const elsewhere = await server.namespace();
    const metadata = { name: 'operator', namespace };
    await server.api.apply(
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules },
      'test',
      '',
      roles.Role,
    );
    const binding = {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'operator' },
      subjects: [user],
    };
    await server.api.apply(
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata, ...binding },
      'test',
      '',
      roles.RoleBinding,
    );

    const used = new Set<string>();
    const forbidden: string[] = [];
    const api = new KubernetesApi(plane.config('operator'), {
      mayWrite: () => true,
      answered: (verb, what, status) => {
        if (status === 403) forbidden.push(`${verb} ${what}`);
        // Server-side apply of what may not exist needs both.
        for (const right of verb === 'apply' ? (what.includes('/') ? ['patch'] : ['patch', 'create']) : [verb])
          used.add(`${right} ${what}`);
      },
    });
    const controller = new Controller({
      api,
      clock: realClock,
      wall: Date.now,
      uid: 'cluster-1',
      log: pino({ level: 'silent' }),
      instance: 'test',
      namespaces: [namespace],
      image: 'i',
      etcdImage: 'e',
    });
    controller.start();
    try {
      const dn = (name: string) => ({
        name,
        fqdn: { srv: 'proxies.example.com' },
        proxies: [{ geoLocation: 'dc1', dnsEndpoint: true, exposure: { type: 'PodNetwork' } }],
        sipServers: [{ name: 'ss1', geoLocation: 'dc1', primary: { host: '10.0.1.11' } }],
      });
      const spec = (geos: readonly string[], dns: readonly string[]) => ({
        geoLocations: geos.map((name) => ({ name, etcd: { managed: {} } })),
        switches: [{ name: 'sw', clusterDNs: dns.map(dn) }],
      });
      const apply = (geos: readonly string[], dns: readonly string[]) =>
        server.api.apply(
          {
            apiVersion: 'sipcluster.io/v1alpha1',
            kind: 'SipCluster',
            metadata: { name: 'cc', namespace },
            spec: spec(geos, dns),
          },
          'test',
        );
      await apply(['dc1', 'dc2'], ['a', 'b']);
      await until(async () => used.has('patch pods'));
      // What somebody changes is put back each time, and told of in one Event.
      for (let times = 0; times < 2; times++) {
        const done = used.has('create events') ? 'patch events' : 'create events';
        const change = { spec: { replicas: 7 } };
        await server.api.patch(resources.Deployment, namespace, 'cc-sw-a-dc1', change, 'someone');
        await until(async () => used.has(done));
      }
      await apply(['dc1'], ['a']);
      await until(async () =>
        ['statefulsets', 'deployments', 'events'].every((what) =>
          used.has(`${what === 'events' ? 'create' : 'delete'} ${what}`),
        ),
      );

      const granted = rightsIn(rules);
      expect(forbidden).to.deep.equal([]);
      // external-dns is not installed here, and its kind is written only where it is.
      expect(granted.filter((right) => !used.has(right) && !right.endsWith(' dnsendpoints'))).to.deep.equal([]);
      expect([...used].filter((right) => !granted.includes(right))).to.deep.equal([]);

      const secrets = api.read(resources.Secret, elsewhere, 'any').then(
        () => 'read',
        (error: { status?: number }) => error.status,
      );
      expect(await secrets).to.equal(403);
    } finally {
      await controller.close();
      api.close();
    }
  });

  it('are, where there are no namespaces, what it starts with: its CRD, the cluster, nodes and the Lease', async function () {
    skipWithoutHelm(this);
    const namespace = await server.namespace();
    const chart = await template('sipcluster', { namespaces: [namespace] }, '--namespace', namespace);
    const given = chart.filter(({ kind, metadata }) => kind in roles && metadata.name !== 'sipcluster');
    for (const object of given) {
      const bound = object.kind.endsWith('Binding') ? { ...object, subjects: [user] } : object;
      await server.api.apply(bound, 'test', '', roles[object.kind as keyof typeof roles]);
    }

    const used = new Set<string>();
    const forbidden: string[] = [];
    const api = new KubernetesApi(plane.config('operator'), {
      mayWrite: () => true,
      answered: (verb, what, status) =>
        status === 403 ? forbidden.push(`${verb} ${what}`) : used.add(`${verb} ${what}`),
    });
    try {
      await checkCrd(api);
      await clusterUid(api);
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
      await server.api.apply(node, 'test', '', resources.Node);
      expect(await api.read(resources.Node, undefined, 'n1')).not.to.equal(undefined);
      const leader = new Leader({
        edge: leaseEdge(api, namespace, leaseName, Date.now),
        identity: 'a',
        clock: realClock,
        log: pino({ level: 'silent' }),
      });
      await leader.acquire(AbortSignal.timeout(20_000));
      expect(leader.leading).to.equal(true);
      await leader.release(AbortSignal.timeout(20_000));

      const granted = given.flatMap((object) => rightsIn((object['rules'] ?? []) as readonly Rule[]));
      expect(forbidden).to.deep.equal([]);
      expect([...used].toSorted()).to.deep.equal(granted.toSorted());
      const others = await api.read(resources.Lease, namespace, 'another').then(
        () => 'read',
        (error: { status?: number }) => error.status,
      );
      expect(others).to.equal(403);
    } finally {
      api.close();
    }
  });

  async function until(what: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!(await what())) {
      if (performance.now() > deadline) throw new Error(`not within 20 s: ${what.toString()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});
