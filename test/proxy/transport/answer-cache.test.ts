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

  describe('while no name server answers', () => {
    const away = Object.assign(new Error('no answer'), { code: 'ETIMEOUT' });
    let asked: string[];
    let answering: boolean;
    /** ms that the name servers are given before they are given up. */
    let patience: number;
    let cache: AnswerCache<string>;

    beforeEach(() => {
      asked = [];
      answering = true;
      patience = 8_000;
      cache = new AnswerCache(
        () => at,
        async (name) => {
          asked.push(name);
          if (answering) return { records: [`${name} ${asked.length}`], ttl: 60 };
          await Promise.resolve();
          at += patience;
          throw away;
        },
      );
    });

    it('gives what has run out at once, asks for it again meanwhile, and gives the new as soon as there is one', async () => {
      await cache.get('a.example');
      answering = false;
      at = 60_000;
      await cache.get('a.example');
      for (let round = 0; round < 10; round++) {
        at += 5_000;
        expect(cache.get('a.example')).to.deep.equal({ records: ['a.example 1'], error: undefined });
        await new Promise(setImmediate);
      }
      expect(asked).to.have.length(12);
      answering = true;
      at += 5_000;
      expect(cache.get('a.example')).to.deep.include({ records: ['a.example 1'] });
      await new Promise(setImmediate);
      expect(cache.get('a.example')).to.deep.include({ records: ['a.example 13'] });
    });

    it('waits for an answer again once what has run out was not asked for in a while', async () => {
      await cache.get('a.example');
      answering = false;
      at = 60_000;
      await cache.get('a.example');
      at += 60_000;
      answering = true;
      expect(cache.get('a.example')).to.be.instanceOf(Promise);
    });

    it('believes that nothing is known for longer than the next questions may take', async () => {
      answering = false;
      await cache.get('a.example');
      await cache.get('b.example');
      await cache.get('c.example');
      expect(cache.get('a.example')).to.deep.equal({ records: [], error: away });
      expect(asked).to.deep.equal(['a.example', 'b.example', 'c.example']);
    });

    it('believes it for five minutes at most, however long it was stopped meanwhile', async () => {
      answering = false;
      patience = 3_600_000;
      await cache.get('a.example');
      at += 299_999;
      expect(cache.get('a.example')).to.deep.equal({ records: [], error: away });
      at += 1;
      expect(cache.get('a.example')).to.be.instanceOf(Promise);
    });

    it('believes it for a few seconds only where they say so at once', async () => {
      answering = false;
      patience = 0;
      await cache.get('a.example');
      at = 4_999;
      expect(cache.get('a.example')).to.deep.equal({ records: [], error: away });
      at = 5_000;
      expect(cache.get('a.example')).to.be.instanceOf(Promise);
    });
  });
});
