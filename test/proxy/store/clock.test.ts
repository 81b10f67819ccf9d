import { expect } from 'chai';
import fc from 'fast-check';
import { HybridClock, nextStamp } from '../../../proxy/store/clock.ts';
import { compareStamps } from '../../../proxy/store/merge.ts';
import type { Stamp } from '../../../proxy/store/records.ts';
import { HOUR, MINUTE, NOW, stamp } from './records.ts';

describe('hybrid clock', () => {
  it('reads the wall clock where nothing is ahead of it', () => {
    expect(new HybridClock().read(NOW)).to.equal(NOW);
  });

  it('never reads the same or less, however the wall clock moves within its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: MINUTE - 1000 }), { minLength: 2 }), (walls) => {
        const clock = new HybridClock();
        const readings = walls.map((wall) => clock.read(NOW + wall));
        readings.reduce((before, reading) => {
          expect(reading).to.be.greaterThan(before);
          return reading;
        });
      }),
    );
  });

  it('is ahead of every reading it has seen', () => {
    const clock = new HybridClock();
    clock.observe(NOW + 30_000, NOW);
    expect(clock.read(NOW)).to.be.greaterThan(NOW + 30_000);
  });

  it('does not follow one that is more than a minute ahead, and counts it', () => {
    const clock = new HybridClock();
    clock.observe(NOW + MINUTE + 1, NOW);
    expect(clock.read(NOW)).to.equal(NOW);
    expect(clock.clamped).to.equal(1);
  });

  it('comes back after its own wall clock was an hour ahead', () => {
    const clock = new HybridClock();
    clock.read(NOW + HOUR);
    expect(clock.read(NOW)).to.be.at.most(NOW + MINUTE + 1);
  });

  it('has room for a million readings a second', () => {
    const clock = new HybridClock();
    let last = 0;
    for (let i = 0; i < 1000; i++) last = clock.read(NOW);
    expect(last - NOW).to.be.lessThan(1.001);
  });
});

describe('the next stamp of a binding', () => {
  const next = (known: Stamp | undefined, callId: string, cseq: number, arrived: number, wall = arrived): Stamp =>
    nextStamp(known, callId, cseq, arrived, new HybridClock(), wall);

  it('is when the Call-ID was first seen, for the first one', () => {
    expect(next(undefined, 'a', 1, NOW, NOW + 200)).to.deep.equal({
      first: NOW,
      callId: 'a',
      cseq: 1,
      commit: NOW + 200,
    });
  });

  it('keeps the first-seen clock of its Call-ID', () => {
    expect(next(stamp({ callId: 'a', cseq: 1 }), 'a', 2, NOW + MINUTE).first).to.equal(NOW);
  });

  it('is greater for a new Call-ID that arrives later', () => {
    const known = stamp({ callId: 'z', cseq: 99 });
    expect(compareStamps(next(known, 'a', 1, NOW + 1), known)).to.be.greaterThan(0);
  });

  it('is less for a REGISTER of another Call-ID that arrived before and was answered after', () => {
    const known = stamp({ first: NOW + 100, commit: NOW + 150 });
    expect(compareStamps(next(known, 'a', 1, NOW + 50, NOW + 200), known)).to.be.lessThan(0);
  });

  it('is less for a lower CSeq that overtook, within 32 s', () => {
    const known = stamp({ callId: 'a', cseq: 5 });
    expect(compareStamps(next(known, 'a', 4, NOW + 31_000), known)).to.be.lessThan(0);
  });

  it('begins anew for a lower CSeq more than 32 s later, as from a phone that was rebooted', () => {
    const known = stamp({ callId: 'a', cseq: 5 });
    const rebooted = next(known, 'a', 1, NOW + 32_001);
    expect(compareStamps(rebooted, known)).to.be.greaterThan(0);
    expect(rebooted.first).to.equal(NOW + 32_001);
  });

  it('is greater than one by a clock that is ahead, within a minute and beyond', () => {
    for (const ahead of [10_000, HOUR]) {
      const known = stamp({ first: NOW + ahead, commit: NOW + ahead });
      expect(compareStamps(next(known, 'b', 1, NOW), known)).to.be.greaterThan(0);
      expect(compareStamps(next(known, known.callId, 2, NOW), known)).to.be.greaterThan(0);
      expect(compareStamps(next(known, known.callId, 1, NOW), known)).to.be.greaterThan(0);
    }
  });

  it('is always greater than what it follows, but for what overtook', () => {
    const steps = fc.array(
      fc.record({ callId: fc.constantFrom('a', 'b'), wait: fc.integer({ min: 33_000, max: HOUR }), cseq: fc.nat(5) }),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const clock = new HybridClock();
        let now = NOW;
        let known = stamp();
        for (const { callId, wait, cseq } of all) {
          now += wait;
          const following = nextStamp(known, callId, cseq, now, clock, now);
          expect(compareStamps(following, known)).to.be.greaterThan(0);
          known = following;
        }
      }),
    );
  });
});
