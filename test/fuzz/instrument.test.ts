import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { instrument, MARKS } from './instrument.ts';

/** What `source`, the body of a function of x, returns for `x`, and how many of its branches that ran. */
function run(source: string, x: unknown): { result: unknown; ran: number; branches: number } {
  const { text, marks } = instrument(`const f = (x) => {${source}};`, 0);
  const reached = new Uint8Array(marks);
  const made: unknown = runInNewContext(`${text}; f`, { [MARKS]: reached });
  if (typeof made !== 'function') throw new Error('no function');
  return { result: made(x), ran: reached.reduce((sum, mark) => sum + mark, 0), branches: marks };
}

describe('marking which branches run', () => {
  for (const [what, source, x, result, ran, branches] of [
    ['an if without braces', 'if (x) return 1; return 2;', true, 1, 2, 2],
    ['the one that is not taken', 'if (x) return 1; return 2;', false, 2, 1, 2],
    ['else if', 'if (x === 1) return 1; else if (x === 2) return 2; else return 3;', 2, 2, 3, 5],
    ['a conditional within another', 'return x ? x > 1 ? 2 : 1 : 0;', 2, 2, 3, 5],
    ['what is evaluated only then', 'return x && x.y || 3;', { y: 4 }, 4, 2, 3],
    ['a comma in brackets', 'return x ?? (0, 5);', undefined, 5, 2, 2],
    ['cases, and those fallen through to', 'switch (x) { case 1: case 2: return 2; default: return 0; }', 1, 2, 2, 3],
    ['an arrow without braces', 'return [1, 2].map((one) => ({ one }))[0].one;', 0, 1, 2, 2],
    [
      'a loop of one statement',
      'let s = 0; for (const one of x) s += one; while (s > 5) s--; return s;',
      [4, 4],
      5,
      3,
      3,
    ],
    ['an arrow that ends a conditional', 'return (x ? 1 : () => x ? 1 : 2)();', 0, 2, 4, 6],
  ] as const) {
    it(`takes ${what}`, () => {
      expect(run(source, x)).to.deep.equal({ result, ran, branches });
    });
  }
});
