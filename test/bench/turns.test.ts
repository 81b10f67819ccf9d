import { expect } from 'chai';
import type { Measurement } from './measure.ts';
import { untilNext } from './turns.ts';

describe("a proxy's turn in the benchmark", () => {
  const measured = { begun: 1010, failed: 10, cpu: 150, longestPause: 2 } as Measurement;
  const begun = { cpu: 5000, pauses: [9, 1] };

  it('has all CPU time and collections until the next one, for all exchanges, measured or not', () => {
    const next = { cpu: 255_000, pauses: [9, 1, 2, 7] };
    expect(untilNext(measured, begun, next, 0.8)).to.include({ begun: 1010, cpu: 200, longestPause: 7 });
  });

  it('has no collection where there was none', () => {
    expect(untilNext(measured, begun, begun, 0.8)).to.include({ cpu: 0, longestPause: undefined });
  });
});
