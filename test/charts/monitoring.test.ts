import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { expect } from 'chai';
import { parse } from 'yaml';
import { OperatorMetrics } from '../../operator/operator-admin.ts';
import { Metrics } from '../../proxy/metrics.ts';
import type { ProxyStatus } from '../../proxy/status.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../charts/sipcluster/${name}`, import.meta.url), 'utf8');

interface Group {
  readonly rules: readonly { readonly alert: string; readonly expr: string }[];
}
interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

const { groups } = parse(read('files/alerts.yaml')) as { groups: readonly Group[] };
const dashboard = JSON.parse(read('files/dashboard.json')) as Dashboard;
const alerts = groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => ({ what: alert, expr })));
const panels = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ what: title, expr })));

/** A proxy that shows a series of every kind. */
const status: ProxyStatus = {
  name: 'p0',
  geoLocation: 'dc1',
  state: 'Ready',
  boot: 'b',
  addresses: [],
  configuration: { hash: 'h' },
  counts: { registrations: 0, calls: 0, transactions: 0 },
  stores: [{ geoLocation: 'dc1', available: true, loaded: true, reason: '' }],
  pairs: [
    {
      name: 'ss1',
      active: 'primary',
      since: 0,
      members: [
        {
          role: 'primary',
          address: 'a',
          state: 'InService',
          reason: 'OptionsAnswered',
          since: 0,
          rtt: 1,
          smoothedRtt: 1,
        },
      ],
    },
  ],
  proxies: ['p0'],
  ready: { ok: true },
  counters: {},
};
/** What a scrape adds to each series: by Prometheus itself, and as the chart's monitors ask. */
const ofTheScrape = [
  'namespace',
  'job',
  'pod',
  'sipcluster_io_cluster',
  'sipcluster_io_dn',
  'sipcluster_io_geo_location',
];

describe('alerts and dashboard of the chart', () => {
  const shown = new Map<string, Set<string>>();

  before(async () => {
    const operator = new OperatorMetrics({
      depth: () => 0,
      leading: () => true,
      reported: () => 0,
      statusAge: () => 0,
    });
    operator.reconciled('failed', 1, 'Conflict');
    const texts = [await new Metrics(() => status).text(), await operator.registry.metrics()];
    for (const line of texts.join('\n').split('\n')) {
      const [, name, labels = ''] = /^([a-z_]+)(?:\{(.*)\})? /.exec(line) ?? [];
      if (name === undefined) continue;
      const known = shown.get(name) ?? new Set(ofTheScrape);
      for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label ?? '');
      shown.set(name, known);
    }
  });

  for (const { what, expr } of [...alerts, ...panels]) {
    it(`${what}: ${expr.replaceAll(/\s+/g, ' ').slice(0, 60)}… asks for metrics that are shown`, () => {
      const { metrics, labels } = namesIn(expr);
      expect(metrics).not.to.deep.equal([]);
      const unknown = metrics.filter((name) => !shown.has(name));
      expect(unknown).to.deep.equal([]);
      const known = new Set(metrics.flatMap((name) => [...(shown.get(name) ?? [])]));
      expect(labels.filter((label) => !known.has(label))).to.deep.equal([]);
    });
  }

  it('have an alert for whatever ends calls', () => {
    expect(alerts.map(({ what }) => what)).to.include.members([
      'SipServerPairOutOfService',
      'SipServerDualPrimary',
      'SipClusterStoreLost',
      'SipClusterProxiesBelowTwo',
      'SipClusterRegistrationsDropping',
    ]);
  });

  it('have panels that do not cover each other, and use only variables that are there', () => {
    const cells = new Set<string>();
    for (const { title, gridPos } of dashboard.panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(cells.has(`${x} ${y}`), title).to.equal(false);
          cells.add(`${x} ${y}`);
        }
    const variables = new Set([...dashboard.templating.list.map(({ name }) => name), '__rate_interval', '__all']);
    for (const [, name = ''] of JSON.stringify(dashboard).matchAll(/\$\{?(\w+)/g)) expect(variables).to.include(name);
  });

  it('notices an expression that is wrong', () => {
    expect(() => namesIn('max by (pair (sipcluster_ready)')).to.throw('is no PromQL');
    expect(namesIn('sum by (x) (rate(a_total{b="c"}[5m]))')).to.deep.equal({
      metrics: ['a_total'],
      labels: ['x', 'b'],
    });
  });
});

/** Metrics and labels that a PromQL expression names. Grafana's own interval stands for a duration. */
function namesIn(grafana: string): { metrics: string[]; labels: string[] } {
  const expr = grafana.replaceAll('$__rate_interval', '5m');
  const metrics = new Set<string>();
  const labels = new Set<string>();
  parser.parse(expr).iterate({
    enter: ({ type, from, to, node }) => {
      if (type.isError) throw new Error(`${expr} is no PromQL at ${from}`);
      const text = expr.slice(from, to);
      if (type.name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.add(text);
      if (type.name === 'LabelName') labels.add(text);
    },
  });
  return { metrics: [...metrics], labels: [...labels] };
}
