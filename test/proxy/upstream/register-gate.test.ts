import { expect } from 'chai';
import { REGISTERS_AT_FIRST, RegisterGate } from '../../../proxy/upstream/register-gate.ts';

/** What a storm that never lets up makes of a server. */
interface Course {
  /** REGISTERs answered a second, and how long they took on average, over the last quarter of the time. */
  readonly rate: number;
  readonly took: number;
}

/**
 * As many REGISTERs as the gate lets through, from `begin` for so long (ms), against a server that takes up one every `every` ms, in
 * order, and needs `works` ms for each, many at once.
 */
function storm(
  gate: RegisterGate,
  lasts: number,
  { every, works }: { every: number; works: number },
  begin = 0,
): Course {
  const underWay: { began: number; ends: number }[] = [];
  let free = begin;
  const answered: number[] = [];
  for (let now = begin; now < begin + lasts; now++) {
    for (let first = underWay[0]; first !== undefined && first.ends <= now; first = underWay[0]) {
      underWay.shift();
      gate.leave(now - first.began, now);
      if (now >= begin + lasts * 0.75) answered.push(now - first.began);
    }
    while (!gate.full) {
      gate.enter();
      free = Math.max(free, now) + every;
      underWay.push({ began: now, ends: free + works });
    }
  }
  for (const { began, ends } of underWay) gate.leave(ends - began, begin + lasts);
  const took = answered.reduce((sum, one) => sum + one, 0) / answered.length;
  return { rate: answered.length / (lasts / 4000), took };
}

describe('the gate before a pair’s REGISTERs', () => {
  it('is full while as many are under way as it holds, and open again after one answer', () => {
    const gate = new RegisterGate();
    for (let i = 0; i < REGISTERS_AT_FIRST; i++) {
      expect(gate.full).to.equal(false);
      gate.enter();
    }
    expect(gate.full).to.equal(true);
    gate.leave(5, 1000);
    expect(gate.full).to.equal(false);
  });

  it('opens quickly for a server that has shown how fast it is', () => {
    expect(storm(new RegisterGate(), 1000, { every: 0.2, works: 50 }).rate).to.be.above(4000);
  });

  it('keeps a server of 200/s busy and its queue short: a call behind it waits a quarter of a second', () => {
    const { rate, took } = storm(new RegisterGate(), 60_000, { every: 5, works: 0 });
    expect(rate).to.be.within(195, 201);
    expect(took).to.be.within(50, 300);
  });

  it('does so with a server of 20/s, too', () => {
    const { rate, took } = storm(new RegisterGate(), 120_000, { every: 50, works: 0 });
    expect(rate).to.be.within(19, 20.5);
    expect(took).to.be.below(1000);
  });

  it('takes one that is slow but does many at once for what it is', () => {
    const { rate, took } = storm(new RegisterGate(), 60_000, { every: 1, works: 400 });
    expect(took).to.be.within(400, 450);
    expect(rate).to.be.above(500);
  });

  it('opens again when a server that was slow is quick', () => {
    const gate = new RegisterGate();
    storm(gate, 60_000, { every: 50, works: 0 });
    expect(storm(gate, 60_000, { every: 0.5, works: 0 }, 60_000).rate).to.be.above(1500);
  });

  it('begins small with a server that is back from an outage, and opens as that answers', () => {
    const gate = new RegisterGate();
    storm(gate, 10_000, { every: 0.2, works: 50 });
    for (let i = 0; i < 8; i++) gate.enter();
    gate.back(60_000, 50_000);
    expect(gate.full).to.equal(true);
    // what was under way when it went out was never answered, and says nothing of how it is now
    for (let i = 0; i < 8; i++) gate.leave(32_000, 62_000);
    expect(gate.full).to.equal(false);
    expect(storm(gate, 200, { every: 0.2, works: 50 }, 63_000).rate).to.be.below(1000);
    expect(storm(gate, 2_000, { every: 0.2, works: 50 }, 63_200).rate).to.be.above(4000);
  });

  it('stays as it was where the other member takes over within seconds', () => {
    const gate = new RegisterGate();
    gate.back(60_000, 3_000);
    for (let i = 0; i < REGISTERS_AT_FIRST - 1; i++) gate.enter();
    expect(gate.full).to.equal(false);
  });

  it('is not moved by single slow answers', () => {
    const gate = new RegisterGate();
    for (let i = 0; i < 10_000; i++) {
      gate.enter();
      gate.leave(i % 100 === 0 ? 2000 : 20, i * 10);
    }
    for (let i = 0; i < 255; i++) gate.enter();
    expect(gate.full).to.equal(false);
  });
});
