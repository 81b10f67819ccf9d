import { expect } from 'chai';
import fc from 'fast-check';
import { textHash, TextMap } from '../../../proxy/transaction/text-map.ts';

class Thing {
  readonly key: string;
  readonly number: number;
  hash = 0;
  chained: Thing | undefined = undefined;
  constructor(key: string, number = 0) {
    this.key = key;
    this.number = number;
  }
}

describe('a map by texts', () => {
  it('finds what has the key, however the key was made', () => {
    const map = new TextMap<Thing>();
    const thing = new Thing('z9hG4bKabc');
    map.set(thing);
    expect(map.get(['z9hG4bK', 'abc'].join(''))).to.equal(thing);
    expect(map.get('x z9hG4bKabc'.slice(2))).to.equal(thing);
    expect(map.get('z9hG4bKab')).to.equal(undefined);
  });

  it('has small numbers for texts, seldom the same for two, and others with another seed', () => {
    const texts = Array.from({ length: 10_000 }, (_, i) => `z9hG4bK${i}`);
    const hashes = texts.map((text) => textHash(text, 1));
    for (const hash of hashes) expect(hash).to.be.within(0, 2 ** 30 - 1);
    expect(new Set(hashes).size).to.be.greaterThan(9990);
    expect(new Set([...hashes, ...texts.map((text) => textHash(text, 2))]).size).to.be.greaterThan(19_950);
  });

  it('goes through all that it holds, also those of one hash', () => {
    const map = new TextMap<Thing>();
    const things = [new Thing('a'), new Thing('b'), new Thing('c')];
    for (const thing of things) map.set(thing, 7);
    expect([...map.values()]).to.have.members(things);
    map.delete(things[1] ?? new Thing(''));
    expect([...map.values()].map(({ key }) => key)).to.have.members(['a', 'c']);
  });

  it('leaves alone what has taken the place of what is deleted', () => {
    const map = new TextMap<Thing>();
    const [old, young] = [new Thing('a', 1), new Thing('a', 2)];
    map.set(old);
    map.set(young);
    map.delete(old);
    expect(map.get('a')).to.equal(young);
    expect(map.size).to.equal(1);
  });

  it('does whatever a Map does', () => {
    const key = fc.constantFrom('', 'a', 'b', 'z9hG4bKabc', 'z9hG4bKabd');
    const step = fc.record({ key, does: fc.constantFrom('set', 'delete') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const map = new TextMap<Thing>();
        const model = new Map<string, number>();
        steps.forEach(({ key: name, does }, i) => {
          if (does === 'set') {
            map.set(new Thing(name, i));
            model.set(name, i);
          } else {
            const thing = map.get(name);
            if (thing !== undefined) map.delete(thing);
            model.delete(name);
          }
          expect(map.size).to.equal(model.size);
          expect(map.get(name)?.number).to.equal(model.get(name));
        });
      }),
    );
  });

  it('keeps apart keys that have the same hash', () => {
    // among 60,000 texts some two have the same 30 bits, whatever the seed
    const map = new TextMap<Thing>();
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
