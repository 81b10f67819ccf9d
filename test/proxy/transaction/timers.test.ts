import { expect } from 'chai';
import * as fc from 'fast-check';
import { NOWHERE, type Timer, TimerWheel } from '../../../proxy/transaction/timers.ts';

class Noted implements Timer {
  place = NOWHERE;
  readonly name: string;
  readonly log: string[];
  andThen: (now: number) => void = () => {};

  constructor(name: string, log: string[]) {
    this.name = name;
    this.log = log;
  }

  expire(now: number): void {
    this.log.push(`${this.name}@${now}`);
    this.andThen(now);
  }
}

describe('the timer wheel', () => {
  it('fires a timer once, when its time has come and not before', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(1000);
    wheel.schedule(new Noted('a', log), 1500);
    wheel.advance(1499);
    expect(log).to.deep.equal([]);
    wheel.advance(1500);
    wheel.advance(9000);
    expect(log).to.deep.equal(['a@1500']);
    expect(wheel.size).to.equal(0);
  });

  it('is late by its granularity at most, and never early', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0, 10);
    wheel.schedule(new Noted('a', log), 101);
    wheel.advance(109);
    expect(log).to.deep.equal([]);
    wheel.advance(110);
    expect(log).to.deep.equal(['a@110']);
  });

  it('fires in the order of time when it is behind', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0);
    wheel.schedule(new Noted('late', log), 900);
    wheel.schedule(new Noted('soon', log), 100);
    wheel.schedule(new Noted('mid', log), 500);
    wheel.advance(1000);
    expect(log).to.deep.equal(['soon@1000', 'mid@1000', 'late@1000']);
  });

  it('does not fire what was cancelled, even by a timer due at the same time', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0);
    const first = new Noted('first', log);
    const second = new Noted('second', log);
    first.andThen = () => wheel.cancel(second);
    wheel.schedule(first, 100);
    wheel.schedule(second, 100);
    wheel.advance(200);
    expect(log).to.deep.equal(['first@200']);
  });

  it('moves a timer that is scheduled again', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0);
    const timer = new Noted('a', log);
    wheel.schedule(timer, 100);
    wheel.schedule(timer, 300);
    wheel.advance(200);
    expect(log).to.deep.equal([]);
    expect(wheel.next()).to.equal(300);
    wheel.advance(300);
    expect(log).to.deep.equal(['a@300']);
  });

  it('takes a timer that lies further ahead than one turn', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0);
    wheel.schedule(new Noted('timer C', log), 181_000);
    expect(wheel.next()).to.equal(181_000);
    for (let now = 0; now < 181_000; now += 10) wheel.advance(now);
    expect(log).to.deep.equal([]);
    wheel.advance(181_000);
    expect(log).to.deep.equal(['timer C@181000']);
  });

  it('catches up after a pause of hours', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0);
    wheel.schedule(new Noted('a', log), 500);
    wheel.schedule(new Noted('b', log), 200_000);
    wheel.advance(24 * 3_600_000);
    expect(log).to.have.length(2);
    expect(wheel.next()).to.equal(undefined);
  });

  it('is not held up by a timer that schedules itself for now', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0);
    const timer = new Noted('a', log);
    timer.andThen = (now) => wheel.schedule(timer, now);
    wheel.schedule(timer, 10);
    wheel.advance(10);
    wheel.advance(20);
    expect(log).to.deep.equal(['a@10', 'a@20']);
  });

  it('fires the others after one has thrown', () => {
    const log: string[] = [];
    const wheel = new TimerWheel(0);
    const faulty = new Noted('faulty', log);
    faulty.andThen = () => {
      throw new Error('boom');
    };
    wheel.schedule(faulty, 10);
    wheel.schedule(new Noted('next', log), 20);
    expect(() => wheel.advance(50)).to.throw('boom');
    expect(wheel.next()).to.be.at.most(50);
    wheel.advance(50);
    expect(log).to.deep.equal(['faulty@50', 'next@50']);
  });

  it('names the soonest of those that are wanted', () => {
    const wheel = new TimerWheel(0);
    const timers = [500, 70, 30_000, 60, 80].map((at) => {
      const timer = new Noted(`${at}`, []);
      wheel.schedule(timer, at);
      return timer;
    });
    const wanted = (timer: Timer): timer is Noted => timer instanceof Noted && timer !== timers[1];
    const names = (count: number): string[] => wheel.upcoming(wanted, count).map(({ name }) => name);
    expect(names(3)).to.deep.equal(['60', '80', '500']);
    expect(names(9)).to.deep.equal(['60', '80', '500', '30000']);
    wheel.advance(100);
    expect(names(1)).to.deep.equal(['500']);
    expect(wheel.size).to.equal(2);
  });

  it('refuses a time that is none', () => {
    const wheel = new TimerWheel(0);
    for (const none of [Number.NaN, Infinity, -1])
      expect(() => wheel.schedule(new Noted('a', []), none)).to.throw(
        RangeError,
        `a timer can't be scheduled at ${none}`,
      );
    expect(wheel.size).to.equal(0);
  });

  it('fires each of any timers within a tick of its time, and names the next one', () => {
    const step = fc.record({
      timer: fc.nat(9),
      delay: fc.integer({ min: 0, max: 100_000 }),
      cancel: fc.boolean(),
      pause: fc.integer({ min: 0, max: 60_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const wheel = new TimerWheel(0);
        const due = new Map<Noted, number>();
        const timers = Array.from({ length: 10 }, (_, i) => new Noted(`${i}`, []));
        let now = 0;
        for (const timer of timers) {
          timer.andThen = (at) => {
            expect(at).to.be.at.least(due.get(timer) ?? Infinity);
            due.delete(timer);
          };
        }
        for (const { timer: index, delay, cancel, pause } of steps) {
          const timer = timers[index];
          if (timer === undefined) continue;
          if (cancel) {
            wheel.cancel(timer);
            due.delete(timer);
          } else {
            wheel.schedule(timer, now + delay);
            due.set(timer, now + delay);
          }
          const soonest = Math.min(...due.values());
          const next = wheel.next();
          if (soonest === Infinity) expect(next).to.equal(undefined);
          else expect(next).to.be.within(soonest, Math.max(soonest, now) + 10);
          now += pause;
          wheel.advance(now);
          for (const at of due.values()) expect(at).to.be.above(now - 10);
          expect(wheel.size).to.equal(due.size);
        }
      }),
    );
  });
});
