import { expect } from 'chai';
import { Echoes, type Echo } from '../../../proxy/store/echoes.ts';

describe('what this process wrote, when it comes back', () => {
  let echoes: Echoes;
  let heard: string[];

  beforeEach(() => {
    echoes = new Echoes();
    heard = [];
  });
  const written = (key: string, isKnown = true): Echo => ({
    key,
    heard() {
      heard.push(key);
      return isKnown;
    },
  });

  it('is known by the revision of its transaction, in the order of its writes', () => {
    echoes.committed(7, [written('a'), written('b')]);
    echoes.committed(9, [written('a')]);
    expect(echoes.hear(7, 'a')).to.equal(true);
    expect(echoes.hear(7, 'b')).to.equal(true);
    expect(echoes.hear(8, 'a'), 'of somebody else').to.equal(false);
    expect(echoes.hear(9, 'a')).to.equal(true);
    expect(heard).to.deep.equal(['a', 'b', 'a']);
    expect(echoes.size).to.equal(0);
  });

  it('is read where whoever wrote it knows better by now, and what follows is known all the same', () => {
    echoes.committed(7, [written('a', false), written('b')]);
    expect(echoes.hear(7, 'a')).to.equal(false);
    expect(echoes.hear(7, 'b')).to.equal(true);
  });

  it('is read where the events are not those of its transaction', () => {
    echoes.committed(7, [written('a'), written('b')]);
    expect(echoes.hear(7, 'b')).to.equal(false);
    expect(echoes.hear(7, 'c')).to.equal(false);
    expect(heard).to.deep.equal([]);
  });

  it('is read where it came before the answer, and is not waited for then', () => {
    expect(echoes.hear(7, 'a')).to.equal(false);
    echoes.committed(7, [written('a')]);
    expect(echoes.hear(7, 'a')).to.equal(false);
    expect(echoes.size).to.equal(0);
  });

  it('is forgotten once something later came, and when the watch begins anew', () => {
    for (const revision of [5, 6, 8]) echoes.committed(revision, [written('a')]);
    expect(echoes.hear(7, 'x')).to.equal(false);
    expect(echoes.size).to.equal(1);
    echoes.clear();
    expect(echoes.size).to.equal(0);
    expect(echoes.hear(8, 'a')).to.equal(false);
  });

  it('is kept for thirty-two transactions, the latest', () => {
    for (let revision = 1; revision <= 40; revision++) echoes.committed(revision, [written(`k${revision}`)]);
    expect(echoes.size).to.equal(32);
    expect(echoes.hear(9, 'k9')).to.equal(true);
    expect(echoes.hear(40, 'k40')).to.equal(true);
  });
});
