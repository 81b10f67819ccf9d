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

  it('stays a tenth for longer and longer where the pair goes out again and again, as one does that answers too slowly', () => {
    const share = new Share();
    const tenth: number[] = [];
    let now = 0;
    for (let i = 0; i < 8; i++) {
      share.out(now);
      now += 1000;
      share.back(now);
      const begin = now;
      while (share.at(now + 100) < 0.2) now += 100;
      tenth.push(Math.round((now - begin) / 1000));
    }
    expect(tenth).to.deep.equal([0, 0, 5, 10, 20, 40, 60, 60]);
  });

  it('forgets that once the pair has been in service for a minute', () => {
    const share = new Share();
    for (const at of [0, 2000, 4000]) {
      share.out(at);
      share.back(at + 1000);
    }
    expect(share.at(6_500)).to.be.closeTo(0.1, 1e-9);
    share.out(70_000);
    share.back(71_000);
    expect(share.at(72_000)).to.equal(1);
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
