import { expect } from 'chai';
import type { IKeyValue, IRangeResponse } from 'etcd3';
import { Past } from '../../../proxy/store/past.ts';

function kv(key: string, value: string, revision: string): IKeyValue {
  const at = { create_revision: revision, mod_revision: revision, version: '1', lease: '0' };
  return { key: Buffer.from(key), value: Buffer.from(value), ...at };
}

function answer(revision: string, kvs: IKeyValue[] = [], cluster = 'c1', term = '2'): IRangeResponse {
  const header = { cluster_id: cluster, member_id: 'm1', revision, raft_term: term };
  return { header, kvs, more: false, count: String(kvs.length) };
}

describe('the past of a store', () => {
  const alice = kv('alice', 'bound', '7');
  let past: Past;
  beforeEach(() => {
    past = new Past();
    past.contradicts(answer('9'));
    past.listed(answer('9', [alice]));
  });

  it('is contradicted by no answer before anything was seen', () => {
    expect(new Past().contradicts(answer('1', [], 'any', '0'))).to.equal(undefined);
  });

  it('is contradicted by another cluster, an older revision and a lower term', () => {
    const why = (...of: Parameters<typeof answer>): string | undefined => past.contradicts(answer(...of))?.why;
    expect(why('9')).to.equal(undefined);
    expect(why('20', [], 'c2')).to.equal('the store is another cluster than before');
    expect(why('8')).to.equal('the store was set back to an older revision');
    expect(why('20', [], 'c1', '1')).to.equal('the store was set back to an older revision');
  });

  it('is asked for by what was read last, at a revision at which it was so', () => {
    expect(new Past().question(Buffer.from('p'))).to.deep.equal({ key: Buffer.from('p') });
    expect(past.question(Buffer.from('p'))).to.deep.equal({ key: alice.key, revision: '9' });
    const bob = kv('bob', 'bound', '12');
    past.saw(12n, { type: 'Put', kv: bob, prev_kv: bob });
    expect(past.question(Buffer.from('p'))).to.deep.equal({ key: bob.key, revision: '12' });
  });

  it('is another one where that is not there, was written at another time, or is something else', () => {
    expect(past.isOther(alice)).to.equal(false);
    for (const found of [undefined, kv('alice', 'bound', '6'), kv('alice', 'gone', '7')])
      expect(past.isOther(found)).to.equal(true);
  });

  it('goes on with what brought no key, too', () => {
    past.saw(15n, undefined);
    expect([past.seen, past.markedAt]).to.deep.equal([15n, '9']);
  });
});
