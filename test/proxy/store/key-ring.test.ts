import { expect } from 'chai';
import { decodeTokenKey, encodeTokenKey } from '../../../proxy/store/codec.ts';
import { KeyRing } from '../../../proxy/store/key-ring.ts';
import { parseKey, tokenKeyKey } from '../../../proxy/store/keys.ts';
import { MemoryCluster } from '../../../proxy/store/memory.ts';
import type { TokenKey } from '../../../proxy/store/records.ts';
import { WriteBehind } from '../../../proxy/store/write-behind.ts';
import { HOUR, MINUTE, NOW, silent, until } from './records.ts';

const DAY = 24 * HOUR;

describe('key ring', () => {
  let cluster: MemoryCluster;

  beforeEach(() => {
    cluster = new MemoryCluster({ now: () => NOW });
  });

  /** A proxy's ring that follows its data centre's store and, for what they hold, those of others. */
  const ring = (geoLocation: string, ...others: string[]): KeyRing => {
    const store = cluster.store(geoLocation);
    const keys = new KeyRing({ store, writes: new WriteBehind({ store, limit: 100, log: silent }), log: silent });
    const follow = (from: string): void => {
      const followed = from === geoLocation ? store : cluster.store(from);
      followed.follow({
        listing: () => from === geoLocation && keys.listing(),
        put: (name, value) => {
          const parsed = parseKey(name);
          const key = parsed?.kind === 'key' ? decodeTokenKey(parsed, value) : undefined;
          if (key !== undefined) keys.put(key, from === geoLocation);
        },
        remove: (name) => from === geoLocation && keys.removed(name),
        loaded: () => undefined,
        available: () => undefined,
      });
    };
    for (const from of [geoLocation, ...others]) follow(from);
    return keys;
  };
  const key = (id: number, part: Partial<TokenKey> = {}): TokenKey => ({
    id,
    geoLocation: 'dc1',
    secret: Buffer.alloc(32, id).toString('base64url'),
    created: NOW,
    verified: NOW,
    ...part,
  });
  const names = (geoLocation: string): string[] => [...cluster.entries(geoLocation).keys()].toSorted();

  it('makes a key at once on an empty store, and proxies that start together come to sign with one of theirs', async () => {
    const rings = [ring('dc1'), ring('dc1')];
    expect(rings[0]?.signing(NOW)).to.equal(undefined);
    await Promise.all(rings.map((keys) => keys.tend(NOW)));
    expect(rings.map((keys) => keys.signing(NOW)?.secret.length)).to.deep.equal([43, 43]);
    await until(() => rings.every((keys) => keys.ids().length === names('dc1').length));
    const [a, b] = rings.map((keys) => keys.signing(NOW));
    expect(a?.secret).to.equal(b?.secret);
  });

  it('makes one new key, however many proxies there are, when one is due', async () => {
    const rings = [ring('dc1'), ring('dc1')];
    await rings[0]?.tend(NOW);
    await until(() => rings.every((keys) => keys.ids().length === 1));
    await Promise.all(rings.map((keys) => keys.tend(NOW + DAY)));
    await until(() => rings.every((keys) => keys.ids().length === 2));
    expect(names('dc1')).to.have.length(2);
  });

  it('makes its first key under another id when the store was lost, since tokens of the old one are about', async () => {
    const ids = new Set<number>();
    for (let i = 0; i < 8; i++) {
      const keys = ring('dc1');
      await keys.tend(NOW);
      for (const id of keys.ids()) ids.add(id);
      cluster.lose('dc1');
      cluster = new MemoryCluster({ now: () => NOW });
    }
    expect(ids.size).to.be.greaterThan(6);
  });

  it('signs with a new key a minute after it was made, and makes one daily', async () => {
    const keys = ring('dc1');
    await keys.tend(NOW);
    const first = keys.signing(NOW);
    await keys.tend(NOW + DAY - 1);
    expect(keys.ids()).to.have.length(1);
    await keys.tend(NOW + DAY);
    expect(keys.ids()).to.have.length(2);
    expect(keys.signing(NOW + DAY + MINUTE - 1)).to.equal(first);
    const second = keys.signing(NOW + DAY + MINUTE);
    expect(second).to.not.equal(first);
    expect(keys.byId(first?.id ?? -1), 'what the old one signed is still verified').to.equal(first);
  });

  it('copies the keys of other data centres into its own store, and signs with its own', async () => {
    const here = ring('dc1', 'dc2');
    const there = ring('dc2');
    await there.tend(NOW);
    await until(() => here.ids().length === 1);
    await here.tend(NOW);
    await until(() => names('dc1').length === 2);
    expect(names('dc1')).to.include(names('dc2')[0]);
    expect(here.signing(NOW)?.geoLocation).to.equal('dc1');
  });

  it("signs with another data centre's key while none of its own can be made", async () => {
    const here = ring('dc1', 'dc2');
    const there = ring('dc2');
    await there.tend(NOW);
    cluster.setAvailable('dc1', false);
    await here.tend(NOW);
    await until(() => here.ids().length === 1);
    expect(here.signing(NOW)?.geoLocation).to.equal('dc2');
  });

  it("signs with another data centre's key while it has just made its own, which only it knows", async () => {
    const there = ring('dc2');
    await there.tend(NOW);
    const here = ring('dc1', 'dc2');
    await until(() => here.ids().length === 1);
    // its own store is empty
    await here.tend(NOW + 30_000);
    expect(here.ids()).to.have.length(2);
    expect(here.signing(NOW + 30_000)?.geoLocation, 'before both are known everywhere').to.equal('dc2');
    expect(here.signing(NOW + 80_000)?.geoLocation, 'before its own is').to.equal('dc2');
    expect(here.signing(NOW + 90_000)?.geoLocation).to.equal('dc1');
  });

  it('puts back what its store lost', async () => {
    const keys = ring('dc1');
    await keys.tend(NOW);
    await until(() => keys.ids().length === 1);
    const before = names('dc1');
    cluster.lose('dc1');
    await until(() => names('dc1').length === 0);
    await keys.tend(NOW);
    expect(names('dc1')).to.deep.equal(before);
  });

  it('keeps what a newer release added to a key, in its own store and in memory, whoever wrote it last', async () => {
    const keys = ring('dc1', 'dc2');
    const newer = { ...key(7, { geoLocation: 'dc2' }), more: { zz: [1] } };
    await cluster.store('dc2').put(tokenKeyKey(newer), encodeTokenKey(newer));
    await until(() => keys.byId(7) !== undefined);
    await keys.tend(NOW);
    const stored = (): unknown => JSON.parse(cluster.entries('dc1').get('key/dc2/7') ?? '{}');
    expect(stored()).to.deep.include({ zz: [1], u: NOW });
    // an older release noted a verification, and knows nothing of it
    keys.put(key(7, { geoLocation: 'dc2', verified: NOW + HOUR }), true);
    keys.verified(keys.byId(7) ?? expect.fail(), NOW + 3 * HOUR);
    await until(() => (stored() as { u: number }).u === NOW + 3 * HOUR);
    expect(stored()).to.deep.include({ zz: [1] });
  });

  it('notes a verification at most hourly', async () => {
    const keys = ring('dc1');
    keys.put(key(7), true);
    const noted = (): number =>
      decodeTokenKey({ kind: 'key', geoLocation: 'dc1', id: 7 }, cluster.entries('dc1').get('key/dc1/7') ?? '')
        ?.verified ?? 0;
    keys.verified(key(7), NOW + HOUR - 1);
    expect(noted()).to.equal(0);
    keys.verified(key(7), NOW + HOUR);
    await until(() => noted() === NOW + HOUR);
    keys.verified(key(7), NOW + HOUR + MINUTE);
    expect(keys.byId(7)?.verified).to.equal(NOW + HOUR);
  });

  it('drops a key a day after its last verification by any proxy, never the newest of its own', async () => {
    const keys = ring('dc1');
    keys.put(key(7), true);
    keys.put(key(8, { geoLocation: 'dc2' }), true);
    keys.put(key(9, { created: NOW + 1 }), true);
    keys.put(key(7, { verified: NOW + 30 * HOUR }), false);
    await keys.tend(NOW + 2 * DAY - 1);
    expect(keys.ids()).to.include.members([7, 8, 9]);
    await keys.tend(NOW + 2 * DAY);
    expect(keys.ids(), 'signed for a day, not verified for another').to.include.members([7, 9]).and.not.include(8);
    await keys.tend(NOW + 54 * HOUR);
    expect(keys.ids()).to.not.include(7);
  });

  it('lets the older key have an id that two data centres chose while cut off, and the other does not sign', () => {
    const keys = ring('dc2');
    keys.put(key(7, { geoLocation: 'dc2', created: NOW + 1 }), true);
    keys.put(key(6, { geoLocation: 'dc2', created: NOW - DAY }), true);
    keys.put(key(7), false);
    expect(keys.byId(7)?.geoLocation).to.equal('dc1');
    expect(keys.signing(NOW + HOUR)?.id).to.equal(6);
  });

  it('names a key of the store by data centre and id', () => {
    expect(tokenKeyKey(key(7))).to.equal('key/dc1/7');
  });
});
