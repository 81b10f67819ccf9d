import { expect } from 'chai';
import fc from 'fast-check';
import { Backlog } from '../../../proxy/routing/backlog.ts';

describe('when a refused REGISTER shall come again', () => {
  it('is within some seconds where few wait', () => {
    const backlog = new Backlog();
    expect(backlog.refused(0, 0)).to.equal(5);
    expect(backlog.refused(0, 0.5)).to.equal(5);
  });

  it('is spread over as long as it takes to admit all who wait', () => {
    const backlog = new Backlog();
    // 1,000 a second are admitted, 100,000 refused
    backlog.refused(0, 0);
    for (let i = 0; i < 1000; i++) backlog.admitted(i);
    const bySecond = new Map<number, number>();
    for (let i = 0; i < 100_000; i++) {
      const second = backlog.refused(1000, (i * 0.618) % 1);
      bySecond.set(second, (bySecond.get(second) ?? 0) + 1);
    }
    expect(Math.max(...bySecond.keys())).to.be.within(100, 110);
    for (const [second, count] of bySecond) if (second > 6) expect(count).to.be.below(1600);
  });

  it('is no later for those who were refused before: the line moves on as time passes', () => {
    const backlog = new Backlog();
    for (let i = 0; i < 1200; i++) backlog.refused(0, 0);
    expect(backlog.refused(0, 0.999)).to.be.within(16, 17);
    expect(backlog.refused(12_100, 0.999)).to.equal(5);
  });

  it('is never sooner than 5 s nor later than ten minutes, however many wait', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3000), fc.nat(4000), fc.double({ min: 0, max: 0.999, noNaN: true }))),
        (steps) => {
          const backlog = new Backlog();
          let now = 0;
          for (const [passed, count, random] of steps) {
            now += passed;
            for (let i = 0; i < count % 100; i++) backlog.admitted(now);
            for (let i = 0; i < count; i += 20) expect(backlog.refused(now, random)).to.be.within(5, 600);
          }
        },
      ),
      { numRuns: 10 },
    );
  });

  for (const { phones, over, holds, within } of [
    { phones: 10_000, over: 5, holds: 200, within: [50, 85] },
    { phones: 500_000, over: 60, holds: 2_000, within: [250, 310] },
    // more than ten minutes of work: who is told the latest comes again in vain once or twice
    { phones: 500_000, over: 60, holds: 500, within: [1_000, 1_200] },
  ] as const) {
    it(`brings ${phones} phones, lost within ${over} s, back at the ${holds} a second that their servers hold`, () => {
      const backlog = new Backlog();
      /** How many come, by tenths of a second. */
      const come = Array.from({ length: 20_000 }, () => 0);
      const comes = (at: number): void => void (come[at] = (come[at] ?? 0) + 1);
      for (let i = 0; i < phones; i++) comes(Math.floor((i / phones) * over * 10));
      let [admitted, refused, tenth] = [0, 0, 0];
      for (; admitted < phones && tenth < come.length; tenth++) {
        for (let i = 0; i < (come[tenth] ?? 0); i++) {
          if (i < holds / 10) {
            backlog.admitted(tenth * 100);
            admitted++;
            continue;
          }
          refused++;
          comes(tenth + backlog.refused(tenth * 100, (i * 0.618) % 1) * 10);
        }
      }
      expect(tenth / 10).to.be.within(within[0], within[1]);
      expect(refused / phones).to.be.below(1.5);
    });
  }
});
