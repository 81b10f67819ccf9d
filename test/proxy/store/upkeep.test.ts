import { expect } from 'chai';
import { OWN } from '../../../proxy/store/binding-rows.ts';
import { BindingTable } from '../../../proxy/store/bindings.ts';
import { Colleagues } from '../../../proxy/store/colleagues.ts';
import { bindingKey } from '../../../proxy/store/keys.ts';
import { Upkeep } from '../../../proxy/store/upkeep.ts';
import { WriteBehind } from '../../../proxy/store/write-behind.ts';
import { binding, NOW, silent, stamp } from './records.ts';
import { Slow } from './slow.ts';

describe('upkeep', () => {
  it('writes what found no room once there is some, though other writes never cease', async () => {
    const store = new Slow();
    const writes = new WriteBehind({ store, limit: 4, log: silent });
    const bindings = new BindingTable(100);
    const upkeep = new Upkeep({ writes, bindings, colleagues: new Colleagues('p1') });
    const phones = Array.from({ length: 5 }, (_, i) => binding({ aor: `u${i}@example.com` }));
    for (const phone of phones) {
      upkeep.write(bindings.take(phone, OWN, NOW)?.row ?? expect.fail(), phone);
    }
    const last = bindingKey(phones[4] ?? expect.fail());
    expect([writes.size, writes.has(last)]).to.deep.equal([4, false]);
    for (let i = 0; i < 3; i++) {
      await store.answer();
      bindings.rows.setHeld(i, true);
    }
    expect(writes.size).to.equal(1);
    upkeep.tend(NOW + 1000);
    expect(writes.has(last)).to.equal(true);
  });

  it('asks to be called again at once until it has looked at all bindings', () => {
    const bindings = new BindingTable(10_000);
    const writes = new WriteBehind({ store: new Slow(), limit: 10_000, log: silent });
    const upkeep = new Upkeep({ writes, bindings, colleagues: new Colleagues('p1') });
    for (let i = 0; i < 3000; i++) {
      const { row } = bindings.take(binding({ aor: `u${i}@example.com` }), OWN, NOW) ?? expect.fail();
      bindings.rows.setHeld(row, true);
    }
    expect(upkeep.tend(NOW), 'nothing to do').to.equal(false);
    upkeep.loaded(NOW);
    expect(upkeep.tend(NOW), 'the rest').to.equal(false);
    expect([upkeep.tend(NOW + 5000), upkeep.tend(NOW + 5000)], 'once more').to.deep.equal([true, false]);
    expect(writes.size).to.equal(0);
    for (let row = 0; row < 120; row++) bindings.rows.setHeld(row, false);
    upkeep.loaded(NOW + 6000);
    expect(writes.size, 'of 120 that are not held').to.equal(50);
    expect([upkeep.tend(NOW + 6000), writes.size]).to.deep.equal([true, 100]);
  });

  it('knows what it wrote again when our store tells of it, as long as that is what is known', () => {
    const bindings = new BindingTable(100);
    const writes = new WriteBehind({ store: new Slow(), limit: 4, log: silent });
    const upkeep = new Upkeep({ writes, bindings, colleagues: new Colleagues('p1') });
    const phone = binding({ stamp: stamp({ cseq: 1 }) });
    const { rows } = bindings;
    const row = bindings.take(phone, OWN, NOW)?.row ?? expect.fail();
    const version = rows.version(row);
    expect(rows.isHeld(row)).to.equal(false);
    expect(upkeep.hasWritten(row, version)).to.equal(true);
    expect(rows.isHeld(row)).to.equal(true);
    rows.setHeld(row, false);
    rows.setOrigin(row, 1);
    expect(upkeep.hasWritten(row, version), "another data centre's").to.equal(false);
    rows.setOrigin(row, OWN);
    // another proxy has written with the same stamp, and its content is the greater
    bindings.take({ ...phone, owner: 'p2', boot: 'b2' }, OWN, NOW);
    bindings.take({ ...phone, owner: 'p0', boot: 'b0' }, OWN, NOW);
    expect(upkeep.hasWritten(row, version)).to.equal(false);
    expect(rows.isHeld(row)).to.equal(false);
    const last = rows.version(row);
    rows.drop(row);
    expect(upkeep.hasWritten(row, last), 'gone').to.equal(false);
  });
});
