import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { formatProblem, validateManifest } from '../../operator/validate.ts';

const manifests = new URL('../manifests/', import.meta.url);
const textOf = (path: string): string => readFileSync(new URL(path, manifests), 'utf8');
const yamlIn = (path: string): string[] =>
  readdirSync(new URL(path, manifests)).filter((name) => name.endsWith('.yaml'));
const minimal = textOf('minimal.yaml');

/** What is wrong with it, as it is printed. */
const judged = (text: string, severity = 'error'): string[] =>
  validateManifest(text, 'cluster.yaml')
    .problems.filter((problem) => problem.severity === severity)
    .map(formatProblem);

describe('sipcluster validate', () => {
  for (const name of yamlIn('.')) {
    it(`takes ${name}`, () => {
      const { resources } = validateManifest(textOf(name), name);
      expect(judged(textOf(name))).to.deep.equal([]);
      expect(resources).to.have.length(1);
    });
  }

  for (const name of yamlIn('invalid')) {
    const text = textOf(`invalid/${name}`);
    const expected = [...text.matchAll(/^# refused: (.*)$/gm)].map(([, problem]) => problem ?? '');
    it(`refuses ${name.replace('.yaml', '').replaceAll('-', ' ')}`, () => {
      const report = validateManifest(text, name);
      const errors = report.problems.filter(({ severity }) => severity === 'error');
      expect(report.resources).to.deep.equal([]);
      expect(errors).to.have.length(expected.length);
      for (const problem of expected) {
        expect(
          errors.some(({ path, message }) => `${path}: ${message}`.startsWith(problem)),
          problem,
        ).to.equal(true);
      }
    });
  }

  it('applies the defaults', () => {
    const dn = validateManifest(minimal, 'm').resources[0]?.spec.switches[0]?.clusterDNs[0];
    expect(dn?.oosCheck).to.deep.equal({ interval: '5s', recheck: '5s', timeout: '2s', inService: ['200-299'] });
    expect(dn?.proxies[0]).to.deep.equal({
      geoLocation: 'dc1',
      replicas: 2,
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TCP', port: 5060, side: 'Both' },
      ],
      exposure: { type: 'HostNetwork' },
      dnsEndpoint: false,
      template: {},
    });
    expect(dn?.sipServers[0]?.primary).to.deep.equal({ host: '10.0.1.11', transport: 'UDP' });
  });

  it('runs a managed etcd where none is named', () => {
    const geo = validateManifest(minimal, 'm').resources[0]?.spec.geoLocations[0];
    expect(geo?.etcd).to.deep.equal({ managed: { replicas: 3, storage: '8Gi' } });
  });

  it('takes a field that is empty for one that is absent', () => {
    const report = validateManifest(minimal.replace('          fqdn:', '          oosCheck:\n          fqdn:'), 'm');
    expect(report.resources[0]?.spec.switches[0]?.clusterDNs[0]?.oosCheck.interval).to.equal('5s');
  });

  it('prints file, line, field and what to do', () => {
    const text = minimal.replace('- geoLocation: dc1', '- geoLocation: dc1\n              replicas: 1');
    expect(judged(text)).to.deep.equal([
      'cluster.yaml:17: spec.switches[0].clusterDNs[0].proxies[0].replicas: must be at least 2, but is 1: ' +
        'How many, 2 to 100: with one alone every restart would be an outage. Default: 2.',
    ]);
  });

  it('finds the line in the second of two documents, through anchors and merge keys', () => {
    const second = minimal
      .replace('name: minimal', 'name: other')
      .replace(
        '- name: ss1',
        '- &ss { name: ss1, geoLocation: dc1, primary: { host: 10.0.1.11 } }\n            - <<: *ss\n              name: ss2\n              weight: -1\n            - name: ss3',
      );
    const [problem, ...rest] = judged(`${minimal}---\n${second}`);
    expect(rest).to.deep.equal([]);
    expect(problem).to.match(/^cluster\.yaml:43: .*sipServers\[1\]\.weight: must be at least 0, but is -1/);
  });

  it('names the line above a field that is missing', () => {
    expect(judged(minimal.replace('metadata:\n  name: minimal', 'metadata: {}'))).to.deep.equal([
      'cluster.yaml:4: metadata.name: is missing: lower case letters, digits, dashes and dots, as in a DNS name.',
    ]);
  });

  it('says in which line YAML ends to be YAML', () => {
    expect(judged(minimal.replace('switches:', 'switches: ['))[0]).to.match(
      /^cluster\.yaml:\d+: can't be read as YAML: /,
    );
  });

  it('refuses a field that is there twice', () => {
    expect(judged(minimal.replace('spec:\n', 'spec:\n  paused: true\n  paused: false\n'))[0]).to.match(
      /^cluster\.yaml:8: can't be read as YAML: Map keys must be unique/,
    );
  });

  it('skips documents of other kinds', () => {
    const report = validateManifest(
      `apiVersion: v1\nkind: Secret\nmetadata: { name: sip-tls, namespace: voice }\n---\n${minimal}`,
      'm',
    );
    expect(report.skipped).to.deep.equal([{ line: 1, what: 'Secret voice/sip-tls' }]);
    expect(report.resources).to.have.length(1);
  });

  it('wants a SipCluster in the file', () => {
    expect(judged('apiVersion: v1\nkind: Secret\n')).to.deep.equal([
      'cluster.yaml:1: there is no SipCluster (sipcluster.io/v1alpha1) in it, only Secret',
    ]);
    expect(judged('')).to.deep.equal([
      'cluster.yaml:1: there is no SipCluster (sipcluster.io/v1alpha1) in it: it is empty',
    ]);
  });

  it('knows a SipCluster whose apiVersion or kind is wrong', () => {
    expect(judged(minimal.replace('v1alpha1', 'v1'))).to.deep.equal([
      "cluster.yaml:2: apiVersion: is 'sipcluster.io/v1', but must be sipcluster.io/v1alpha1",
    ]);
    expect(judged(minimal.replace('kind: SipCluster', 'kind: SIPCluster'))).to.deep.equal([
      "cluster.yaml:3: kind: is 'SIPCluster', but must be SipCluster",
    ]);
  });

  it('refuses two of one name', () => {
    expect(judged(`${minimal}---\n${minimal}`)).to.deep.equal([
      'cluster.yaml:24: metadata.name: SipCluster minimal is in line 2 of this file already',
    ]);
  });

  it('reads JSON', () => {
    expect(judged(JSON.stringify(parse(minimal)))).to.deep.equal([]);
  });

  it('answers a value of any kind in any place, and never throws', () => {
    const spec: unknown = parse(minimal);
    const places = fieldsOf(spec);
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 2 }), (path, value) => {
        expect(validateManifest(stringify(withValue(spec, path, value)), 'm').problems).to.be.an('array');
      }),
      { numRuns: 300 },
    );
  });
});

describe('the warnings of sipcluster validate', () => {
  it('say that a UDP listener for both sides trusts source addresses', () => {
    const [warning, ...rest] = judged(minimal, 'warning');
    expect(rest).to.deep.equal([]);
    expect(warning).to.match(/^cluster\.yaml:16: warning: .*listeners\[0\]\.side: trusts UDP source addresses/);
  });

  const cases: readonly [string, string, string, RegExp][] = [
    [
      'calls that do not outlive their proxy',
      'fqdn: { srv: proxies.sip.example.com }',
      'fqdn: {}',
      /fqdn: .*will not outlive the proxy/,
    ],
    ['no domains', 'domains: [sip.example.com]', 'domains: []', /domains: no domains/],
    [
      'a pair in a geo-location without proxies',
      '    - name: dc1\n',
      '    - name: dc1\n    - name: dc2\n',
      /geoLocations\[1\]\.name: no proxies are in dc2/,
    ],
    [
      'an etcd without TLS',
      '    - name: dc1\n',
      "    - name: dc1\n      etcd: { endpoints: ['http://etcd:2379'] }\n",
      /endpoints\[0\]: without TLS/,
    ],
    [
      'a longest registration below the shortest',
      'fqdn:',
      'registration: { maxExpires: 30s }\n          fqdn:',
      /maxExpires: 30s is below minExpires, 60s/,
    ],
    ['a drain that is cut short', 'fqdn:', 'drain: { limit: 10s }\n          fqdn:', /drain\.limit: 10s is below/],
    [
      'a range written backwards',
      'fqdn:',
      "oosCheck: { inService: ['299-200'] }\n          fqdn:",
      /inService\[0\]: is taken for 200-299/,
    ],
    [
      'pairs that share a member',
      '            - name: ss1',
      '            - { name: ss2, geoLocation: dc1, primary: { host: 10.0.2.11, port: 5060 } }\n            - name: ss1',
      /backup\.host: 10\.0\.2\.11:5060 is a member of ss2 as well/,
    ],
    [
      'servers that take no call',
      '              primary:',
      '              weight: 0\n              primary:',
      /proxies\[0\]\.geoLocation: every SIP Server in dc1 has weight 0/,
    ],
    [
      'TLS settings without TLS',
      '{ host: 10.0.1.11 }',
      '{ host: 10.0.1.11, tls: { name: a } }',
      /primary\.tls: has no effect with transport UDP/,
    ],
    [
      'a Secret without TLS',
      '- geoLocation: dc1',
      '- geoLocation: dc1\n              listeners: [{ transport: TCP, tlsSecretName: a }]',
      /tlsSecretName: has no effect with transport TCP/,
    ],
    [
      'a Service that is none',
      '- geoLocation: dc1',
      '- geoLocation: dc1\n              exposure: { service: {} }',
      /exposure\.service: has no effect with type HostNetwork/,
    ],
    [
      'SIP Servers behind the NAT of a Service',
      '- geoLocation: dc1',
      '- geoLocation: dc1\n              exposure: { type: NodePort }',
      /listeners\[0\]\.side: SIP Servers that send to what is advertised come through the NAT of a NodePort/,
    ],
  ];
  for (const [what, from, to, expected] of cases) {
    it(`tell of ${what}`, () => {
      expect(judged(minimal.replace(from, to))).to.deep.equal([]);
      expect(judged(minimal.replace(from, to), 'warning').filter((warning) => expected.test(warning))).to.have.length(
        1,
      );
    });
  }

  it('tell of phones that reach no SIP Server', () => {
    const text = textOf('demo.yaml').replaceAll('geoLocation: dc2, primary', 'geoLocation: dc1, primary');
    expect(judged(text, 'warning').join('\n')).to.match(/no SIP Server is in dc2 and remoteServers is Never/);
  });
});

type Path = readonly (string | number)[];

/** The paths of all fields of a value. */
function fieldsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const steps = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return [path, ...steps.flatMap(([step, item]) => fieldsOf(item, [...path, step]))].filter(({ length }) => length > 0);
}

/** A copy of a value with another one at a path. */
function withValue(value: unknown, [step, ...rest]: Path, put: unknown): unknown {
  if (step === undefined) return put;
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? withValue(item, rest, put) : item));
  const fields = value as Readonly<Record<string, unknown>>;
  return { ...fields, [step]: withValue(fields[step], rest, put) };
}
