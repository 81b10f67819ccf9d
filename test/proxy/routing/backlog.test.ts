import { expect } from 'chai';
import { Backlog } from '../../../proxy/routing/backlog.ts';

describe('when a refused REGISTER shall come again', () => {
  it('is within some seconds where few wait', () => {
    const backlog = new Backlog();
    expect(backlog.refused(0, 0)).to.equal(5);
    expect(backlog.refused(0, 0.999)).to.equal(9);
  });

  it('is spread over as long as it takes to admit all who wait', () => {
    const backlog = new Backlog();
    // 1,000 a second are admitted, 100,000 refused
    for (let i = 0; i < 1000; i++) backlog.admitted(i);
    let latest = 0;
    for (let i = 0; i < 100_000; i++) latest = Math.max(latest, backlog.refused(1000, 0.999));
    expect(latest).to.be.within(100, 110);
  });

  it('is never later than ten minutes and a bit, however many wait', () => {
    const backlog = new Backlog();
    let latest = 0;
    for (let i = 0; i < 1_000_000; i++) latest = Math.max(latest, backlog.refused(0, 0.999));
    expect(latest).to.equal(604);
  });

  it('forgets those who were admitted, and those who went elsewhere', () => {
    const backlog = new Backlog();
    for (let i = 0; i < 10_000; i++) backlog.refused(0, 0);
    for (let i = 0; i < 9_000; i++) backlog.admitted(500);
    for (let i = 0; i < 9; i++) backlog.refused(500, 0);
    expect(backlog.refused(500, 0.999)).to.be.lessThan(110);
    expect(backlog.refused(30 * 60_000, 0.999)).to.equal(9);
  });
});
