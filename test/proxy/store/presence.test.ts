import { expect } from 'chai';
import { Presence } from '../../../proxy/store/presence.ts';
import { NOW } from './records.ts';

describe('presence', () => {
  const presence = (limit = 10): { names: string[]; all: Presence<number> } => {
    const names: string[] = [];
    return { names, all: new Presence<number>({ own: 'me', limit, changed: (record) => names.push(String(record)) }) };
  };

  it('tells of what changed, and of nothing else', () => {
    const { all, names } = presence();
    all.put('a', 1, '1', 0);
    all.put('a', 1, '1', 0);
    all.put('a', 2, '2', 0);
    all.remove('a', 0);
    all.remove('a', 0);
    expect(names).to.deep.equal(['1', '2', 'undefined']);
  });

  it('loses a record with its key in the store of its data centre, not with a stray copy elsewhere', () => {
    const { all } = presence();
    all.put('a', 1, '1', 0);
    all.remove('a', 1);
    expect(all.records.has('a')).to.equal(true);
    all.remove('a', 0);
    expect(all.records.has('a')).to.equal(false);
  });

  it('loses at the end of a list what that does not name', () => {
    const { all } = presence();
    for (const [name, origin] of [
      ['a', 0],
      ['b', 0],
      ['c', 1],
    ] as const)
      all.put(name, 1, '1', origin);
    all.listing(0);
    all.put('a', 1, '1', 0);
    all.loaded(0, false, NOW);
    expect([...all.records.keys()]).to.deep.equal(['a', 'c']);
  });

  it('gives live ones the time to write themselves again to a store that was restored', () => {
    const { all } = presence();
    for (const name of ['dead', 'alive']) all.put(name, 1, '1', 0);
    all.listing(0);
    all.loaded(0, true, NOW);
    all.put('alive', 1, '1', 0);
    all.expire(NOW + 14_999);
    expect([...all.records.keys()]).to.deep.equal(['dead', 'alive']);
    all.expire(NOW + 15_000);
    expect([...all.records.keys()]).to.deep.equal(['alive']);
  });

  it('keeps its own record, lease or not', () => {
    const { all } = presence();
    all.put('me', 1, '1', 0);
    all.remove('me', 0);
    all.listing(0);
    all.loaded(0, false, NOW);
    expect(all.records.has('me')).to.equal(true);
  });

  it('is bounded', () => {
    const { all } = presence(2);
    for (const name of ['a', 'b', 'c']) all.put(name, 1, '1', 0);
    expect(all.records.size).to.equal(2);
  });
});
