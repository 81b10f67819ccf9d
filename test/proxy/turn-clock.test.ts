import { expect } from 'chai';
import { TurnClock } from '../../proxy/turn-clock.ts';

describe('the clock of a turn', () => {
  it('stands still until the next turn begins', () => {
    let time = 1000;
    const clock = new TurnClock(
      () => time,
      () => time + 1_700_000_000_000,
    );
    time = 1005;
    expect([clock.now(), clock.wall()]).to.deep.equal([1000, 1_700_000_001_000]);
    expect(clock.read()).to.equal(1005);
    expect([clock.now(), clock.wall()]).to.deep.equal([1005, 1_700_000_001_005]);
  });
});
