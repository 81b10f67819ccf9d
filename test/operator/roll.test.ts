import { expect } from 'chai';
import type { DeploymentState } from '../../operator/deployment-state.ts';
import { deploymentState } from '../../operator/deployment-state.ts';
import { plan } from '../../operator/plan/plan.ts';
import type { Shard } from '../../operator/plan/shard.ts';
import { endingShards, waitingShards } from '../../operator/roll.ts';
import { resource } from './resources.ts';

const [template] = plan(resource('minimal')).shards;
function shard(name: string, geoLocation: string): Shard {
  if (template === undefined) throw new Error('no shard');
  return { ...template, name, geoLocation };
}
const settled: DeploymentState = { desired: 2, ready: 2, updated: 2, rolling: false };
const rolling: DeploymentState = { ...settled, updated: 1, rolling: true };

describe('waitingShards', () => {
  const shards = [shard('a', 'dc1'), shard('b', 'dc1'), shard('c', 'dc2')];
  const waiting = (
    states: Record<string, DeploymentState>,
    changing: readonly string[],
    ending: readonly string[] = [],
  ): string[] => waitingShards(shards, new Map(Object.entries(states)), new Set(changing), new Set(ending));

  it('lets one shard a geo-location begin', () => {
    expect(waiting({ a: settled, b: settled, c: settled }, ['a', 'b', 'c'])).to.deep.equal(['b']);
  });
  it('holds back the others while one rolls', () => {
    expect(waiting({ a: settled, b: rolling, c: settled }, ['a', 'c'])).to.deep.equal(['a']);
  });
  it('lets one that is stuck have a new template, which may be its cure', () => {
    expect(waiting({ a: settled, b: { ...rolling, stuck: 'no image' }, c: settled }, ['a', 'b'])).to.deep.equal(['a']);
  });
  it('lets none begin of which a pod still ends, and has the others of its geo-location go first', () => {
    expect(waiting({ a: settled, b: settled, c: settled }, ['a', 'b', 'c'], ['a', 'c'])).to.deep.equal(['a', 'c']);
    expect(waiting({ a: rolling }, ['a'], ['a'])).to.deep.equal([]);
  });
  it('holds back nothing that does not change, and nothing that is not there yet', () => {
    expect(waiting({ a: rolling }, [])).to.deep.equal([]);
    expect(waiting({}, ['a'])).to.deep.equal([]);
  });
});

describe('endingShards', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const pod = (part: string, deletionTimestamp?: string, kind = 'Pod') => ({
    apiVersion: 'v1',
    kind,
    metadata: { name: 'p', labels: { 'sipcluster.io/part': part }, ...(deletionTimestamp && { deletionTimestamp }) },
  });

  it('are those of which a pod has to be gone some time, or should have gone a moment ago', () => {
    const objects = [
      pod('stays'),
      pod('ends', '2026-01-01T00:00:20Z'),
      pod('late', '2025-12-31T23:59:10Z'),
      pod('lost with its node', '2025-12-31T23:50:00Z'),
      pod('no pod', '2026-01-01T00:00:20Z', 'Service'),
    ];
    expect([...endingShards(objects, now)]).to.deep.equal(['ends', 'late']);
  });
});

describe('deploymentState', () => {
  const deployment = (status: object) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', generation: 3 },
    spec: { replicas: 2 },
    status,
  });
  const done = { observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };

  it('is settled once every pod is of the newest template and available', () => {
    expect(deploymentState(deployment(done))).to.deep.equal({ desired: 2, ready: 2, updated: 2, rolling: false });
  });
  for (const [why, status] of [
    ['the newest spec has not been seen', { ...done, observedGeneration: 2 }],
    ['an old pod is left', { ...done, replicas: 3 }],
    ['a pod is ready, but not for long enough', { ...done, availableReplicas: 1 }],
  ] as const) {
    it(`rolls while ${why}`, () => expect(deploymentState(deployment(status))?.rolling).to.equal(true));
  }
  it('is stuck once the deadline has passed', () => {
    const conditions = [{ type: 'Progressing', status: 'False', message: 'no progress' }];
    expect(deploymentState(deployment({ ...done, updatedReplicas: 1, conditions }))?.stuck).to.equal('no progress');
  });
});
