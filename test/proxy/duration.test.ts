import { expect } from 'chai';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../proxy/duration.ts';

describe('duration', () => {
  const read: readonly [string, number][] = [
    ['5s', 5000],
    ['2m', 120_000],
    ['500ms', 500],
    ['1h', 3_600_000],
    ['1m30s', 90_000],
    ['1h1m1s1ms', 3_661_001],
    ['0s', 0],
    ['1m1m', 120_000],
    ['99999h', 359_996_400_000],
  ];
  for (const [text, milliseconds] of read) {
    it(`reads ${text} as ${milliseconds} ms`, () => expect(parseDuration(text)).to.equal(milliseconds));
  }

  for (const text of ['', '5', 's', '5 s', '-5s', '1.5s', '5S', '100000s', '1s1s1s1s1s', '5s\n', '1d', '1us']) {
    it(`refuses ${JSON.stringify(text)} and says what a duration looks like`, () => {
      expect(() => parseDuration(text)).to.throw(RangeError, /number and h, m, s or ms, like 5s/);
    });
  }

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(fc.nat({ max: 99_999 * 3_600_000 }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).to.equal(milliseconds);
      }),
    );
  });

  it('refuses to write what is no whole number of milliseconds', () => {
    expect(() => formatDuration(0.5)).to.throw(RangeError);
    expect(() => formatDuration(-1)).to.throw(RangeError);
  });
});
