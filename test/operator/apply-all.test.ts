import { expect } from 'chai';
import { applyAll, together } from '../../operator/apply-all.ts';
import type { ApplyEdge } from '../../operator/apply-kubernetes.ts';
import { ApiError } from '../../operator/kubernetes/api-error.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';

const object = (name: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'voice' },
});
const wanted = ['a', 'b', 'c', 'd'].map(object);

/** An API server that has nothing yet, and answers as told for some names. */
function edge(answers: Record<string, ApiError>): ApplyEdge & { made: string[] } {
  const made: string[] = [];
  return {
    made,
    read: async () => undefined,
    apply: async (one) => {
      const error = answers[one.metadata.name];
      if (error !== undefined) throw error;
      made.push(one.metadata.name);
      return one;
    },
    remove: async () => undefined,
  };
}

describe('making all objects of a SipCluster', () => {
  for (const status of [409, 429, 500, 503]) {
    it(`makes the others when one is answered ${status}, and asks for another try`, async () => {
      const server = edge({ b: new ApiError(status, 'Some', 'no', 3000) });
      const { failures, problems } = await applyAll(wanted, () => undefined, 'u', server);
      expect(server.made).to.deep.equal(['a', 'c', 'd']);
      expect(problems).to.deep.equal([]);
      expect(together(failures)).to.include({ status, retryAfter: 3000 });
    });
  }

  it('says what is refused for good, by its name, and makes the others', async () => {
    const server = edge({ b: new ApiError(422, 'Invalid', 'spec.x: must be y') });
    const { failures, problems } = await applyAll(wanted, () => undefined, 'u', server);
    expect(server.made).to.deep.equal(['a', 'c', 'd']);
    expect(failures).to.deep.equal([]);
    expect(problems).to.deep.equal([
      { type: 'ConfigurationValid', reason: 'Refused', message: 'ConfigMap b is refused: spec.x: must be y' },
    ]);
  });

  it('stops where there is no API server to talk to', async () => {
    const server = edge({ b: new ApiError(0, 'Unreachable', 'connect ECONNREFUSED') });
    const error = await applyAll(wanted, () => undefined, 'u', server).catch((caught: unknown) => caught);
    expect([server.made, (error as Error).message]).to.deep.equal([['a'], 'connect ECONNREFUSED']);
  });

  it('makes one error of many, with the longest pause that was asked for', () => {
    const error = together([new ApiError(429, 'TooMany', 'slow down', 1000), new ApiError(500, 'Oops', 'x', 5000)]);
    expect(error).to.include({ status: 429, retryAfter: 5000, message: 'slow down, and 1 more like it' });
    expect(together([])).to.equal(undefined);
  });
});
