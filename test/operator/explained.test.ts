import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';

interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Field>>;
  readonly items?: Field;
}
interface Crd {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Field } }[] };
}

describe('kubectl explain sipcluster', () => {
  const crd = parse(readFileSync(new URL('../../crds/sipcluster.yaml', import.meta.url), 'utf8')) as Crd;
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema ?? {};
  const fields = ['spec', 'status'].flatMap((name) => below(name, schema.properties?.[name] ?? {}));

  it('says of every field what it is', () => {
    expect(fields.length).to.be.greaterThan(150);
    expect(fields.filter(([, { description = '' }]) => description.length < 5).map(([path]) => path)).to.deep.equal([]);
  });

  it('says the default of every value that has one', () => {
    const valued = fields.filter(([, field]) => field.default !== undefined && typeof field.default !== 'object');
    expect(valued.length).to.be.greaterThan(10);
    const unsaid = valued.filter(
      ([, field]) =>
        !(field.description ?? '').includes('Default: ') || !(field.description ?? '').includes(String(field.default)),
    );
    expect(unsaid.map(([path, field]) => `${path} ${String(field.default)}: ${field.description}`)).to.deep.equal([]);
  });
});

function below(path: string, field: Field): [string, Field][] {
  const inner = Object.entries({ ...field.properties, ...field.items?.properties });
  return [[path, field], ...inner.flatMap(([name, each]) => below(`${path}.${name}`, each))];
}
