import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('charts', () => {
  it('install the same CustomResourceDefinition as crds/', () => {
    expect(read('charts/sipcluster-crds/files/sipcluster.yaml')).to.equal(read('crds/sipcluster.yaml'));
  });

  it('are of the program’s version', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    for (const chart of ['sipcluster', 'sipcluster-crds']) {
      expect(parse(read(`charts/${chart}/Chart.yaml`))).to.include({ version, appVersion: version });
    }
  });

  it('have values that their schema takes, and whose typing errors it refuses', () => {
    const judge = new Ajv2020({ allErrors: true }).compile(
      JSON.parse(read('charts/sipcluster/values.schema.json')) as object,
    );
    const values = parse(read('charts/sipcluster/values.yaml')) as Record<string, unknown>;
    expect(judge(values), JSON.stringify(judge.errors)).to.equal(true);
    expect(judge({ ...values, geoLocation: ['dc1'] })).to.equal(false);
    expect(judge({ ...values, replicas: 0 })).to.equal(false);
  });

  it('grant nothing by a wildcard', () => {
    for (const text of [read('charts/sipcluster/files/rules.yaml'), read('charts/sipcluster/templates/rbac.yaml')])
      expect(text).not.to.match(/['"[ ]\*/);
  });
});
