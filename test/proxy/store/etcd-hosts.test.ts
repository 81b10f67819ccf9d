import { Duplex } from 'node:stream';
import { expect } from 'chai';
import {
  GRPCCancelledError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCInvalidArgumentError,
  GRPCUnavailableError,
} from 'etcd3';
import { EtcdHosts, passBySilent } from '../../../proxy/store/etcd-hosts.ts';

describe('members of an etcd', () => {
  let now = 0;
  let hosts: EtcdHosts;
  beforeEach(() => {
    now = 1000;
    hosts = new EtcdHosts(3, () => now);
  });

  /** What a call to a member comes to: its answer, its failure, or that it was passed by. */
  const call = async (host: string, answer: () => unknown = () => 'answer'): Promise<unknown> => {
    try {
      return await hosts.policy(host).execute(answer);
    } catch (error) {
      return error instanceof Error && error.name === 'PassedBy' ? 'passed by' : 'failed';
    }
  };
  const failing = (error: Error) => () => {
    throw error;
  };
  const late = failing(new GRPCDeadlineExceededError('late'));

  it('are passed by for five seconds when they gave no answer', async () => {
    expect(await call('a', late)).to.equal('failed');
    expect([await call('a'), await call('b')]).to.deep.equal(['passed by', 'answer']);
    now += 4999;
    expect(await call('a')).to.equal('passed by');
    now += 1;
    expect(await call('a')).to.equal('answer');
    expect(await call('a')).to.equal('answer');
    expect(await call('a', failing(new GRPCUnavailableError('refused')))).to.equal('failed');
    expect(await call('a')).to.equal('passed by');
  });

  it('are passed by ever longer, up to a minute, while they stay silent', async () => {
    const spans: number[] = [];
    for (let i = 0; i < 6; i++) {
      await call('a', late);
      const start = now;
      while ((await call('a', late)) === 'passed by') now += 1000;
      spans.push((now - start) / 1000);
    }
    expect(spans).to.deep.equal([5, 10, 20, 40, 60, 60]);
  });

  it('are tried by one call at a time once that is over', async () => {
    await call('a', late);
    now += 5000;
    const trial = call('a', () => new Promise((resolve) => setImmediate(resolve)));
    expect(await call('a')).to.equal('passed by');
    await trial;
    expect(await call('a')).to.equal('answer');
  });

  it('are all tried where none gives an answer', async () => {
    for (const host of ['a', 'b', 'c']) await call(host, late);
    expect(await call('a')).to.equal('answer');
  });

  it('are not passed by for what is no fault of theirs', async () => {
    for (const error of [new GRPCInvalidArgumentError('too large'), new GRPCCancelledError('by us')])
      await call('a', failing(error));
    expect(await call('a')).to.equal('answer');
  });

  it('are passed by when they are learners, which refuse every call', async () => {
    const learner = failing(new GRPCFailedPreconditionError('etcdserver: rpc not supported for learner'));
    expect(await call('a', learner)).to.equal('failed');
    expect(await call('a')).to.equal('passed by');
  });

  it('are passed by when a stream to them was found silent, however well it opened', async () => {
    const stream = new Duplex();
    await call('a', late);
    now += 5000;
    expect(await call('a', () => stream)).to.equal(stream);
    expect(await call('a'), 'that it opened says nothing').to.equal('passed by');
    now += 10_000;
    await call('a');
    passBySilent(stream);
    expect(await call('a')).to.equal('passed by');
  });
});
