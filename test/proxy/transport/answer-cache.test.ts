import { expect } from 'chai';
import { AnswerCache } from '../../../proxy/transport/answer-cache.ts';

describe('the cache of DNS answers', () => {
  let at: number;
  beforeEach(() => {
    at = 0;
  });

  it('holds a bounded number of names', async () => {
    const cache = new AnswerCache(
      () => at,
      async (name) => ({ records: [name], ttl: 60 }),
    );
    for (let number = 0; number < 5_000; number++) await cache.get(`n${number}.example`);
    expect(cache.size).to.equal(4_096);
    expect(cache.get('n4999.example')).to.deep.equal({ records: ['n4999.example'], error: undefined });
  });

  it('takes a TTL of 0 as one second', async () => {
    const cache = new AnswerCache(
      () => at,
      async (name) => ({ records: [name], ttl: 0 }),
    );
    await cache.get('a.example');
    at = 999;
    expect(cache.get('a.example')).not.to.be.instanceOf(Promise);
    at = 1_000;
    expect(cache.get('a.example')).to.be.instanceOf(Promise);
  });

  it('believes longer that a name has no record of a kind than that there is no such name', async () => {
    const failing = (code: string): AnswerCache<string> =>
      new AnswerCache(
        () => at,
        async () => await Promise.reject(Object.assign(new Error(code), { code })),
      );
    const [unknown, without] = [failing('ENOTFOUND'), failing('ENODATA')];
    await unknown.get('a.example');
    await without.get('a.example');
    at = 59_999;
    expect(unknown.get('a.example')).to.be.instanceOf(Promise);
    expect(without.get('a.example')).to.have.property('records').that.is.empty;
  });
});
