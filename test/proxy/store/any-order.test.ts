import { expect } from 'chai';
import fc from 'fast-check';
import { encodeBinding } from '../../../proxy/store/codec.ts';
import { bindingKey } from '../../../proxy/store/keys.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { HOUR, MINUTE, binding, until, versions } from './records.ts';
import { DATA_CENTRES, Scene, type Proxy } from './scene.ts';

describe('replica', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  it('ends equal in all replicas after any partition, order and clock skew', async function () {
    this.timeout(60_000);
    const action = fc.record({
      kind: fc.constantFrom('register', 'register', 'remove', 'cut', 'mend', 'outage', 'return', 'lose'),
      proxy: fc.nat(3),
      geo: fc.constantFrom(...DATA_CENTRES),
      id: fc.constantFrom('sip:alice@10.0.0.1', 'sip:alice@10.0.0.2'),
      callId: fc.constantFrom('a', 'b', 'c'),
      seconds: fc.nat(50),
      expires: fc.constantFrom(HOUR, 2 * HOUR, 10 * MINUTE),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 1, maxLength: 25 }),
        fc.array(fc.integer({ min: -20_000, max: 20_000 }), { minLength: 4, maxLength: 4 }),
        async (actions, skews) => {
          scene = new Scene();
          const all = ['dc1', 'dc1', 'dc2', 'dc3'].map((geo, i) => scene.proxyOf(geo, `${i}`, skews[i] ?? 0));
          await scene.ready(...all);
          let cseq = 1;
          for (const { kind, proxy, geo, id, callId, seconds, expires } of actions) {
            const actor = all[proxy] ?? all[0];
            scene.now += seconds * 1000;
            if (actor === undefined) continue;
            if (kind === 'register')
              void scene.register(actor, { id, contact: id, callId, cseq: cseq++, expires: scene.now + expires });
            else if (kind === 'remove' && scene.contacts(actor).length > 0)
              void scene.unregister(actor, callId, cseq++);
            else if (kind === 'cut') actor.links.get(geo)?.setCut(true);
            else if (kind === 'mend') actor.links.get(geo)?.setCut(false);
            else if (kind === 'outage') scene.cluster.setAvailable(geo, false);
            else if (kind === 'return') scene.cluster.setAvailable(geo, true);
            else if (kind === 'lose') scene.cluster.lose(geo);
            if (seconds % 3 === 0) await scene.settle();
          }
          for (const geo of DATA_CENTRES) scene.cluster.setAvailable(geo, true);
          for (const { links } of all) for (const link of links.values()) link.setCut(false);
          scene.now += 6000;
          await scene.settle();
          scene.now += 6000;
          await scene.settle();
          // how long they remember may differ: one that was superseded before it was written is known to its proxy alone
          const state = ({ replica }: Proxy): string[] =>
            replica
              .bindings('alice@example.com', scene.now)
              .map(({ until: _until, ...b }) => `${b.id} ${encodeBinding(b)}`);
          // a proxy that starts now finds in the stores alone what the others know
          all.push(scene.proxyOf('dc2', 'fresh'));
          await until(() => all.every(({ replica }) => replica.complete));
          for (const wait of [0, 15 * MINUTE, HOUR]) {
            scene.now += wait;
            await scene.settle();
            const [first, ...rest] = all.map(state);
            for (const other of rest) expect(other).to.deep.equal(first);
          }
          await scene.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('ends at the highest CSeq of a Call-ID, whatever is cut and however far clocks are apart', async function () {
    this.timeout(60_000);
    const action = fc.record({
      kind: fc.constantFrom('register', 'register', 'remove', 'cut', 'cut', 'mend', 'outage', 'return'),
      proxy: fc.nat(4),
      geo: fc.constantFrom('dc1', 'dc2'),
      seconds: fc.nat(50),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 1, maxLength: 25 }),
        fc.array(fc.integer({ min: -10_000, max: 10_000 }), { minLength: 5, maxLength: 5 }),
        async (actions, skews) => {
          scene = new Scene();
          const all = ['dc1', 'dc1', 'dc2', 'dc2', 'dc2'].map((geo, i) => scene.proxyOf(geo, `${i}`, skews[i] ?? 0));
          await scene.ready(...all);
          let last: Binding | undefined;
          for (const [i, { kind, proxy, geo, seconds }] of actions.entries()) {
            scene.now += seconds * 1000;
            const actor = all[proxy];
            if (actor === undefined) continue;
            const { replica, skew } = actor;
            if (kind === 'register' || kind === 'remove') {
              const made = binding({ expires: scene.now + skew + 2 * HOUR, q: i });
              const stamp = replica.stamp(made.aor, made.id, 'call-1', i + 1, scene.now + skew);
              last = kind === 'register' ? { ...made, stamp } : { ...made, stamp, removed: true };
              replica.save(last);
            } else if (kind === 'cut') actor.links.get(geo)?.setCut(true);
            else if (kind === 'mend') actor.links.get(geo)?.setCut(false);
            else if (kind === 'outage') scene.cluster.setAvailable(geo, false);
            else scene.cluster.setAvailable(geo, true);
            if (seconds % 3 === 0) await scene.settle();
          }
          for (const geo of DATA_CENTRES) scene.cluster.setAvailable(geo, true);
          for (const { links } of all) for (const link of links.values()) link.setCut(false);
          for (let i = 0; i < 2; i++) {
            scene.now += 6000;
            await scene.settle();
          }
          all.push(scene.proxyOf('dc2', 'fresh'));
          await until(() => all.every(({ replica }) => replica.complete));
          const known = all.map(({ replica }) =>
            replica.bindings('alice@example.com', scene.now).map(({ stamp }) => stamp.cseq),
          );
          const meant = last === undefined || last.removed === true ? [] : [last.stamp.cseq];
          expect(known).to.deep.equal(all.map(() => meant));
          await scene.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('takes versions from the stores in any order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(versions(), fc.constantFrom(...DATA_CENTRES)), { minLength: 1, maxLength: 8 }),
        async (written) => {
          scene = new Scene();
          const stores = new Map(DATA_CENTRES.map((geo) => [geo, scene.cluster.store(geo)]));
          const all = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
          for (const [version, geo] of written) await stores.get(geo)?.put(bindingKey(version), encodeBinding(version));
          await until(() => all.every(({ replica }) => replica.complete));
          await scene.settle();
          const [a, b] = all.map(({ replica }) => replica.binding('alice@example.com', binding().id));
          expect(a).to.deep.equal(b);
          await scene.close();
        },
      ),
      { numRuns: 50 },
    );
  });
});
