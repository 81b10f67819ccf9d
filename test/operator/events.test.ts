import { expect } from 'chai';
import { pino } from 'pino';
import { Events, type Happening } from '../../operator/events.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';

const cluster: KubernetesObject = {
  apiVersion: 'sipcluster.io/v1alpha1',
  kind: 'SipCluster',
  metadata: { name: 'cc', namespace: 'voice', uid: 'u1' },
};
const switched: Happening = { type: 'Normal', reason: 'PairSwitched', note: 'ss1: work goes to the backup' };
const minute = 60_000;
const at = Date.UTC(2026, 0, 1);

describe('Events', () => {
  let created: KubernetesObject[];
  let patched: { name: string; change: unknown }[];
  let events: Events;

  beforeEach(() => {
    created = [];
    patched = [];
    const edge = {
      create: async (event: KubernetesObject) => created.push(event),
      patch: async (_namespace: string, name: string, change: unknown) => patched.push({ name, change }),
    };
    events = new Events(edge, 'operator-1', pino({ level: 'silent' }));
  });

  it('say what happened to which object', () => {
    events.tell(cluster, switched, at);
    expect(created).to.have.length(1);
    expect(created[0]).to.deep.include({
      reason: 'PairSwitched',
      note: switched.note,
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: { apiVersion: cluster.apiVersion, kind: 'SipCluster', name: 'cc', namespace: 'voice', uid: 'u1' },
    });
  });

  it('are one with a count for what happens again and again, written once a minute at most', () => {
    for (let i = 0; i < 100; i++) events.tell(cluster, switched, at + i * 1000);
    expect(created).to.have.length(1);
    expect(patched.map(({ change }) => change)).to.deep.equal([
      { series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' } },
      { series: { count: 62, lastObservedTime: '2026-01-01T00:01:01.000000Z' } },
    ]);
    expect(patched[0]?.name).to.equal(created[0]?.metadata.name);
  });

  it('begin anew when it has not happened for ten minutes', () => {
    events.tell(cluster, switched, at);
    events.tell(cluster, switched, at + 11 * minute);
    expect(created).to.have.length(2);
    expect(patched).to.deep.equal([]);
  });

  it('are 25 at once for one object, and one a minute after that: other objects have their own', () => {
    const tell = (n: number, now: number, uid = 'u1') =>
      events.tell({ ...cluster, metadata: { ...cluster.metadata, uid } }, { ...switched, note: `ss${n}` }, now);
    for (let n = 0; n < 1000; n++) tell(n, at);
    expect(created).to.have.length(25);
    tell(2000, at, 'u2');
    expect(created).to.have.length(26);
    for (let n = 1000; n < 1100; n++) tell(n, at + 2 * minute);
    expect(created).to.have.length(28);
    expect(new Set(created.map(({ metadata }) => metadata.name)).size).to.equal(28);
  });
});
