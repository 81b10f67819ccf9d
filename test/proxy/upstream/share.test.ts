import { expect } from 'chai';
import { Share } from '../../../proxy/upstream/share.ts';

describe('the share that a pair has of new calls', () => {
  it('is whole from the start', () => {
    expect(new Share().at(0)).to.equal(1);
  });

  it('grows from a tenth to the whole within 30 s after a long outage', () => {
    const share = new Share();
    share.out(0);
    share.back(600_000);
    expect(share.at(600_000)).to.be.closeTo(0.1, 1e-9);
    expect(share.at(615_000)).to.be.closeTo(0.55, 1e-9);
    expect(share.at(630_000)).to.equal(1);
  });

  it('is whole again as soon after a short outage as that one was long', () => {
    const share = new Share();
    share.out(1_000);
    share.back(3_000);
    expect(share.at(3_000)).to.be.closeTo(0.1, 1e-9);
    expect(share.at(5_000)).to.equal(1);
  });

  it('counts an outage from its first sight', () => {
    const share = new Share();
    share.out(0);
    share.out(20_000);
    share.back(20_000);
    expect(share.at(39_000)).to.be.lessThan(1);
  });

  it('is nothing for as long as the server asked to be left alone', () => {
    const share = new Share();
    expect(share.close(0, 10_000)).to.equal(10_000);
    expect(share.at(9_999)).to.equal(0);
    expect(share.at(10_000)).to.equal(1);
  });

  it('is not shortened by a later, shorter wish', () => {
    const share = new Share();
    share.close(0, 10_000);
    share.close(1_000, 1_000);
    expect(share.at(9_999)).to.equal(0);
  });

  it('believes a Retry-After for five minutes at most', () => {
    const share = new Share();
    expect(share.close(0, 86_400_000)).to.equal(300_000);
    expect(share.at(300_000)).to.equal(1);
  });

  it('is the new member’s own when another takes over', () => {
    const share = new Share();
    share.close(0, 10_000);
    share.open();
    expect(share.at(1)).to.equal(1);
  });
});
