import { expect } from 'chai';
import { mock } from 'node:test';
import { Ticker } from '../../proxy/ticker.ts';

describe('the ticker', () => {
  let ticks: number[];
  let wakes: number;
  let now: number;
  let due: number;
  let ticker: Ticker;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    [ticks, wakes, now, due] = [[], -1, 1000, Infinity];
    ticker = new Ticker({
      read: () => {
        wakes++;
        return now;
      },
      due: () => due,
      tick: (at) => ticks.push(at),
    });
    ticker.pass(now + 100);
    ticker.start();
  });

  afterEach(() => {
    ticker.stop();
    mock.timers.reset();
  });

  function pass(ms: number): void {
    for (let i = 0; i < ms; i++) {
      now++;
      mock.timers.tick(1);
    }
  }

  it('ticks every 50 ms while nothing comes and nothing is due', () => {
    pass(200);
    expect(ticks).to.deep.equal([1050, 1100, 1150, 1200]);
  });

  it('ticks when something is due, but every 10 ms at most', () => {
    due = 1073;
    pass(73);
    expect(ticks).to.deep.equal([1050, 1073]);
    // it stays due, as what can't be done yet
    pass(20);
    expect(ticks).to.deep.equal([1050, 1073, 1083, 1093]);
  });

  it('ticks with the turns that messages begin, every 10 ms, and is woken for it no more than without', () => {
    for (let i = 0; i < 100; i++) {
      pass(1);
      ticker.pass(now);
    }
    expect(ticks).to.deep.equal([1010, 1020, 1030, 1040, 1050, 1060, 1070, 1080, 1090, 1100]);
    expect(wakes).to.be.at.most(3);
  });

  it('goes on after a tick that threw', () => {
    ticker.stop();
    let times = 0;
    ticker = new Ticker({
      read: () => now,
      due: () => due,
      tick() {
        times++;
        throw new Error('a fault');
      },
    });
    ticker.start();
    for (let i = 0; i < 2; i++) expect(() => pass(50)).to.throw('a fault');
    expect(times).to.equal(2);
  });

  it('wakes nobody once it is stopped', () => {
    ticker.stop();
    pass(200);
    ticker.pass(now);
    expect(ticks).to.deep.equal([]);
  });

  it('may be stopped by a tick', () => {
    const tick = (at: number): void => {
      ticks.push(at);
      ticker.stop();
    };
    ticker.stop();
    ticker = new Ticker({ read: () => now, due: () => due, tick });
    ticker.start();
    pass(200);
    expect(ticks).to.deep.equal([1050]);
  });
});
