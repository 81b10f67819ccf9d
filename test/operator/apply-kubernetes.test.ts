import { expect } from 'chai';
import { applyObject, isOurs, orphans, type ApplyEdge } from '../../operator/apply-kubernetes.ts';
import type { FieldSet, KubernetesObject } from '../../operator/kubernetes/object.ts';

const uid = 'owner-1';

/** Our label and owner, as every object that we make has them. */
const meta = (name: string, geoLocation = 'dc1') => ({
  name,
  namespace: 'voice',
  labels: { 'app.kubernetes.io/managed-by': 'sipcluster', 'sipcluster.io/geo-location': geoLocation },
  ownerReferences: [{ apiVersion: 'sipcluster.io/v1alpha1', kind: 'SipCluster', name: 'c', uid }],
});
const metaFields: FieldSet = {
  'f:labels': { 'f:app.kubernetes.io/managed-by': {}, 'f:sipcluster.io/geo-location': {} },
  'f:ownerReferences': {
    [`k:{"uid":"${uid}"}`]: { '.': {}, 'f:apiVersion': {}, 'f:kind': {}, 'f:name': {}, 'f:uid': {} },
  },
};

const wanted: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: meta('d'),
  spec: {
    replicas: 2,
    selector: { matchLabels: { a: 'b' } },
    template: {
      spec: {
        containers: [{ name: 'proxy', image: 'i:1', resources: { requests: { cpu: '1000m' } }, args: ['proxy'] }],
      },
    },
  },
};
const fields: FieldSet = {
  'f:metadata': metaFields,
  'f:spec': {
    'f:replicas': {},
    'f:selector': {},
    'f:template': {
      'f:spec': {
        'f:containers': {
          'k:{"name":"proxy"}': {
            '.': {},
            'f:name': {},
            'f:image': {},
            'f:resources': { 'f:requests': { 'f:cpu': {} } },
            'f:args': {},
          },
        },
      },
    },
  },
};

/** As the API server keeps it: quantities in their shortest form, defaults filled in, and who set what. */
function live(
  change: (text: string) => string = (text) => text,
  ours: FieldSet = fields,
  others: Record<string, FieldSet> = {},
): KubernetesObject {
  const text = change(
    JSON.stringify(wanted).replace('1000m', '1').replace('"image"', '"imagePullPolicy":"Always","image"'),
  );
  const object = JSON.parse(text) as KubernetesObject;
  const theirs = Object.entries(others).map(([manager, fieldsV1]) => ({ manager, operation: 'Update', fieldsV1 }));
  const managedFields = [{ manager: 'sipcluster', operation: 'Apply', fieldsV1: ours }, ...theirs];
  return { ...object, metadata: { ...object.metadata, uid: 'd-1', managedFields } };
}

class Edge implements ApplyEdge {
  sent: string[] = [];
  exists: KubernetesObject | undefined;
  async read(): Promise<KubernetesObject | undefined> {
    return this.exists;
  }
  async apply(object: KubernetesObject): Promise<KubernetesObject> {
    this.sent.push(`apply ${object.metadata.name}`);
    return object;
  }
  async remove(object: KubernetesObject): Promise<void> {
    this.sent.push(`remove ${object.metadata.name}`);
  }
}

describe('applyObject', () => {
  let edge: Edge;
  beforeEach(() => (edge = new Edge()));

  it('sends nothing when nothing differs, whatever the form of a quantity and whatever others have set', async () => {
    const foreign = live((text) => text.replace('"replicas"', '"paused":true,"replicas"'), fields, {
      someone: { 'f:spec': { 'f:paused': {} } },
    });
    expect(await applyObject(wanted, foreign, uid, edge)).to.deep.equal({ result: 'Unchanged' });
    expect(edge.sent).to.deep.equal([]);
  });

  it('creates what is not there', async () => {
    expect(await applyObject(wanted, undefined, uid, edge)).to.deep.equal({ result: 'Created' });
    expect(edge.sent).to.deep.equal(['apply d']);
  });

  it('says which field changed', async () => {
    const changed = { ...wanted, spec: { ...(wanted['spec'] as object), replicas: 3 } };
    const outcome = await applyObject(changed, live(), uid, edge);
    expect(outcome).to.deep.equal({
      result: 'Updated',
      changed: [{ path: 'spec.replicas', managers: [] }],
      repaired: [],
    });
  });

  it('puts a foreign edit back, and names who made it', async () => {
    const { 'f:replicas': _, ...rest } = fields['f:spec'] as Record<string, FieldSet>;
    const edited = live(
      (text) => text.replace('"replicas":2', '"replicas":9'),
      { ...fields, 'f:spec': rest },
      { kubectl: { 'f:spec': { 'f:replicas': {} } } },
    );
    const outcome = await applyObject(wanted, edited, uid, edge);
    expect(outcome)
      .to.have.property('repaired')
      .that.deep.equals([{ path: 'spec.replicas', managers: ['kubectl'] }]);
    expect(edge.sent).to.deep.equal(['apply d']);
  });

  it('takes a field back that it names no more', async () => {
    const before = live((text) => text.replace('"replicas"', '"minReadySeconds":5,"replicas"'), {
      ...fields,
      'f:spec': { ...fields['f:spec'], 'f:minReadySeconds': {} },
    });
    const outcome = await applyObject(wanted, before, uid, edge);
    expect(outcome)
      .to.have.property('changed')
      .that.deep.equals([{ path: 'spec.minReadySeconds', managers: [] }]);
  });

  it('sees a change within what the API takes as a whole', async () => {
    for (const [from, to] of [
      ['["proxy"]', '["proxy","--x"]'],
      ['"a":"b"', '"a":"b","c":"d"'],
    ] as const) {
      expect(
        await applyObject(
          wanted,
          live((text) => text.replace(from, to)),
          uid,
          edge,
        ),
      ).to.include({ result: 'Updated' });
    }
  });

  it('sees an item of a list that is gone, and one that it names no more', async () => {
    const gone = live((text) => text.replace('"name":"proxy"', '"name":"other"'));
    expect(await applyObject(wanted, gone, uid, edge)).to.include({ result: 'Updated' });
    const container = { 'k:{"name":"old"}': { '.': {}, 'f:name': {} } };
    const more = JSON.parse(
      JSON.stringify(fields).replace(
        '"k:{\\"name\\":\\"proxy\\"}"',
        `${JSON.stringify(container).slice(1, -1)},"k:{\\"name\\":\\"proxy\\"}"`,
      ),
    ) as FieldSet;
    const outcome = await applyObject(wanted, live(undefined, more), uid, edge);
    expect(outcome)
      .to.have.property('changed')
      .that.deep.equals([{ path: 'spec.template.spec.containers[name=old]', managers: [] }]);
  });

  it('leaves an object of that name alone that is somebody else’s', async () => {
    edge.exists = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'voice' } };
    expect(await applyObject(wanted, undefined, uid, edge)).to.deep.equal({ result: 'NameConflict' });
    expect(await applyObject(wanted, live(), 'another-uid', edge)).to.deep.equal({ result: 'NameConflict' });
    expect(edge.sent).to.deep.equal([]);
  });
});

describe('orphans', () => {
  const object = (name: string, change: object = {}): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...meta(name), ...change },
  });

  it('are ours and wanted no more, and nothing else', () => {
    const list = [
      object('wanted'),
      object('orphan'),
      object('of-another-cluster', { ownerReferences: [] }),
      object('without-label', { labels: {} }),
      object('of-another-operator', meta('of-another-operator', 'dc2')),
      object('going', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ];
    expect(orphans(list, [object('wanted')], uid, ['dc1']).map(({ metadata }) => metadata.name)).to.deep.equal([
      'orphan',
    ]);
    expect(orphans(list, [object('wanted')], uid, undefined)).to.have.length(2);
    expect(list.filter((candidate) => isOurs(candidate, uid))).to.have.length(4);
  });

  it('are told apart by kind, too', () => {
    const service = { ...object('same'), kind: 'Service' };
    expect(orphans([object('same')], [service], uid, undefined)).to.have.length(1);
  });
});
