import { expect } from 'chai';
import fc from 'fast-check';
import { KeyTable } from '../../../proxy/store/key-table.ts';

class Thing {
  readonly key: string;
  readonly number: number;
  hash = 0;
  constructor(key: string, number = 0) {
    this.key = key;
    this.number = number;
  }
}

describe('a table of keys', () => {
  it('finds what has the key, however the key was made', () => {
    const map = new KeyTable<Thing>();
    const thing = new Thing('z9hG4bKabc');
    map.set(thing);
    expect(map.get(['z9hG4bK', 'abc'].join(''))).to.equal(thing);
    expect(map.get('x z9hG4bKabc'.slice(2))).to.equal(thing);
    expect(map.get('z9hG4bKab')).to.equal(undefined);
  });

  it('leaves alone what has taken the place of what is deleted', () => {
    const map = new KeyTable<Thing>();
    const [old, young] = [new Thing('a', 1), new Thing('a', 2)];
    map.set(old);
    map.set(young);
    map.delete(old);
    expect(map.get('a')).to.equal(young);
    expect(map.size).to.equal(1);
  });

  it('does whatever a Map does, also where the hashes are next to each other', () => {
    const name = fc.constantFrom('', 'a', 'b', 'c', 'd', 'e', 'z9hG4bKabc', 'z9hG4bKabd');
    const step = fc.record({ name, does: fc.constantFrom('set', 'set', 'delete') });
    // of 64 places, at first: rows of taken ones go from the last to the first
    const hash = fc.constantFrom(62, 63, 126, 127, 0, 1, 64);
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 100 }),
        fc.array(hash, { minLength: 8, maxLength: 8 }),
        (steps, hashes) => {
          const map = new KeyTable<Thing>();
          const model = new Map<string, number>();
          const names = ['', 'a', 'b', 'c', 'd', 'e', 'z9hG4bKabc', 'z9hG4bKabd'];
          const hashOf = (text: string): number => hashes[names.indexOf(text)] ?? 0;
          steps.forEach(({ name: key, does }, i) => {
            const thing = map.find(key, hashOf(key));
            if (does === 'set') {
              map.set(new Thing(key, i), hashOf(key));
              model.set(key, i);
            } else {
              if (thing !== undefined) map.delete(thing);
              model.delete(key);
            }
            expect(map.size).to.equal(model.size);
            for (const one of names) expect(map.find(one, hashOf(one))?.number).to.equal(model.get(one));
          });
        },
      ),
    );
  });

  it('keeps apart keys that have the same hash', () => {
    // among 60,000 texts some two have the same 30 bits, whatever the seed
    const map = new KeyTable<Thing>();
    for (let i = 0; i < 60_000; i++) map.set(new Thing(`branch-${i}`, i));
    for (let i = 0; i < 60_000; i += 3) {
      const thing = map.get(`branch-${i}`);
      if (thing !== undefined) map.delete(thing);
    }
    for (let i = 0; i < 60_000; i++) {
      expect(map.get(`branch-${i}`)?.number).to.equal(i % 3 === 0 ? undefined : i);
    }
    expect(map.size).to.equal(40_000);
  });
});
