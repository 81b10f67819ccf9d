import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { notes, skipWithoutHelm, template } from './helm.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const of = (objects: readonly KubernetesObject[], kind: string) => objects.filter((object) => object.kind === kind);
const monitored = {
  serviceMonitor: { enabled: true },
  prometheusRule: { enabled: true },
  grafanaDashboard: { enabled: true },
};

interface OperatorDeployment {
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: { readonly containers: readonly { readonly image: string; readonly args: readonly string[] }[] };
    };
  };
}
function deploymentOf(objects: readonly KubernetesObject[]): OperatorDeployment['spec'] {
  const [deployment] = of(objects, 'Deployment');
  return (deployment as unknown as OperatorDeployment).spec;
}

describe('the charts', () => {
  it('install the same CustomResourceDefinition as crds/', () => {
    expect(read('charts/sipcluster-crds/files/sipcluster.yaml')).to.equal(read('crds/sipcluster.yaml'));
  });

  it('are of the program’s version', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    for (const chart of ['sipcluster', 'sipcluster-crds'])
      expect(parse(read(`charts/${chart}/Chart.yaml`))).to.include({ version, appVersion: version });
  });

  it('have values that their schema takes, and whose typing errors it refuses', () => {
    const judge = new Ajv2020({ allErrors: true }).compile(
      JSON.parse(read('charts/sipcluster/values.schema.json')) as object,
    );
    const values = parse(read('charts/sipcluster/values.yaml')) as Record<string, unknown>;
    expect(judge(values), JSON.stringify(judge.errors)).to.equal(true);
    expect(judge({ ...values, geoLocation: ['dc1'] })).to.equal(false);
    expect(judge({ ...values, replicas: 0 })).to.equal(false);
    expect(judge({ ...values, prometheusRule: { enable: true } })).to.equal(false);
  });

  it('grant nothing by a wildcard', () => {
    for (const text of [read('charts/sipcluster/files/rules.yaml'), read('charts/sipcluster/templates/rbac.yaml')])
      expect(text).not.to.match(/['"[ ]\*/);
  });

  describe('by helm', function () {
    this.timeout(20_000);
    before(function () {
      skipWithoutHelm(this);
    });

    it('keep the CustomResourceDefinition when the chart is uninstalled', async () => {
      const [crd] = await template('sipcluster-crds');
      const { metadata, ...rest } = parse(read('crds/sipcluster.yaml')) as KubernetesObject;
      expect(crd).to.deep.equal({
        ...rest,
        metadata: { ...metadata, annotations: { ...metadata.annotations, 'helm.sh/resource-policy': 'keep' } },
      });
    });

    it('run two operators, of which no node’s drain takes both', async () => {
      const objects = await template('sipcluster');
      expect(deploymentOf(objects).replicas).to.equal(2);
      expect(of(objects, 'PodDisruptionBudget')).to.have.length(1);
      expect(of(await template('sipcluster', { replicas: 1 }), 'PodDisruptionBudget')).to.have.length(0);
    });

    it('give proxies the operator’s own image unless told otherwise', async () => {
      const [container] = deploymentOf(
        await template('sipcluster', { image: { repository: 'r.example/sip', tag: '2' } }),
      ).template.spec.containers;
      expect(container?.image).to.equal('r.example/sip:2');
      expect(container?.args).to.include('--image=r.example/sip:2');
    });

    it('limit the operator to the data centres and namespaces that are named, and its rights with it', async () => {
      const everywhere = await template('sipcluster');
      const [all] = of(everywhere, 'ClusterRole');
      expect(JSON.stringify(all)).to.contain('sipclusters/status');
      expect(of(everywhere, 'Role').map(({ metadata }) => metadata.namespace)).to.deep.equal(['sipcluster-system']);

      const limited = await template('sipcluster', { geoLocations: ['dc1'], namespaces: ['voice', 'test'] });
      const [container] = deploymentOf(limited).template.spec.containers;
      expect(container?.args).to.include.members(['--geo-location=dc1', '--namespace=voice', '--namespace=test']);
      const [few] = of(limited, 'ClusterRole');
      expect(JSON.stringify(few)).not.to.contain('secrets').and.not.to.contain('sipclusters/status');
      for (const kind of ['Role', 'RoleBinding']) {
        const places = of(limited, kind).map(({ metadata }) => metadata.namespace);
        expect(places).to.have.members(['sipcluster-system', 'voice', 'test']);
      }
    });

    it('bind every role to the operator’s service account and to nobody else', async () => {
      const objects = await template('sipcluster', { namespaces: ['voice'], serviceAccount: { name: 'sip' } });
      const bindings = [...of(objects, 'RoleBinding'), ...of(objects, 'ClusterRoleBinding')];
      expect(bindings).to.have.length(3);
      for (const { subjects } of bindings as unknown as { subjects: unknown }[])
        expect(subjects).to.deep.equal([{ kind: 'ServiceAccount', name: 'sip', namespace: 'sipcluster-system' }]);
    });

    it('need nothing of Prometheus and Grafana unless it is asked for', async () => {
      const plain = await template('sipcluster');
      expect(plain.filter(({ apiVersion }) => apiVersion.startsWith('monitoring'))).to.deep.equal([]);
      const objects = await template('sipcluster', monitored);
      for (const kind of ['ServiceMonitor', 'PodMonitor', 'PrometheusRule'])
        expect(of(objects, kind)).to.have.length(1);
      const [dashboard] = of(objects, 'ConfigMap') as unknown as {
        data: Record<string, string>;
        metadata: { labels: object };
      }[];
      expect(dashboard?.metadata.labels).to.include({ grafana_dashboard: '1' });
      expect(JSON.parse(dashboard?.data['sipcluster.json'] ?? '')).to.include({ title: 'sipcluster' });
    });

    it('let the monitors find what they are for', async () => {
      const objects = await template('sipcluster', monitored);
      const [service] = of(objects, 'Service') as unknown as {
        metadata: { labels: Record<string, string> };
        spec: { selector: object };
      }[];
      const [monitor] = of(objects, 'ServiceMonitor') as unknown as { spec: { selector: { matchLabels: object } } }[];
      expect(service?.metadata.labels).to.include(monitor?.spec.selector.matchLabels ?? { none: '' });
      expect(deploymentOf(objects).template.metadata.labels).to.include(service?.spec.selector ?? { none: '' });
    });

    it('refuse a Kubernetes that is older than the oldest tested, and values that are wrong', async () => {
      const refusal = (promise: Promise<unknown>) =>
        promise.then(
          () => 'taken',
          (error: Error) => error.message,
        );
      expect(await refusal(template('sipcluster', {}, '--kube-version', '1.33.0'))).to.contain('kubeVersion');
      expect(await refusal(template('sipcluster', { namespaces: ['Not Valid'] }))).to.contain('/namespaces/0');
    });

    it('are what `kubectl apply -k deploy/` installs (`make deploy` writes it)', async () => {
      const documents = parseAllDocuments(read('deploy/operator.yaml'));
      expect(documents.map((document) => document.toJS() as unknown)).to.deep.equal(await template('sipcluster'));
    });

    it('tell the next command', async () => {
      const said = await notes({ namespaces: ['sip'] });
      expect(said).to.contain('kubectl apply -n sip -f').and.to.contain('kubectl wait -n sip --for=condition=Ready');
      expect(said).to.contain('helm upgrade --install sipcluster-crds');
    });
  });
});
