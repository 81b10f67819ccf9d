import { expect } from 'chai';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { podKept, podTrouble, podTroubles } from '../../operator/pod-trouble.ts';

const pod = (status: object): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p-1' },
  status,
});
const container = (state: object, terminated?: string) =>
  pod({
    containerStatuses: [
      { name: 'proxy', state, ...(terminated && { lastState: { terminated: { message: terminated } } }) },
    ],
  });

describe('what keeps a pod from being ready', () => {
  it('is what the scheduler says: ports that are taken on every node', () => {
    const message = "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports.";
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    expect(podTrouble(pod({ conditions }))).to.equal(`pod p-1: Unschedulable: ${message}`);
  });

  it('is what the kubelet says: no such image', () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "i"' };
    expect(podTrouble(container({ waiting }))).to.equal('pod p-1: ImagePullBackOff: Back-off pulling image "i"');
  });

  it('is the last thing that the proxy said: a key that does not fit', () => {
    const log =
      '{"level":30,"msg":"starts"}\n{"level":60,"msg":"proxy p-1 can\'t start: tls.key does not fit tls.crt"}\n';
    const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container' };
    expect(podTrouble(container({ waiting }, log))).to.equal(
      "pod p-1: CrashLoopBackOff: proxy p-1 can't start: tls.key does not fit tls.crt",
    );
    expect(podTrouble(container({ waiting }, 'plain words'))).to.equal('pod p-1: CrashLoopBackOff: plain words');
  });

  it('is still there in what the operator keeps of a pod', () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'no such image' };
    const whole = { ...container({ waiting }), spec: { nodeName: 'n1', containers: [{ name: 'proxy' }] } };
    const { metadata } = whole;
    const kept = podKept({
      ...whole,
      metadata: { ...metadata, managedFields: [{ manager: 'm', operation: 'Update' }] },
    });
    expect(podTrouble(kept)).to.equal('pod p-1: ImagePullBackOff: no such image');
    expect(kept).to.deep.include({ metadata, spec: { nodeName: 'n1' } });
  });

  it('is nothing while it starts, runs or ends', () => {
    expect(podTrouble(container({ waiting: { reason: 'ContainerCreating' } }))).to.equal(undefined);
    expect(podTrouble(container({ running: {} }))).to.equal(undefined);
    const ending = container({ waiting: { reason: 'ImagePullBackOff' } });
    expect(podTrouble({ ...ending, metadata: { name: 'p-1', deletionTimestamp: 'now' } })).to.equal(undefined);
  });

  it('is cut where it is long', () => {
    expect(podTrouble(container({ waiting: { reason: 'X', message: 'y'.repeat(5000) } }))?.length).to.be.below(330);
  });

  it('is told of all pods of a shard together, and of nothing that is no pod', () => {
    const broken = (name: string, part: string, kind = 'Pod') => ({
      ...container({ waiting: { reason: 'X', message: 'y' } }),
      kind,
      metadata: { name, labels: { 'sipcluster.io/part': part } },
    });
    const objects = [broken('b', 'dc1'), broken('a', 'dc1'), broken('c', 'dc2'), broken('d', 'dc3', 'Service')];
    expect([...podTroubles(objects)]).to.deep.equal([
      ['dc1', ['pod a: X: y', 'pod b: X: y']],
      ['dc2', ['pod c: X: y']],
    ]);
  });
});
