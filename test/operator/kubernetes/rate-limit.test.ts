import { expect } from 'chai';
import { RateLimit } from '../../../operator/kubernetes/rate-limit.ts';
import { GivenTime } from '../given-time.ts';

describe('the limit of calls to the API server', () => {
  let clock: GivenTime;
  let limit: RateLimit;
  let made: string[];
  const call = (name: string, urgent = false): void => {
    void limit.admit(urgent).then(() => made.push(name));
  };

  beforeEach(() => {
    clock = new GivenTime();
    limit = new RateLimit(clock, { perSecond: 10, burst: 3 });
    made = [];
  });

  it('lets a burst through, and then as many a second as it says', async () => {
    for (let i = 0; i < 20; i++) call(String(i));
    await clock.move(0);
    expect([made.length, limit.waiting]).to.deep.equal([3, 17]);
    await clock.move(1000);
    expect(made.length).to.be.within(12, 13);
    await clock.move(1000);
    expect(made).to.deep.equal(Array.from({ length: 20 }, (_, i) => String(i)));
  });

  it('lets deletes go first', async () => {
    for (let i = 0; i < 6; i++) call('made');
    call('deleted', true);
    await clock.move(150);
    expect(made).to.deep.equal(['made', 'made', 'made', 'deleted']);
  });

  it('lets a burst through again after a while of nothing, and never more', async () => {
    for (let i = 0; i < 3; i++) call('a');
    await clock.move(60_000);
    for (let i = 0; i < 5; i++) call('b');
    await clock.move(0);
    expect(made.filter((name) => name === 'b')).to.have.length(3);
  });
});
