import { expect } from 'chai';
import fc from 'fast-check';
import { OWN, BindingRows } from '../../../proxy/store/binding-rows.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { binding, NOW, removed, stamp } from './records.ts';

/** Texts as they come, and such as could be taken for how they are kept. */
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('\0', '\0\0', 'a\0b', '=', '+', '[]', 'é€'));
const name = text.filter((one) => one !== '');
const bindings: fc.Arbitrary<Binding> = fc
  .record(
    {
      aor: name,
      id: name,
      contact: name,
      q: fc.integer({ min: 0, max: 1000 }),
      transport: fc.constantFrom('UDP', 'TCP', 'TLS', 'WS', 'WSS'),
      sourceAddress: text,
      sourcePort: fc.integer({ min: 0, max: 65_535 }),
      expires: fc.double({ min: NOW, max: 2 * NOW, noNaN: true }),
      stamp: fc.record({
        first: fc.double({ min: 0, max: 2 * NOW, noNaN: true }),
        callId: text,
        cseq: fc.integer({ min: 0, max: 0xffff_ffff }),
        commit: fc.double({ min: 0, max: 2 * NOW, noNaN: true }),
      }),
      instance: text,
      regId: fc.integer({ min: 0, max: 2 ** 31 }),
      path: fc.array(text),
      owner: name,
      boot: name,
      flow: fc.integer({ min: 0, max: 2 ** 40 }),
      until: fc.integer({ min: NOW, max: 2 * NOW }),
      more: fc.dictionary(fc.string(), fc.string()).map((object) => ({ ...object })),
    },
    {
      requiredKeys: [
        ...(['aor', 'id', 'contact', 'q', 'transport', 'sourceAddress', 'sourcePort', 'expires', 'stamp'] as const),
      ],
    },
  )
  .map((made) => JSON.parse(JSON.stringify(made)) as Binding);

describe('binding rows', () => {
  it('give back what was put into them, whatever is in its texts', () => {
    const rows = new BindingRows();
    fc.assert(
      fc.property(bindings, (made) => {
        const row = rows.add(made);
        expect(rows.get(row)).to.deep.equal(made);
        expect(rows.is(row, made.aor, made.id)).to.equal(true);
        expect(rows.is(row, made.aor, undefined)).to.equal(true);
        rows.drop(row);
      }),
    );
  });

  it('number what is in them anew whenever that is set, and as nothing when it is dropped', () => {
    const rows = new BindingRows();
    const row = rows.add(binding());
    const other = rows.add(binding());
    const seen = new Set([0, rows.version(row), rows.version(other)]);
    rows.set(row, binding({ q: 500 }));
    seen.add(rows.version(row));
    rows.drop(row);
    expect(rows.version(row)).to.equal(0);
    expect(rows.add(binding())).to.equal(row);
    seen.add(rows.version(row));
    expect(seen.size).to.equal(5);
    rows.setHeld(row, true);
    rows.setOrigin(row, 1);
    expect(seen.has(rows.version(row))).to.equal(true);
  });

  it('tell bindings apart', () => {
    const rows = new BindingRows();
    fc.assert(
      fc.property(bindings, name, name, (made, aor, id) => {
        const row = rows.add(made);
        expect(rows.is(row, aor, id)).to.equal(aor === made.aor && id === made.id);
        expect(rows.is(row, aor, undefined)).to.equal(aor === made.aor);
        rows.drop(row);
      }),
    );
    const row = rows.add(binding({ aor: 'a', id: 'b\0c', contact: 'd' }));
    expect(rows.is(row, 'a', 'b')).to.equal(false);
    const other = rows.add(binding({ aor: 'a', id: 'b', contact: 'c' }));
    expect([rows.is(other, 'a', 'b'), rows.is(other, 'a', 'b\0c'), rows.is(other, 'a\0b', 'c')]).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('say where a phone is whose UDP flow a proxy holds, and of no others', () => {
    const rows = new BindingRows();
    const owned = { owner: 'p1', boot: 'b', flow: 0, sourceAddress: '192.0.2.1', sourcePort: 0xffff };
    const row = rows.add(binding({ ...owned, q: 1000, path: ['<sip:a>'] }));
    expect(rows.natSource(row, 'p1')).to.deep.equal({ address: '192.0.2.1', port: 0xffff });
    expect(rows.natSource(row, 'p2'), "another's").to.equal(undefined);
    const others = [binding({ ...owned, transport: 'TCP' }), removed(), binding()];
    expect(others.map((other) => rows.natSource(rows.add(other), 'p1'))).to.deep.equal([
      ...[undefined, undefined, undefined],
    ]);
    rows.drop(row);
    expect(rows.natSource(row, 'p1'), 'given back').to.equal(undefined);
    expect(rows.natSource(rows.add(binding({ ...owned, aor: 'a\0b' })), 'p1')?.address).to.equal('192.0.2.1');
  });

  it('keep tombstones', () => {
    const rows = new BindingRows();
    const row = rows.add(removed({ stamp: stamp({ cseq: 7 }) }));
    expect(rows.get(row)).to.deep.equal(removed({ stamp: stamp({ cseq: 7 }) }));
    expect(rows.isRemoved(row)).to.equal(true);
  });

  it('are used again when they were given back', () => {
    const rows = new BindingRows();
    const [first, second] = [rows.add(binding()), rows.add(binding())];
    rows.drop(first);
    rows.drop(second);
    expect(rows.isUsed(first)).to.equal(false);
    expect([rows.add(binding()), rows.add(binding()), rows.add(binding())]).to.have.members([first, second, 2]);
    expect(rows.end).to.equal(3);
  });

  it('remember how they are linked and held, apart from what is in them', () => {
    const rows = new BindingRows();
    const [a, b] = [rows.add(binding()), rows.add(binding())];
    rows.setNext(a, b);
    rows.setPeer(a, 5);
    rows.setOrigin(a, 15);
    rows.setHeld(a, true);
    rows.setLive(a, true);
    rows.setDue(a, 0x7fffffff);
    rows.setAorHash(a, -7);
    rows.set(a, binding({ q: 1 }));
    expect([rows.next(a), rows.peer(a), rows.isHeld(a), rows.isLive(a), rows.origin(a), rows.due(a)]).to.deep.equal([
      ...[b, 5, true, true, 15, 0x7fffffff],
    ]);
    expect([rows.aorHash(a), rows.isHeld(b), rows.isLive(b)]).to.deep.equal([-7, false, false]);
  });

  it('are not known to be held once their store names anew what it holds; those of other stores still are', () => {
    const rows = new BindingRows();
    const [a, b] = [rows.add(binding()), rows.add(binding())];
    rows.setOrigin(b, 2);
    for (const row of [a, b]) rows.setHeld(row, true);
    rows.forgetHeld(2);
    expect([rows.isHeld(a), rows.isHeld(b)]).to.deep.equal([true, false]);
    rows.setHeld(b, true);
    rows.forgetHeld(OWN);
    expect([rows.isHeld(a), rows.isHeld(b)]).to.deep.equal([false, true]);
  });
});
