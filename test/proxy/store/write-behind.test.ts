import { expect } from 'chai';
import { WriteBehind } from '../../../proxy/store/write-behind.ts';
import { silent } from './records.ts';
import { Slow } from './slow.ts';

describe('write-behind', () => {
  let store: Slow;
  let writes: WriteBehind;
  let done: string[];

  beforeEach(() => {
    store = new Slow();
    writes = new WriteBehind({ store, limit: 3, log: silent });
    done = [];
  });
  const put = (key: string, value: string): void => {
    const committed = (): unknown => done.push(`${key} ${value}`);
    if (!writes.put(key, value, undefined, { committed })) done.push(`${key} ${value}`);
  };

  it('writes at once and settles at the commit', async () => {
    put('a', '1');
    expect(store.asked).to.deep.equal(['put a 1']);
    expect(done).to.deep.equal([]);
    await store.answer();
    expect(done).to.deep.equal(['a 1']);
    expect(writes.size).to.equal(0);
  });

  it('writes again what changed on its way, once, and settles all then', async () => {
    put('a', '1');
    put('a', '2');
    put('a', '3');
    await store.answer();
    expect(done).to.deep.equal([]);
    expect(store.asked).to.deep.equal(['put a 1', 'put a 3']);
    await store.answer();
    expect(done).to.deep.equal(['a 1', 'a 2', 'a 3']);
  });

  it('keeps what failed and tries it again when told to, the last of each key', async () => {
    put('a', '1');
    put('b', '1');
    await store.answer('Unreachable');
    await store.answer('Deadline');
    put('a', '2');
    expect(store.asked).to.have.length(2);
    writes.retry();
    expect(store.asked.slice(2).toSorted()).to.deep.equal(['put a 2', 'put b 1']);
    await store.answer();
    await store.answer();
    expect(done.toSorted()).to.deep.equal(['a 1', 'a 2', 'b 1']);
    expect(writes.counters.writesRetried).to.equal(2);
  });

  it('gives up what the store refuses for good, and nothing else', async () => {
    put('a', '1');
    put('b', '1');
    await store.answer('Refused');
    expect(done).to.deep.equal(['a 1']);
    expect(writes.size).to.equal(1);
    expect(writes.counters.writesRefused).to.equal(1);
  });

  it('forgets who waited for a store that is away and gave up', async () => {
    const told: number[] = [];
    const waiters = Array.from({ length: 4 }, (_, i) => ({ gaveUp: false, committed: (): unknown => told.push(i) }));
    for (const [i, waiter] of waiters.entries()) {
      writes.put('a', `${i}`, undefined, waiter);
      if (i === 0) await store.answer('Unreachable');
      waiter.gaveUp = i < 2;
    }
    writes.retry();
    await store.answer();
    expect(told).to.deep.equal([2, 3]);
  });

  it('is bounded, and says that it overflowed', async () => {
    for (const key of ['a', 'b', 'c', 'd']) put(key, '1');
    expect(store.asked).to.have.length(3);
    expect(writes.overflowed).to.equal(true);
    expect(writes.counters.writesOverflowed).to.equal(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(done, 'no one waits for what is not queued').to.deep.equal(['d 1']);
  });

  it('calls back what is not on its way yet', async () => {
    put('a', '1');
    await store.answer('Unreachable');
    writes.cancel('a');
    writes.retry();
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.asked).to.have.length(1);
    expect(done).to.deep.equal(['a 1']);
  });

  it('removes after it put, on condition where told so', async () => {
    put('a', '1');
    writes.remove('a');
    writes.remove('b', 'old');
    writes.retry();
    expect(store.asked).to.deep.equal(['put a 1', 'remove b old']);
    await store.answer();
    expect(store.asked).to.deep.equal(['put a 1', 'remove b old', 'remove a']);
  });

  it('keeps removals until there is a put to go with, whatever else lands meanwhile', async () => {
    put('a', '1');
    writes.remove('b');
    await store.answer();
    expect(store.asked).to.deep.equal(['put a 1']);
    put('c', '1');
    expect(store.asked).to.deep.equal(['put a 1', 'remove b', 'put c 1']);
  });

  it('keeps removals until they are many', () => {
    const many = new WriteBehind({ store, limit: 1000, log: silent });
    for (let i = 1; i < 128; i++) many.remove(`k${i}`);
    expect(store.asked).to.deep.equal([]);
    many.remove('k128');
    expect(store.asked).to.have.length(128);
  });

  it('calls back no removal: what it removes is out of date still', () => {
    writes.remove('a', 'old');
    writes.cancel('a');
    writes.retry();
    expect(store.asked).to.deep.equal(['remove a old']);
  });

  it('tells when all is written, or that it can not be', async () => {
    let drained = 0;
    put('a', '1');
    void writes.drained(1000).then(() => drained++);
    await store.answer();
    expect(drained).to.equal(1);
    put('a', '2');
    void writes.drained(1000).then(() => drained++);
    await store.answer('Unreachable');
    expect(drained).to.equal(2);
  });

  it('asks who wrote it whether what comes back need be read, but not while it is on its way again', async () => {
    let hears = 0;
    const writer = { heard: () => ++hears > 0 };
    const written: (() => boolean | undefined)[] = [];
    store.write = ({ key, value }, outcome) => {
      written.push(() => outcome.heard?.());
      void store.put(key, value ?? '').then(() => outcome.committed());
    };
    writes.put('a', '1', undefined, undefined, writer);
    expect(written[0]?.(), 'on its way').to.equal(false);
    await store.answer();
    expect(written[0]?.()).to.equal(true);
    expect(hears).to.equal(1);
    writes.put('b', '1', undefined, undefined, writer);
    writes.put('b', '2', undefined, undefined, writer);
    await store.answer();
    expect(written[1]?.(), 'on its way again').to.equal(false);
    await store.answer();
    expect(written[2]?.()).to.equal(true);
    writes.put('c', '1', undefined);
    await store.answer();
    expect(written[3]?.(), 'nobody knows it').to.equal(false);
  });
});
