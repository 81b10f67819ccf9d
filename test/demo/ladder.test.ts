import { expect } from 'chai';
import type { TraceLine } from '../peers/trace.ts';
import { eachOnce, ladder, type Paint } from './ladder.ts';

const plain: Paint = (_tone, text) => text;

function seen(at: number, from: string, to: string, what: string): TraceLine {
  return { at, from, to, what, direction: 'sent', callId: 'one', fromUser: 'alice', toUser: 'bob' };
}

describe('ladder of a call', () => {
  const call = [
    seen(1000, 'alice', 'proxy', 'INVITE'),
    seen(1000.5, 'proxy', 'bob', 'INVITE'),
    seen(1002, 'bob', 'alice', '200 to INVITE'),
  ];

  it('gives each participant a column, in order of appearance, and each message an arrow', () => {
    expect(ladder(call, { nameOf: (address) => address, paint: plain, width: 60 })).to.deep.equal([
      '               alice            proxy             bob',
      '  0.0 ms         │─── INVITE ────▶│                │',
      '  0.5 ms         │                │─── INVITE ────▶│',
      '  2.0 ms         │◀──────────── 200 OK ────────────│',
    ]);
  });

  it('stays within its width, and shortens titles that do not fit', () => {
    const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const trace = many.slice(1).map((to, index) => seen(index, many[index] ?? '', to, '481 to INVITE'));
    for (const line of ladder(trace, { nameOf: (address) => address, paint: plain })) {
      expect(line.length).to.be.at.most(80);
    }
  });

  it('draws a repeated message once', () => {
    const twice = [...call, seen(1500, 'alice', 'proxy', 'INVITE')];
    expect(eachOnce(twice)).to.have.length(3);
  });

  it('draws nothing for a call nobody saw', () => {
    expect(ladder([], { nameOf: (address) => address, paint: plain })).to.deep.equal([]);
  });
});
