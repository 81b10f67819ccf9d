import { expect } from 'chai';
import { callTree, flameGraph, selfShares, type CpuProfile } from './flame-graph.ts';

const frame = (functionName: string) => ({ functionName, url: 'file:///a/sip/b.ts', lineNumber: 9 });

const profile: CpuProfile = {
  startTime: 0,
  nodes: [
    { id: 1, callFrame: { functionName: '(root)', url: '', lineNumber: -1 }, children: [2, 4] },
    { id: 2, callFrame: frame('receive'), children: [3] },
    { id: 3, callFrame: frame('parse<T>') },
    { id: 4, callFrame: { functionName: '(idle)', url: '', lineNumber: -1 } },
  ],
  samples: [3, 3, 4, 2, 3],
  timeDeltas: [100, 100, 500, 30, 70],
};

describe('a flame graph', () => {
  it('gives each function its own time and that of what it called, idle time left out', () => {
    const receive = callTree(profile, 0).children.get('receive sip/b.ts:10');
    expect(receive).to.include({ total: 300, self: 30 });
    expect(receive?.children.get('parse<T> sip/b.ts:10')).to.include({ total: 270, self: 270 });
  });

  it('leaves out what was before the time of interest', () => {
    expect(callTree(profile, 300).total).to.equal(100);
  });

  it('lists the greatest share first', () => {
    expect(selfShares(callTree(profile, 0))[0]).to.deep.equal(['parse<T> sip/b.ts:10', 0.9]);
  });

  it('is drawn with names that can be read in XML', () => {
    const svg = flameGraph(callTree(profile, 0));
    expect(svg)
      .to.include('<title>parse&lt;T&gt; sip/b.ts:10: 90.0 %</title>')
      .and.match(/^<svg /);
  });
});
