import { expect } from 'chai';
import { pino } from 'pino';
import { Leader, type LeaseEdge, type LeaseRecord } from '../../operator/leader.ts';
import { GivenTime, settled } from './given-time.ts';

/** A Lease that several compete for. */
class Lease {
  record: LeaseRecord = { holder: '', seconds: 0, transitions: 0, version: undefined };
  #version = 0;

  edge(reachable: () => boolean = () => true): LeaseEdge {
    return {
      read: async () => {
        if (!reachable()) throw new Error('cut off');
        return this.record;
      },
      write: async (record) => {
        if (!reachable()) throw new Error('cut off');
        if (record.version !== this.record.version) return false;
        this.#version += 1;
        this.record = { ...record, version: String(this.#version) };
        return true;
      },
    };
  }
}

describe('Leader', () => {
  const log = pino({ level: 'silent' });
  let time: GivenTime;
  let lease: Lease;
  let end: AbortController;

  beforeEach(() => {
    time = new GivenTime();
    lease = new Lease();
    end = new AbortController();
  });
  afterEach(() => end.abort());

  const candidate = (identity: string, edge = lease.edge()): Leader => new Leader({ edge, identity, clock: time, log });
  const run = async (leader: Leader): Promise<void> => {
    await leader.acquire(end.signal);
    await leader.hold(end.signal);
  };

  it('leads at once where there is no Lease', async () => {
    const leader = candidate('a');
    await leader.acquire(end.signal);
    expect(leader.leading).to.equal(true);
    expect(lease.record).to.include({ holder: 'a', seconds: 15, transitions: 0 });
  });

  it('never has two leaders, and none is superseded while it renews', async () => {
    const leaders = [candidate('a'), candidate('b')];
    const runs = leaders.map((leader) => run(leader));
    for (let second = 0; second < 120; second += 1) {
      await time.move(1000);
      expect(leaders.filter(({ leading }) => leading)).to.have.length(1);
    }
    expect(lease.record.transitions).to.equal(0);
    end.abort();
    await Promise.all(runs);
  });

  it('stops to lead before another may, when it is cut off', async () => {
    let reachable = true;
    const first = candidate(
      'a',
      lease.edge(() => reachable),
    );
    const second = candidate('b');
    const held = run(first);
    await settled();
    const other = run(second);
    await time.move(5000);
    reachable = false;
    for (let tenth = 0; tenth < 300; tenth += 1) {
      await time.move(100);
      expect(first.leading && second.leading).to.equal(false);
    }
    await held;
    expect(second.leading).to.equal(true);
    expect(lease.record).to.include({ holder: 'b', transitions: 1 });
    end.abort();
    await other;
  });

  it('does not write once it is not sure, even before its calls have failed', async () => {
    let hang = false;
    const edge = lease.edge();
    const stuck: LeaseEdge = {
      read: (signal) =>
        hang
          ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
          : edge.read(signal),
      write: (record, signal) => edge.write(record, signal),
    };
    const leader = candidate('a', stuck);
    const held = run(leader);
    await settled();
    hang = true;
    await time.move(9000);
    expect(leader.leading).to.equal(true);
    await time.move(1000);
    expect(leader.leading).to.equal(false);
    await time.move(20_000);
    await held;
  });

  it('waits the whole duration for a holder that it has just begun to see, whatever the clocks say', async () => {
    lease.record = { holder: 'gone', seconds: 15, transitions: 3, version: '0' };
    const leader = candidate('a');
    const held = run(leader);
    await time.move(14_000);
    expect(leader.leading).to.equal(false);
    await time.move(5000);
    expect(leader.leading).to.equal(true);
    expect(lease.record.transitions).to.equal(4);
    end.abort();
    await held;
  });

  it('lets another lead at once when it ends in order', async () => {
    const first = candidate('a');
    await first.acquire(end.signal);
    await first.release(new AbortController().signal);
    expect(first.leading).to.equal(false);
    const second = candidate('b');
    await second.acquire(end.signal);
    expect(second.leading).to.equal(true);
  });
});
