import { expect } from 'chai';
import fc from 'fast-check';
import { Drain, duties, phaseAt } from '../../proxy/drain.ts';

const config = { dnsGrace: 30_000, window: 120_000, limit: 180_000 };
const busy = { transactions: 1, streams: 10, writes: 1 };
const nothing = { transactions: 0, streams: 0, writes: 0 };

describe('a drain', () => {
  it('takes new work as long as names may lead here, even if nothing is left', () => {
    expect(phaseAt(0, config, nothing)).to.equal('Grace');
    expect(phaseAt(29_999, config, nothing)).to.equal('Grace');
    expect(duties.Grace).to.deep.equal({ newWork: true, closes: 'none' });
  });

  it('then refuses it and closes streams for the window', () => {
    expect(phaseAt(30_000, config, busy)).to.equal('Closing');
    expect(phaseAt(149_999, config, busy)).to.equal('Closing');
    expect(duties.Closing.newWork).to.equal(false);
  });

  it('waits after the window for what is still busy, up to the limit', () => {
    expect(phaseAt(150_000, config, busy)).to.equal('Finishing');
    expect(phaseAt(179_999, config, { transactions: 0, streams: 1, writes: 0 })).to.equal('Finishing');
    expect(phaseAt(180_000, config, busy)).to.equal('Gone');
  });

  it('waits for a store that is away, up to the limit: what it was granted is nowhere else', () => {
    const unwritten = { ...nothing, writes: 3 };
    expect(phaseAt(30_000, config, unwritten)).to.equal('Closing');
    expect(phaseAt(179_999, config, unwritten)).to.equal('Finishing');
    expect(phaseAt(180_000, config, unwritten)).to.equal('Gone');
  });

  it('is over as soon as nothing is left, once the names are forgotten', () => {
    expect(phaseAt(30_000, config, nothing)).to.equal('Gone');
    expect(phaseAt(100_000, config, nothing)).to.equal('Gone');
  });

  it('is over at once with no grace and nothing to do, and never lasts beyond its limit', () => {
    expect(phaseAt(0, { dnsGrace: 0, window: 500, limit: 2000 }, nothing)).to.equal('Gone');
    expect(phaseAt(2000, { dnsGrace: 3_600_000, window: 0, limit: 2000 }, busy)).to.equal('Gone');
    expect(phaseAt(0, { dnsGrace: 0, window: 0, limit: 0 }, busy)).to.equal('Gone');
  });

  it('closes no stream in the grace, then the same number in every part of the window', () => {
    const drain = new Drain(config, 0);
    let streams = 1200;
    const closed: number[] = [];
    for (let second = 1; second <= 150; second++) {
      const now = second * 1000;
      const count = drain.step(now, { transactions: 0, streams, writes: 0 });
      if (drain.phase === 'Closing') closed.push(count);
      streams -= count;
      if (second === 30) expect(streams).to.equal(1200);
      if (second === 90) expect(streams).to.be.within(590, 610);
    }
    expect(Math.min(...closed.slice(1))).to.be.at.least(9);
    expect(Math.max(...closed)).to.be.at.most(11);
    expect(streams).to.equal(0);
  });

  it('closes few streams evenly, too: one by one', () => {
    const drain = new Drain(config, 0);
    let streams = 3;
    const times: number[] = [];
    for (let now = 0; now <= 150_000; now += 100) {
      const count = drain.step(now, { transactions: 1, streams, writes: 0 });
      if (count > 0) times.push(now);
      streams -= count;
    }
    expect(times).to.have.length(3);
    for (const [i, at] of times.entries()) expect(at - (times[i - 1] ?? 30_000)).to.be.at.least(20_000);
  });

  it('lets busy streams be and closes them when they are idle: all that are left are asked for after the window', () => {
    const drain = new Drain(config, 0);
    drain.step(100_000, busy);
    expect(drain.step(160_000, { transactions: 3, streams: 7, writes: 0 })).to.equal(7);
  });

  it('never closes more than there are, nor anything in its grace, however time and streams come and go', () => {
    fc.assert(
      fc.property(
        fc.record({ dnsGrace: fc.nat(5000), window: fc.nat(5000), limit: fc.nat(12_000) }),
        fc.array(fc.tuple(fc.nat(800), fc.nat(2000), fc.nat(2)), { maxLength: 40 }),
        (given, steps) => {
          const drain = new Drain(given, 1_000_000);
          let now = 1_000_000;
          for (const [passed, streams, transactions] of steps) {
            now += passed;
            const count = drain.step(now, { writes: 0, streams, transactions });
            expect(count).to.be.within(0, streams);
            if (drain.phase === 'Grace' || drain.phase === 'Gone') expect(count).to.equal(0);
          }
        },
      ),
    );
  });
});
