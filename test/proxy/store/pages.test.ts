import { expect } from 'chai';
import fc from 'fast-check';
import { PAGE, Pages } from '../../../proxy/store/pages.ts';

describe('pages', () => {
  /** Reads all keys as etcd would give them out. Returns what was read, the pages, and the keys etcd looked at. */
  const readAll = (keys: readonly string[]): { read: string[]; pages: number; looked: number } => {
    const sorted = keys.map((key) => Buffer.from(key)).toSorted((a, b) => a.compare(b));
    const pages = new Pages(Buffer.from('p/'), Buffer.from('p0'));
    const read: string[] = [];
    let [count, looked] = [0, 0];
    for (let range = pages.next(); range !== undefined; range = pages.next()) {
      const { key, range_end: end } = range;
      const within = sorted.slice(indexOf(sorted, key), indexOf(sorted, end));
      const kvs = within.slice(0, PAGE).map((one) => ({ key: one }));
      read.push(...kvs.map((kv) => kv.key.toString()));
      count++;
      looked += within.length;
      pages.read({ kvs, more: within.length > PAGE, count: String(within.length) });
    }
    return { read, pages: count, looked };
  };
  const indexOf = (sorted: readonly Buffer[], key: Buffer): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle]?.compare(key) ?? 0) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  it('hold every key once and in order, whatever the keys', () => {
    const part = fc.constantFrom('a', 'ab', 'b', '1', '12', 'é', '\u{10ffff}', '~', '/');
    const name = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
    const many = fc
      .tuple(name, fc.integer({ min: 0, max: 3000 }))
      .map(([prefix, count]) => Array.from({ length: count }, (_, i) => `p/${prefix}${i}`));
    fc.assert(
      fc.property(fc.array(many, { maxLength: 4 }), fc.array(name, { maxLength: 20 }), (groups, single) => {
        const keys = [...new Set([...groups.flat(), ...single.map((one) => `p/${one}`)])];
        const sorted = keys.map((key) => Buffer.from(key)).toSorted((a, b) => a.compare(b));
        expect(readAll(keys).read).to.deep.equal(sorted.map((key) => key.toString()));
      }),
      { numRuns: 20 },
    );
  });

  it('have etcd look at each key a few times, not once a page', () => {
    const count = 60_000;
    const digits = Array.from({ length: count }, (_, i) => `p/binding/${1_000_000 + i * 7}@sip.example.com/sip:x`);
    const names = Array.from({ length: count }, (_, i) => `p/binding/agent.${(i * 7919) % count}@x/<urn:uuid:${i}>;1`);
    for (const keys of [digits, names]) {
      const { looked, pages } = readAll(keys);
      expect(looked).to.be.lessThan(16 * count);
      expect(pages).to.be.lessThan(3 * (count / PAGE));
    }
  });
});
