import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { stringify } from 'yaml';
import type { KubernetesObject } from '../../../../operator/kubernetes/object.ts';
import type { Facts } from '../../../../operator/plan/facts.ts';
import { plan } from '../../../../operator/plan/plan.ts';
import { renderKubernetes } from '../../../../operator/render/kubernetes/objects.ts';
import type { SipCluster } from '../../../../operator/sip-cluster.ts';
import { placeOf, resource } from '../../resources.ts';

function rendered(
  cluster: SipCluster,
  facts: Facts = {},
  addresses: ReadonlyMap<string, readonly string[]> = new Map(),
): KubernetesObject[] {
  return renderKubernetes(plan(cluster, facts), placeOf(cluster), addresses);
}

/** The first Deployment, typed as far as the tests read it. */
function deployment(objects: readonly KubernetesObject[]): Workload {
  const found = objects.find(({ kind }) => kind === 'Deployment');
  if (found === undefined) throw new Error('there is no Deployment');
  return found as KubernetesObject & Workload;
}

interface Workload {
  spec: {
    replicas: number;
    minReadySeconds: number;
    progressDeadlineSeconds: number;
    strategy: { rollingUpdate: { maxSurge: number; maxUnavailable: number } };
    template: { metadata: { labels: Record<string, string> }; spec: PodSpec };
    volumeClaimTemplates: { spec: { resources: { requests: { storage: string } } } }[];
  };
}
interface PodSpec {
  terminationGracePeriodSeconds: number;
  hostNetwork?: boolean;
  automountServiceAccountToken: boolean;
  securityContext: { runAsUser: number; runAsNonRoot?: boolean; sysctls?: { name: string }[] };
  containers: [
    {
      args: string[];
      env: { name: string; valueFrom?: { fieldRef: { fieldPath: string } } }[];
      securityContext: { capabilities: { drop: string[]; add?: string[] } };
    },
  ];
  volumes: { name: string; secret?: { secretName: string; optional?: boolean } }[];
  affinity: { nodeAffinity?: unknown; podAntiAffinity: Record<string, unknown[]> };
}
interface Service {
  spec: {
    type?: string;
    clusterIP?: string;
    ports: { name: string; port: number; protocol: string }[];
    externalTrafficPolicy?: string;
  };
}

const loadBalancer: [string, string] = [
  'exposure: { type: HostNetwork }\n              advertise: { from: NodeExternalIP }',
  'exposure: { type: LoadBalancer, service: { mixedProtocols: false, loadBalancerClass: example.com/nlb, annotations: { example.com/scheme: internal } }, ipFamilies: [IPv4, IPv6] }',
];

const advertised = new Map(plan(resource('design')).shards.map(({ name }) => [name, ['198.51.100.7', '2001:db8::7']]));
const golden: readonly [string, SipCluster, Facts, ReadonlyMap<string, readonly string[]>][] = [
  ['minimal', resource('minimal'), {}, new Map()],
  ['design', resource('design'), {}, advertised],
  ['design-dc2-only', resource('design'), { geoLocations: ['dc2'] }, new Map()],
  ['design-load-balancer', resource('design', loadBalancer), { geoLocations: ['dc1'] }, new Map()],
];

describe('renderKubernetes', () => {
  for (const [file, cluster, facts, known] of golden) {
    it(`makes what golden/${file}.yaml says`, () => {
      const url = new URL(`golden/${file}.yaml`, import.meta.url);
      const options = { lineWidth: 120, aliasDuplicateObjects: false, singleQuote: true };
      const text = rendered(cluster, facts, known)
        .map((object) => stringify(object, options))
        .join('---\n');
      if (process.env['UPDATE_GOLDEN'] !== undefined) {
        mkdirSync(new URL('.', url), { recursive: true });
        writeFileSync(url, text);
      }
      expect(text).to.equal(readFileSync(url, 'utf8'));
    });
  }

  it('gives every object our label and the owner, and no two one name', () => {
    const objects = rendered(resource('design'));
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(new Set(names).size).to.equal(names.length);
    for (const { metadata } of objects) {
      expect(metadata.labels).to.include({
        'app.kubernetes.io/managed-by': 'sipcluster',
        'sipcluster.io/cluster': 'contact-center',
      });
      expect(metadata.ownerReferences?.[0]?.uid).to.equal('d0f3a6ba-0001');
    }
  });

  it('counts a new pod only when the old one must be gone, whose drain has its time', () => {
    const { spec } = deployment(rendered(resource('design')));
    const { terminationGracePeriodSeconds: grace } = spec.template.spec;
    expect(grace).to.be.greaterThan(180);
    expect(spec.minReadySeconds).to.equal(grace);
    expect(spec.progressDeadlineSeconds).to.be.greaterThan(grace);
  });

  it('rolls in place with HostNetwork, and beside with any other exposure', () => {
    const [onHost] = rendered(resource('design')).filter(({ kind }) => kind === 'Deployment') as (KubernetesObject &
      Workload)[];
    expect(onHost?.spec.strategy.rollingUpdate).to.deep.equal({ maxSurge: 0, maxUnavailable: 1 });
    const balanced = deployment(rendered(resource('design', loadBalancer)));
    expect(balanced.spec.strategy.rollingUpdate).to.deep.equal({ maxSurge: 1, maxUnavailable: 0 });
  });

  it('changes no pod template when a weight or the oos-check changes', () => {
    const before = deployment(rendered(resource('design')));
    const after = deployment(rendered(resource('design', ['interval: 5s', 'interval: 1s'])));
    expect(after).to.deep.equal(before);
    const configMaps = (cluster: SipCluster) => rendered(cluster).filter(({ kind }) => kind === 'ConfigMap');
    expect(configMaps(resource('design', ['interval: 5s', 'interval: 1s']))).not.to.deep.equal(
      configMaps(resource('design')),
    );
  });

  it('changes the pod template when a listener changes', () => {
    const before = deployment(rendered(resource('design')));
    const after = deployment(rendered(resource('design', ['port: 8443', 'port: 8444'])));
    expect(after.spec.template).not.to.deep.equal(before.spec.template);
  });

  it('keeps the proxies of a shard on different nodes, beside the affinity that the user gave', () => {
    const { affinity } = deployment(rendered(resource('design'))).spec.template.spec;
    expect(affinity.nodeAffinity).to.be.an('object');
    expect(affinity.podAntiAffinity['requiredDuringSchedulingIgnoredDuringExecution']).to.have.length(1);
  });

  it('runs without rights; as uid 0 with NET_BIND_SERVICE alone where a port below 1024 is bound on the host', () => {
    const usual = deployment(rendered(resource('design'))).spec.template.spec;
    expect(usual.automountServiceAccountToken).to.equal(false);
    expect(usual.securityContext).to.include({ runAsNonRoot: true, runAsUser: 65532 });
    expect(usual.containers[0].securityContext.capabilities).to.deep.equal({ drop: ['ALL'] });
    const low = deployment(rendered(resource('design', ['port: 8443', 'port: 443']))).spec.template.spec;
    expect(low.securityContext.runAsUser).to.equal(0);
    expect(low.containers[0].securityContext.capabilities).to.deep.equal({ drop: ['ALL'], add: ['NET_BIND_SERVICE'] });
  });

  it('opens ports below 1024 by a sysctl in a network of the pod', () => {
    const cluster = resource('design', loadBalancer, ['port: 8443', 'port: 443']);
    const pod = deployment(rendered(cluster)).spec.template.spec;
    expect(pod.securityContext.sysctls).to.deep.equal([{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }]);
    expect(pod.securityContext.runAsNonRoot).to.equal(true);
  });

  it('starts a proxy without the Secret of another data centre’s etcd, but not without that of its own', () => {
    const { volumes } = deployment(rendered(resource('design'))).spec.template.spec;
    const optional = Object.fromEntries(
      volumes.flatMap(({ secret }) => (secret === undefined ? [] : [[secret.secretName, secret.optional ?? false]])),
    );
    expect(optional).to.include({
      'etcd-dc1': false,
      'etcd-dc1-user': false,
      'etcd-dc2': true,
      'etcd-dc2-user': true,
      'sip-tls': false,
    });
  });

  it('gives in-cluster clients the SRV names of RFC 3263', () => {
    const objects = rendered(resource('design'));
    const services = objects.filter((object): object is KubernetesObject & Service => object.kind === 'Service');
    const udp = services.find(({ metadata }) => metadata.name.endsWith('-udp'));
    const tcp = services.find(({ metadata }) => metadata.name.endsWith('-tcp'));
    expect(udp?.spec.clusterIP).to.equal('None');
    expect(udp?.spec.ports.map(({ name, port }) => [name, port])).to.deep.equal([['sip', 5060]]);
    expect(tcp?.spec.ports.map(({ name, port }) => [name, port])).to.deep.equal([
      ['sip', 5060],
      ['sips', 5061],
      ['wss', 8443],
    ]);
  });

  it('makes one load balancer a protocol where they can’t be mixed, which keeps source addresses', () => {
    const objects = rendered(resource('design', loadBalancer));
    const balanced = objects.filter(
      (object): object is KubernetesObject & Service =>
        (object as KubernetesObject & Service).kind === 'Service' &&
        (object as KubernetesObject & Service).spec.type === 'LoadBalancer',
    );
    expect(balanced.map(({ spec }) => new Set(spec.ports.map(({ protocol }) => protocol)).size)).to.deep.equal([1, 1]);
    expect(balanced.every(({ spec }) => spec.externalTrafficPolicy === 'Local')).to.equal(true);
  });

  it('runs etcd only in the data centres that this operator covers', () => {
    expect(
      rendered(resource('design'), { geoLocations: ['dc1'] }).filter(({ kind }) => kind === 'StatefulSet'),
    ).to.have.length(0);
    expect(
      rendered(resource('design'), { geoLocations: ['dc2'] }).filter(({ kind }) => kind === 'StatefulSet'),
    ).to.have.length(1);
  });
});
