import { expect } from 'chai';
import fc from 'fast-check';
import { WorkQueue } from '../../operator/queue.ts';

const whole = (): number => 1;

describe('WorkQueue', () => {
  it('works on a key once, however often it was added', () => {
    const queue = new WorkQueue(whole);
    for (let n = 0; n < 3; n += 1) queue.add('a', 0);
    expect(queue.take(0)).to.equal('a');
    expect(queue.take(0)).to.equal(undefined);
    queue.done('a');
    expect(queue.take(0)).to.equal(undefined);
  });

  it('comes back to a key that was added while it was worked on, but not before that is done', () => {
    const queue = new WorkQueue(whole);
    queue.add('a', 0);
    queue.take(0);
    queue.add('a', 1);
    expect(queue.take(1)).to.equal(undefined);
    queue.done('a');
    expect(queue.take(1)).to.equal('a');
  });

  it('gives the key that waits longest first, and none before its time', () => {
    const queue = new WorkQueue(whole);
    queue.add('late', 20);
    queue.add('early', 10);
    expect(queue.next()).to.equal(10);
    expect(queue.take(9)).to.equal(undefined);
    expect(queue.take(30)).to.equal('early');
    expect(queue.take(30)).to.equal('late');
  });

  it('pauses longer after every failure of a key, up to a limit, and forgets that with a success', () => {
    const queue = new WorkQueue(whole, { first: 100, most: 1000 });
    const pauses: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      queue.add('a', 0);
      queue.take(1e9);
      pauses.push(queue.failed('a', 0));
    }
    expect(pauses).to.deep.equal([100, 200, 400, 800, 1000, 1000]);
    queue.take(1e9);
    queue.done('a');
    queue.add('a', 0);
    queue.take(0);
    expect(queue.failed('a', 0)).to.equal(100);
  });

  it('waits at least as long as the API server asked for', () => {
    const queue = new WorkQueue(whole, { first: 100, most: 1000 });
    queue.add('a', 0);
    queue.take(0);
    expect(queue.failed('a', 0, 5000)).to.equal(5000);
  });

  it('does not let events shorten the pause of a key that fails, nor hold up other keys', () => {
    const queue = new WorkQueue(whole, { first: 100, most: 1000 });
    queue.add('a', 0);
    queue.take(0);
    queue.failed('a', 0);
    queue.add('a', 1);
    queue.add('b', 1);
    expect(queue.take(50)).to.equal('b');
    expect(queue.take(50)).to.equal(undefined);
    expect(queue.take(100)).to.equal('a');
  });

  it('comes to a key at once whose subject was changed, however long it has failed', () => {
    const queue = new WorkQueue(whole, { first: 100, most: 1000 });
    queue.add('a', 0);
    queue.take(0);
    queue.failed('a', 0);
    queue.renew('a', 1);
    expect(queue.take(1)).to.equal('a');
    expect(queue.failed('a', 1)).to.equal(100);
  });

  it('loses no key and never has two workers on one, whatever happens', () => {
    const action = fc.tuple(fc.constantFrom('add', 'take', 'done', 'fail'), fc.constantFrom('a', 'b', 'c'));
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const queue = new WorkQueue(whole);
        const working = new Set<string>();
        const owed = new Set<string>();
        let now = 0;
        for (const [what, key] of actions) {
          now += 1;
          if (what === 'add') {
            queue.add(key, now);
            owed.add(key);
          } else if (what === 'take') {
            const taken = queue.take(now);
            if (taken === undefined) continue;
            expect(working.has(taken)).to.equal(false);
            expect(owed.delete(taken)).to.equal(true);
            working.add(taken);
          } else if (working.delete(key)) {
            if (what === 'done') queue.done(key);
            else {
              queue.failed(key, now);
              owed.add(key);
            }
          }
        }
        for (const key of working) queue.done(key);
        for (let key = queue.take(1e9); key !== undefined; key = queue.take(1e9)) owed.delete(key);
        expect([...owed]).to.deep.equal([]);
      }),
    );
  });
});
