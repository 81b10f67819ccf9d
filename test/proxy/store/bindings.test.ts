import { expect } from 'chai';
import fc from 'fast-check';
import { NONE } from '../../../proxy/store/binding-rows.ts';
import { BindingTable } from '../../../proxy/store/bindings.ts';
import { encodeBinding } from '../../../proxy/store/codec.ts';
import { keptUntil, merge } from '../../../proxy/store/merge.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { binding, HOUR, MINUTE, NOW, removed, stamp, versions } from './records.ts';

describe('binding table', () => {
  const table = (limit = 1000): BindingTable => new BindingTable(limit);
  const contents = (t: BindingTable): Binding[] => [...t.used()].map((row) => t.rows.get(row));
  const phone = (n: number, part: Partial<Binding> = {}): Binding => {
    const contact = `sip:alice@10.0.0.${n}:5060`;
    return binding({ id: contact, contact, stamp: stamp({ first: NOW + n }), ...part });
  };

  it("finds an AOR's bindings, the last one registered first", () => {
    const bindings = table();
    for (const n of [1, 3, 2]) bindings.take(phone(n), 0, NOW);
    bindings.take(binding({ aor: 'bob@example.com' }), 0, NOW);
    expect(bindings.ofAor('alice@example.com', NOW)).to.deep.equal([phone(3), phone(2), phone(1)]);
    expect(bindings.ofAor('carol@example.com', NOW)).to.deep.equal([]);
  });

  it('finds bindings by a contact that is equal though written otherwise', () => {
    const bindings = table();
    bindings.take(binding({ contact: 'sip:%61lice@Example.COM;ob;transport=TCP' }), 0, NOW);
    expect(bindings.ofContact('sip:alice@example.com;transport=tcp', NOW)).to.have.length(1);
    expect(bindings.ofContact('sip:alice@example.com', NOW)).to.deep.equal([]);
    expect(bindings.ofContact('sip:alice@example.com:5060;transport=tcp', NOW)).to.deep.equal([]);
    expect(bindings.ofContact('no uri', NOW)).to.deep.equal([]);
  });

  it('finds a binding by its contact of now, not by one it had', () => {
    const bindings = table();
    const id = '<urn:uuid:1>;1';
    bindings.take(binding({ id, contact: 'sip:alice@10.0.0.1' }), 0, NOW);
    bindings.take(binding({ id, contact: 'sip:alice@10.0.0.2', stamp: stamp({ cseq: 2 }) }), 0, NOW);
    expect(bindings.ofContact('sip:alice@10.0.0.1', NOW)).to.deep.equal([]);
    expect(bindings.ofContact('sip:alice@10.0.0.2', NOW)).to.have.length(1);
  });

  it('knows which store the winning version is in, and not yet whether ours holds it', () => {
    const bindings = table();
    const { row } = bindings.take(phone(1), 0, NOW) ?? expect.fail();
    const state = (): [number, boolean] => [bindings.rows.origin(row), bindings.rows.isHeld(row)];
    bindings.rows.setHeld(row, true);
    bindings.take(phone(1, { stamp: stamp({ first: NOW }) }), 2, NOW);
    expect(state(), 'an older one').to.deep.equal([0, true]);
    bindings.take(phone(1, { stamp: stamp({ first: NOW + 2 }) }), 0, NOW);
    expect(state(), 'a newer one').to.deep.equal([0, false]);
    bindings.take(phone(1, { stamp: stamp({ first: NOW + 3 }) }), 2, NOW);
    expect(state(), "another data centre's").to.deep.equal([2, false]);
  });

  it('shows neither tombstones nor what expired', () => {
    const bindings = table();
    bindings.take(phone(1, { expires: NOW + MINUTE }), 0, NOW);
    bindings.take(removed({ expires: NOW + HOUR }), 0, NOW);
    expect(bindings.ofAor('alice@example.com', NOW)).to.have.length(1);
    expect(bindings.ofAor('alice@example.com', NOW + MINUTE)).to.deep.equal([]);
    expect(bindings.ofContact('sip:alice@10.0.0.1:5060', NOW + MINUTE)).to.deep.equal([]);
  });

  it('counts live ones and forgets each when it need not be remembered', () => {
    const bindings = table();
    bindings.take(phone(1, { expires: NOW + 5000 }), 0, NOW);
    bindings.take(phone(2, { expires: NOW + 5000 }), 0, NOW);
    bindings.take(phone(2, { expires: NOW + 9000, stamp: stamp({ first: NOW + 2, cseq: 2 }) }), 0, NOW);
    expect([bindings.live, bindings.size]).to.deep.equal([2, 2]);
    bindings.expire(NOW + 5000);
    expect([bindings.live, bindings.size]).to.deep.equal([1, 2]);
    bindings.expire(NOW + 9000);
    expect([bindings.live, bindings.size]).to.deep.equal([0, 2]);
    bindings.expire(NOW + 5000 + MINUTE);
    expect([bindings.live, bindings.size]).to.deep.equal([0, 1]);
    bindings.expire(NOW + 9000 + MINUTE);
    expect(bindings.size).to.equal(0);
    expect([...bindings.used()]).to.deep.equal([]);
  });

  it('changes few at a time when very many expire at once, and looks at few where none does', () => {
    const bindings = table(100_000);
    const phones = 5000;
    for (let i = 0; i < phones; i++)
      bindings.take(binding({ aor: `u${i}@example.com`, id: `${i}`, contact: `sip:${i}@h` }), 0, NOW);
    const changed: number[] = [];
    for (let before = phones; before > 0; before = bindings.live) {
      expect(bindings.expire(NOW + HOUR), 'whether there are more').to.equal(true);
      changed.push(before - bindings.live);
    }
    expect([Math.max(...changed), changed.length]).to.deep.equal([250, phones / 250]);
    let looks = 0;
    const { rows } = bindings;
    const due = rows.due.bind(rows);
    rows.due = (row) => {
      looks++;
      return due(row);
    };
    expect(bindings.expire(NOW + HOUR), 'whether there are more').to.equal(false);
    expect(looks).to.equal(2000);
  });

  it('asks to be called again at once where every 50 ms would not bring it round to all rows in five seconds', () => {
    const bindings = new BindingTable(300_000);
    const more: boolean[] = [];
    for (let i = 0; i <= 200_000; i++) {
      const id = `sip:${i}@h`;
      bindings.take(binding({ aor: `${i}@h`, id, contact: id, expires: NOW + HOUR }), 0, NOW);
      if (i >= 199_999) more.push(bindings.expire(NOW));
    }
    expect(more).to.deep.equal([false, true]);
  });

  it('drops a binding when its last version ends, and not when one before did', () => {
    const bindings = table();
    const refreshed = (cseq: number, expires: number): Binding => phone(1, { expires, stamp: stamp({ cseq }) });
    bindings.take(refreshed(1, NOW + HOUR), 0, NOW);
    bindings.take(refreshed(2, NOW + 2 * HOUR), 0, NOW);
    bindings.expire(NOW + HOUR);
    expect(bindings.live).to.equal(1);
    bindings.take(refreshed(3, NOW + 90 * MINUTE), 0, NOW);
    bindings.expire(NOW + 90 * MINUTE);
    expect([bindings.live, bindings.size]).to.deep.equal([0, 1]);
  });

  it('takes nothing that need not be remembered', () => {
    expect(table().take(binding({ expires: NOW - MINUTE }), 0, NOW)).to.equal(undefined);
  });

  it('makes room by the tombstones that go first, and refuses new bindings where there are none', () => {
    const bindings = table(3);
    bindings.take(removed({ id: 'late', expires: NOW + 2 * HOUR }), 0, NOW);
    bindings.take(removed({ id: 'soon', expires: NOW + HOUR }), 0, NOW);
    bindings.take(phone(1), 0, NOW);
    expect(bindings.take(phone(2), 0, NOW)).to.not.equal(undefined);
    expect([...bindings.used()].map((row) => bindings.rows.get(row).id))
      .to.include('late')
      .and.not.include('soon');
    expect(bindings.take(phone(3), 0, NOW)).to.not.equal(undefined);
    expect(bindings.take(phone(4), 0, NOW)).to.equal(undefined);
    expect([bindings.size, bindings.evicted, bindings.refused]).to.deep.equal([3, 2, 1]);
    expect(bindings.take(phone(1, { stamp: stamp({ first: NOW + 1, cseq: 2 }) }), 0, NOW), 'a refresh').to.not.equal(
      undefined,
    );
  });

  it('looks at some of its rows for room, those that were not looked at last, and at a few of them all in a second', () => {
    const size = 40_000;
    const bindings = table(size);
    for (let i = 0; i < size; i++) {
      const part = { aor: `u${i}@example.com`, id: `${i}`, contact: `sip:${i}@h` };
      bindings.take(i === 25_000 ? removed(part) : binding(part), 0, NOW);
    }
    let looks = 0;
    const { rows } = bindings;
    const isRemoved = rows.isRemoved.bind(rows);
    rows.isRemoved = (row) => {
      looks++;
      return isRemoved(row);
    };
    const more = (id: string, now: number): [isTaken: boolean, looks: number] => {
      looks = 0;
      const taken = bindings.take(phone(9, { id }), 0, now);
      return [taken !== undefined, looks];
    };
    expect(more('a', NOW)).to.deep.equal([false, 10_000]);
    expect(more('b', NOW)).to.deep.equal([false, 10_000]);
    expect(more('c', NOW)[0]).to.equal(true);
    expect([bindings.size, bindings.evicted]).to.deep.equal([size, 1]);
    for (let i = 0; i < 17; i++) expect(more('d', NOW)).to.deep.equal([false, 10_000]);
    expect(more('d', NOW), 'so many rows that it waits').to.deep.equal([false, 0]);
    expect(more('d', NOW + 1000)).to.deep.equal([false, 10_000]);
  });

  it('drops no more tombstones in one go than take some ms', () => {
    const bindings = table(12_000);
    for (let i = 0; i < 12_000; i++)
      bindings.take(removed({ aor: `u${i}@example.com`, expires: NOW + HOUR + i }), 0, NOW);
    bindings.take(phone(1), 0, NOW);
    expect(bindings.evicted).to.equal(120);
    expect(bindings.find('u119@example.com', phone(1).id)).to.equal(NONE);
    expect(bindings.find('u120@example.com', phone(1).id)).to.not.equal(NONE);
  });

  it('is equal whatever the order in which versions of several stores came, and counts right', () => {
    const ids = fc.constantFrom('a', 'b', 'c');
    const all = fc.array(fc.tuple(versions(), ids, fc.nat(2)), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(
        all.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        ([list, mixed]) => {
          const tables = [list, mixed].map((order) => {
            const bindings = table();
            for (const [version, id, origin] of order) bindings.take({ ...version, id }, origin, NOW);
            return bindings;
          });
          const [one, other] = tables.map((t) =>
            contents(t)
              .map((known) => `${known.id} ${encodeBinding(known)}`)
              .toSorted(),
          );
          expect(one).to.deep.equal(other);
          for (const t of tables) {
            const known = contents(t);
            expect(t.live).to.equal(known.filter((e) => e.removed !== true).length);
            const live = [...t.used()].filter((row) => !t.rows.isRemoved(row));
            expect(t.here).to.equal(live.filter((row) => t.rows.origin(row) === 0).length);
            expect(t.size).to.equal(known.length);
            for (const contact of ['sip:alice@10.0.0.1:5060', 'sip:alice@10.0.0.2:5060']) {
              expect(t.ofContact(contact, NOW).length).to.equal(known.filter((e) => e.contact === contact).length);
            }
            t.expire(NOW + 4 * HOUR);
            t.expire(NOW + 4 * HOUR);
            expect([t.size, t.live, t.here]).to.deep.equal([0, 0, 0]);
          }
          const expected = list.filter(([, id]) => id === 'a').map(([version]) => ({ ...version, id: 'a' }));
          if (expected.length > 0) {
            const whole = expected.reduce(merge);
            expect(one?.[0]).to.equal(`a ${encodeBinding(whole)}`);
            expect(keptUntil(whole)).to.be.greaterThan(NOW);
          }
        },
      ),
    );
  });
});
