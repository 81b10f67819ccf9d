import { expect } from 'chai';
import fc from 'fast-check';
import { TextSlots } from '../../../proxy/store/text-slots.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 3000 }),
  fc.constantFrom('', '\0', 'é', '€', '\ud800', 'x'.repeat(2011), 'x'.repeat(2012), 'x'.repeat(2013), '€'.repeat(2000)),
);

describe('texts beside the heap', () => {
  it('are given back as they were put, whatever became of their neighbours', () => {
    const put = fc.record({ what: fc.constant('put' as const), text });
    const other = fc.record({ what: fc.constantFrom('replace' as const, 'drop' as const), text, which: fc.nat() });
    fc.assert(
      fc.property(fc.array(fc.oneof(put, other), { maxLength: 60 }), (steps) => {
        const slots = new TextSlots();
        const known: { place: number; text: string }[] = [];
        for (const step of steps) {
          const at = step.what === 'put' ? known.length : step.which % Math.max(known.length, 1);
          const one = known[at];
          if (step.what === 'put') known.push({ place: slots.put(step.text), text: step.text });
          else if (one === undefined) continue;
          else if (step.what === 'replace') known[at] = { place: slots.replace(one.place, step.text), text: step.text };
          else {
            slots.drop(one.place);
            known.splice(at, 1);
          }
        }
        expect(known.map(({ place }) => slots.get(place))).to.deep.equal(known.map((one) => one.text));
        expect(new Set(known.map(({ place }) => place)).size).to.equal(known.length);
      }),
    );
  });

  it('tell what part stands where, up to a NUL or the end', () => {
    for (const wide of ['', '€', '€'.repeat(2000)]) {
      const slots = new TextSlots();
      const place = slots.put(`alice\0bob\0${wide}`);
      expect(slots.holds(place, 0, 'alice')).to.equal(true);
      expect(slots.holds(place, 6, 'bob')).to.equal(true);
      expect(slots.holds(place, 10, wide)).to.equal(true);
      expect(slots.holds(place, 0, 'ali')).to.equal(false);
      expect(slots.holds(place, 0, 'alicf')).to.equal(false);
      expect(slots.holds(place, 6, 'bobby')).to.equal(false);
      expect(slots.holds(place, 10, `${wide}x`)).to.equal(false);
    }
  });

  it('use a slot again that was given back', () => {
    const slots = new TextSlots();
    const places = [slots.put('one'), slots.put('two')];
    for (const place of places) slots.drop(place);
    expect([slots.put('three'), slots.put('four')]).to.have.members(places);
    expect(slots.replace(places[0] ?? 0, 'six')).to.equal(places[0]);
  });
});
