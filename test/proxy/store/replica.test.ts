import { expect } from 'chai';
import fc from 'fast-check';
import { encodeBinding } from '../../../proxy/store/codec.ts';
import { bindingKey } from '../../../proxy/store/keys.ts';
import { MemoryCluster, type MemoryStore } from '../../../proxy/store/memory.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import type { Life } from '../../../proxy/store/store.ts';
import { HOUR, MINUTE, NOW, binding, healthRecord, proxyRecord, saved, silent, until, versions } from './records.ts';

interface Proxy {
  readonly name: string;
  readonly geoLocation: string;
  readonly skew: number;
  readonly replica: Replica;
  readonly links: ReadonlyMap<string, MemoryStore>;
}

describe('replica', () => {
  let cluster: MemoryCluster;
  let now: number;
  let proxies: Proxy[];

  beforeEach(() => {
    now = NOW;
    cluster = new MemoryCluster({ now: () => now });
    proxies = [];
  });
  afterEach(() => Promise.all(proxies.map(({ replica }) => replica.close())));

  const ALL = ['dc1', 'dc2', 'dc3'];
  /** A proxy of a data centre, that sees time `skew` ms ahead. */
  const proxyOf = (
    geoLocation: string,
    name: string,
    skew = 0,
    limits?: { bindings: number; calls: number },
  ): Proxy => {
    const stores = [geoLocation, ...ALL.filter((other) => other !== geoLocation)].map((geo) => cluster.store(geo));
    const [own, ...others] = stores;
    if (own === undefined) throw new Error('no store');
    const replica = new Replica({
      proxy: name,
      boot: 'b1',
      own,
      others,
      now: () => now + skew,
      log: silent,
      ...(limits === undefined ? {} : { limits }),
    });
    const proxy = {
      name,
      geoLocation,
      skew,
      replica,
      links: new Map(stores.map((store) => [store.geoLocation, store])),
    };
    proxies.push(proxy);
    replica.start();
    return proxy;
  };
  const ready = async (...some: Proxy[]): Promise<void> => {
    await until(() => some.every(({ replica }) => replica.ready && replica.complete));
    for (const { replica, name, geoLocation } of some) replica.publishProxy(proxyRecord(name, { geoLocation }));
    await until(() => some.every(({ replica }) => some.every(({ name }) => replica.proxies.has(name))));
  };
  /** Lets news arrive and what is due be done. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const { replica, skew } of proxies) replica.expire(now + skew);
    }
  };
  /** As until(), while what is due every second is done. */
  const comesTo = (condition: () => boolean): Promise<void> =>
    until(() => {
      for (const { replica, skew } of proxies) replica.expire(now + skew);
      return condition();
    });
  const register = (proxy: Proxy, part: Partial<Binding> & { callId?: string; cseq?: number } = {}): Promise<void> => {
    const { callId = 'call-1', cseq = 1, ...rest } = part;
    const made = binding({ expires: now + HOUR, ...rest });
    return saved(proxy.replica, { ...made, stamp: proxy.replica.stamp(made.aor, made.id, callId, cseq, now) });
  };
  const unregister = async (proxy: Proxy, callId = 'call-1', cseq = 9): Promise<void> => {
    const [known] = proxy.replica.bindings('alice@example.com', now);
    if (known === undefined) throw new Error('not registered');
    const stamp = proxy.replica.stamp(known.aor, known.id, callId, cseq, now);
    await saved(proxy.replica, { ...known, expires: known.expires + MINUTE, stamp, removed: true });
  };
  const contacts = ({ replica }: Proxy): string[] =>
    replica.bindings('alice@example.com', now).map(({ contact }) => contact);
  const stored = (geoLocation: string): string[] =>
    [...cluster.entries(geoLocation).keys()].filter((key) => key.startsWith('binding/'));

  it('is ready when its own store was loaded, whether the others are there or not', async () => {
    cluster.setAvailable('dc2', false);
    const proxy = proxyOf('dc1', 'p1');
    let called = 0;
    proxy.replica.onReady(() => called++);
    await until(() => proxy.replica.ready);
    expect(called).to.equal(1);
    expect(proxy.replica.complete).to.equal(false);
    expect(
      proxy.replica.stores.map(({ geoLocation, available, loaded }) => [geoLocation, available, loaded]),
    ).to.deep.equal([
      ['dc1', true, true],
      ['dc2', false, false],
      ['dc3', true, true],
    ]);
    expect(proxy.replica.keys.signing(now)).to.not.equal(undefined);
    cluster.setAvailable('dc2', true);
    await until(() => proxy.replica.complete);
  });

  it('is not ready while its own store is away, and then is', async () => {
    cluster.setAvailable('dc1', false);
    const proxy = proxyOf('dc1', 'p1');
    await settle();
    expect(proxy.replica.ready).to.equal(false);
    cluster.setAvailable('dc1', true);
    await until(() => proxy.replica.ready);
  });

  it('has its own writes at once and the others have them after the commit', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    const committed = register(a);
    expect(contacts(a)).to.have.length(1);
    await committed;
    expect(stored('dc1')).to.have.length(1);
    expect(stored('dc2')).to.have.length(0);
    await until(() => contacts(b).length === 1);
    expect([...b.replica.allBindings(now)].map(({ geoLocation }) => geoLocation)).to.deep.equal(['dc1']);
    expect(b.replica.bindingsOfAor('alice@example.com', now)).to.deep.equal([...b.replica.allBindings(now)]);
    expect(b.replica.bindingsOfAor('nobody@example.com', now)).to.deep.equal([]);
    expect(b.replica.bindingsByContact('sip:alice@10.0.0.1:5060', now)).to.have.length(1);
    expect(b.replica.counts(now)).to.deep.equal({ bindings: 1, calls: 0, here: { bindings: 0, calls: 0 } });
  });

  it('has what was removed gone everywhere, also when the older version comes later', async () => {
    const [a, b, c] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b'), proxyOf('dc3', 'c')];
    await ready(a, b, c);
    c.links.get('dc1')?.setCut(true);
    await register(a);
    await until(() => contacts(b).length === 1);
    now += 1000;
    await unregister(b);
    await until(() => contacts(a).length === 0);
    c.links.get('dc1')?.setCut(false);
    await settle();
    expect(contacts(c)).to.deep.equal([]);
    expect(c.replica.counts(now).bindings).to.equal(0);
  });

  it("removes its own data centre's copy once another's superseded it, and only one proxy does", async () => {
    const [a, a2, b] = [proxyOf('dc1', '0'), proxyOf('dc1', '1'), proxyOf('dc2', '2')];
    await ready(a, a2, b);
    await settle();
    await register(a);
    await until(() => contacts(b).length === 1);
    now += 1000;
    await register(b, { cseq: 2 });
    await comesTo(() => stored('dc1').length === 0);
    await settle();
    expect(stored('dc2')).to.have.length(1);
    expect(contacts(a)).to.have.length(1);
    expect([...a.replica.allBindings(now)].map(({ geoLocation }) => geoLocation)).to.deep.equal(['dc2']);
    const acted = [a, a2].map(({ replica }) => replica.counters['storeSuperseded'] ?? 0);
    expect(acted).to.have.members([0, 1]);
  });

  it('removes a superseded copy only if the store still holds just that', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    const asked: (string | undefined)[] = [];
    const link = a.links.get('dc1') ?? expect.fail();
    const remove = link.remove.bind(link);
    link.remove = (key, held) => {
      asked.push(held);
      return remove(key, held);
    };
    // known before it is superseded, and found in the store when it has been already
    await register(a);
    await until(() => contacts(b).length === 1);
    const old = cluster.entries('dc1').get(bindingKey(binding()));
    await register(b, { cseq: 2 });
    await comesTo(() => stored('dc1').length === 0);
    await cluster.store('dc1').put(bindingKey(binding()), old ?? '');
    await comesTo(() => stored('dc1').length === 0);
    expect(asked).to.deep.equal([old, old]);
  });

  it('keeps what it has when the key goes: a lease only cleans up', async () => {
    const a = proxyOf('dc1', 'a');
    await ready(a);
    await register(a);
    await cluster.store('dc1').remove(bindingKey(binding()));
    await settle();
    expect(contacts(a)).to.have.length(1);
  });

  it('writes it again, one proxy alone, where the key goes while it is bound, and not when it is over', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc1', 'b')];
    await ready(a, b);
    // what is looked for after a load is done by then
    now += MINUTE;
    await settle();
    await register(a);
    await settle();
    const remove = async (): Promise<string[]> => {
      await cluster.store('dc1').remove(bindingKey(binding()));
      await settle();
      return stored('dc1');
    };
    expect(await remove()).to.have.length(1);
    const repaired = [a, b].map(({ replica }) => replica.counters['storeRepaired'] ?? 0);
    expect(repaired).to.have.members([0, 1]);
    now += HOUR;
    expect(await remove()).to.deep.equal([]);
  });

  it('ends a binding by its own clock', async () => {
    const a = proxyOf('dc1', 'a');
    await ready(a);
    await register(a, { expires: now + MINUTE });
    now += MINUTE;
    expect(contacts(a)).to.deep.equal([]);
    expect(a.replica.counts(now).bindings).to.equal(0);
  });

  it('serves and takes registrations while its store is away, and writes the last of each when it is back', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    await register(a);
    cluster.setAvailable('dc1', false);
    let committed = 0;
    void register(a, { cseq: 2, q: 500 }).then(() => committed++);
    void register(a, { cseq: 3, q: 700 }).then(() => committed++);
    void register(a, { cseq: 1, id: 'sip:alice@10.0.0.2', contact: 'sip:alice@10.0.0.2' }).then(() => committed++);
    await settle();
    expect(committed).to.equal(0);
    expect(contacts(a)).to.have.length(2);
    expect(a.replica.stores[0]).to.include({ available: false, reason: 'Unreachable' });
    cluster.setAvailable('dc1', true);
    await until(() => committed === 3);
    await until(() => contacts(b).length === 2);
    expect(b.replica.binding('alice@example.com', binding().id)?.q).to.equal(700);
  });

  it('writes again what a store lost, each record by one of its proxies, and only its own', async () => {
    const [a, a2, b] = [proxyOf('dc1', '0'), proxyOf('dc1', '1'), proxyOf('dc2', '2')];
    await ready(a, a2, b);
    await settle();
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id, i) => register(i % 2 === 0 ? a : a2, { id, contact: id })));
    await register(b, { id: 'sip:alice@10.0.2.1', contact: 'sip:alice@10.0.2.1' });
    await until(() => [a, a2, b].every((p) => contacts(p).length === 21));
    const before = stored('dc1').toSorted();
    cluster.lose('dc1');
    await until(() => stored('dc1').length === 20);
    await settle();
    expect(stored('dc1').toSorted()).to.deep.equal(before);
    expect(stored('dc2')).to.have.length(1);
    const repaired = [a, a2].map(({ replica }) => replica.counters['storeRepaired'] ?? 0);
    expect((repaired[0] ?? 0) + (repaired[1] ?? 0), 'each once').to.equal(20);
    expect(
      repaired.every((n) => n > 0),
      'shared',
    ).to.equal(true);
  });

  it('writes again what its store lost a few at a time, so that calls do not wait', async () => {
    const a = proxyOf('dc1', 'a');
    await ready(a);
    const ids = Array.from({ length: 120 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => register(a, { id, contact: id })));
    cluster.lose('dc1');
    const repaired: (number | undefined)[] = [];
    for (let i = 0; i < 4; i++) {
      repaired.push(a.replica.counters['storeRepaired']);
      a.replica.tick(now);
    }
    expect(repaired).to.deep.equal([50, 100, 120, 120]);
    await until(() => stored('dc1').length === 120);
  });

  it('writes what a dead colleague should have written again, a little later', async () => {
    const a = proxyOf('dc1', '0');
    const dead = proxyOf('dc1', '1');
    await ready(a, dead);
    await settle();
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => register(dead, { id, contact: id })));
    await until(() => contacts(a).length === 20);
    for (const link of dead.links.values()) link.setCut(true);
    cluster.lose('dc1');
    await settle();
    expect(stored('dc1').length).to.be.lessThan(20);
    now += 5000;
    await until(() => {
      a.replica.expire(now);
      return stored('dc1').length === 20;
    });
  });

  it('keeps what an emptied data centre lost whose proxies were started anew: another one takes it over, once', async () => {
    const [a, b, b2, c] = [proxyOf('dc1', '0'), proxyOf('dc2', '1'), proxyOf('dc2', '2'), proxyOf('dc3', '3')];
    await ready(a, b, b2, c);
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => register(a, { id, contact: id })));
    await until(() => [b, b2, c].every((p) => contacts(p).length === 20));
    await a.replica.close();
    cluster.lose('dc1');
    const again = proxyOf('dc1', '0');
    await ready(again, b, b2, c);
    await settle();
    now += 5000;
    await settle();
    expect(contacts(again), 'its own proxies come first').to.deep.equal([]);
    now += 3000;
    await comesTo(() => contacts(again).length === 20);
    await settle();
    const adopted = [b, b2, c].map(({ replica }) => replica.counters['storeAdopted'] ?? 0);
    expect((adopted[0] ?? 0) + (adopted[1] ?? 0), 'each by one proxy of a data centre').to.be.at.most(20);
    expect(new Set([...stored('dc2'), ...stored('dc3')]).size).to.equal(20);
    expect(stored('dc1')).to.deep.equal([]);
    // and it goes as any other does
    now += 1000;
    for (const id of ids) await register(again, { id, contact: id, callId: 'call-2', expires: now + HOUR });
    await comesTo(() => stored('dc2').length + stored('dc3').length === 0);
  });

  it('takes over what an emptied data centre lost in time though its phones register again all along', async () => {
    const [a, b] = [proxyOf('dc1', '0'), proxyOf('dc2', '1')];
    await ready(a, b);
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => register(a, { id, contact: id })));
    await until(() => contacts(b).length === 20);
    await a.replica.close();
    cluster.lose('dc1');
    const again = proxyOf('dc1', '0');
    await ready(again, b);
    for (const id of ids.slice(0, 9)) {
      await register(again, { id, contact: id, cseq: 2 });
      now += 1000;
      await settle();
    }
    expect(contacts(again)).to.have.length(20);
  });

  it('takes nothing over that the proxies of an emptied data centre write again themselves', async () => {
    const [a, b] = [proxyOf('dc1', '0'), proxyOf('dc2', '1')];
    await ready(a, b);
    await register(a);
    await until(() => contacts(b).length === 1);
    cluster.lose('dc1');
    await until(() => stored('dc1').length === 1);
    for (const wait of [6000, 3000, 20_000]) {
      now += wait;
      await settle();
    }
    expect(stored('dc2')).to.deep.equal([]);
  });

  it('puts the newer version back where an older one overwrote it in the store', async () => {
    const [a, b] = [proxyOf('dc1', '0'), proxyOf('dc1', '1')];
    await ready(a, b);
    await settle();
    b.links.get('dc1')?.setCut(true);
    void register(b, { q: 100 });
    now += 1000;
    await register(a, { callId: 'call-2', q: 900 });
    b.links.get('dc1')?.setCut(false);
    const value = (): string => cluster.entries('dc1').get(bindingKey(binding())) ?? '';
    await settle();
    await until(() => value().includes('"q":900'));
    for (const proxy of [a, b]) expect(proxy.replica.binding('alice@example.com', binding().id)?.q).to.equal(900);
  });

  it('lets the later of one Call-ID win though the earlier came where nothing was known of it', async () => {
    const b = proxyOf('dc2', 'b');
    await until(() => b.replica.ready);
    await register(b);
    await settle();
    // dc1 comes up while it can't see dc2, and the phone registers there
    const a = proxyOf('dc1', 'a');
    for (const [proxy, other] of [
      [a, 'dc2'],
      [b, 'dc1'],
    ] as const)
      proxy.links.get(other)?.setCut(true);
    await until(() => a.replica.ready);
    a.replica.publishProxy(proxyRecord('a', { geoLocation: 'dc1' }));
    b.replica.publishProxy(proxyRecord('b', { geoLocation: 'dc2' }));
    now += 60_000;
    await register(a, { cseq: 2 });
    await settle();
    // and takes leave in dc2 before the news is there
    now += 1000;
    await unregister(b, 'call-1', 3);
    await settle();
    for (const [proxy, other] of [
      [a, 'dc2'],
      [b, 'dc1'],
    ] as const)
      proxy.links.get(other)?.setCut(false);
    await until(() => contacts(a).length === 0 && contacts(b).length === 0);
    await settle();
    expect([contacts(a), contacts(b), stored('dc1')]).to.deep.equal([[], [], []]);
  });

  /** The later of one Call-ID comes to a proxy of dc2 that did not hear what dc1 took, where nothing was known of it. */
  const sinceDeaf = async (hears: string, deaf: string): Promise<{ a: Proxy; b: Proxy; b2: Proxy }> => {
    const [b, b2] = [proxyOf('dc2', hears), proxyOf('dc2', deaf)];
    await until(() => b.replica.ready && b2.replica.ready);
    for (const { replica, name } of [b, b2]) replica.publishProxy(proxyRecord(name, { geoLocation: 'dc2' }));
    await register(b, { q: 100 });
    await settle();
    b2.links.get('dc1')?.setCut(true);
    const a = proxyOf('dc1', 'a');
    a.links.get('dc2')?.setCut(true);
    await until(() => a.replica.ready);
    now += 60_000;
    await register(a, { cseq: 2, q: 200 });
    await settle();
    now += 1000;
    return { a, b, b2 };
  };
  const mended = async ({ a, b2 }: { a: Proxy; b2: Proxy }): Promise<void> => {
    b2.links.get('dc1')?.setCut(false);
    a.links.get('dc2')?.setCut(false);
    await settle();
    await settle();
  };
  const qs = (): (number | undefined)[] =>
    proxies.map(({ replica }) => replica.binding('alice@example.com', binding().id)?.q);

  for (const [hears, deaf] of [
    ['0', '1'],
    ['1', '0'],
  ] as const) {
    it(`lets the later of one Call-ID win though proxy ${deaf}, which took it, is deaf to the earlier`, async () => {
      const scene = await sinceDeaf(hears, deaf);
      await register(scene.b2, { cseq: 3, q: 300 });
      await settle();
      await mended(scene);
      expect(qs()).to.deep.equal([300, 300, 300]);
      expect([stored('dc1').length, stored('dc2').length]).to.deep.equal([0, 1]);
    });

    it(`does not call off the write of the later of one Call-ID that waits in proxy ${deaf}`, async () => {
      const scene = await sinceDeaf(hears, deaf);
      scene.b2.links.get('dc2')?.setCut(true);
      void register(scene.b2, { cseq: 3, q: 300 });
      await settle();
      await mended(scene);
      scene.b2.links.get('dc2')?.setCut(false);
      await settle();
      expect(qs()).to.deep.equal([300, 300, 300]);
    });
  }

  it('puts the newer version back a little later where the colleague that should see to it is dead', async () => {
    const [a, b, dead] = [proxyOf('dc1', '0'), proxyOf('dc1', '1'), proxyOf('dc1', '2')];
    await ready(a, b, dead);
    const aors = Array.from({ length: 12 }, (_, i) => `user${i}@example.com`);
    const held = (): [string, string][] => [...cluster.entries('dc1')].filter(([key]) => key.startsWith('binding/'));
    for (const aor of aors) await register(a, { aor, cseq: 1 });
    const older = held();
    for (const aor of aors) await register(a, { aor, cseq: 2 });
    // what is looked for after a start has been
    now += MINUTE;
    await settle();
    for (const link of dead.links.values()) link.setCut(true);
    // a write that was on its way for long
    for (const [key, text] of older) await cluster.store('dc1').put(key, text, { expires: now + HOUR });
    await settle();
    now += 5000;
    await settle();
    expect(held().map(([, text]) => /"cs":\d/.exec(text)?.[0])).to.deep.equal(aors.map(() => '"cs":2'));
  });

  it('lets the later of one Call-ID win a little later where the colleague that should see to it is dead', async () => {
    const [b, deaf, dead] = [proxyOf('dc2', '0'), proxyOf('dc2', '1'), proxyOf('dc2', '2')];
    await until(() => [b, deaf, dead].every(({ replica }) => replica.ready));
    for (const { replica, name } of proxies) replica.publishProxy(proxyRecord(name, { geoLocation: 'dc2' }));
    const aors = Array.from({ length: 12 }, (_, i) => `user${i}@example.com`);
    for (const aor of aors) await register(b, { aor });
    await settle();
    const a = proxyOf('dc1', 'a');
    for (const link of dead.links.values()) link.setCut(true);
    deaf.links.get('dc1')?.setCut(true);
    a.links.get('dc2')?.setCut(true);
    await until(() => a.replica.ready);
    now += 60_000;
    for (const aor of aors) await register(a, { aor, cseq: 2 });
    await settle();
    now += 1000;
    for (const aor of aors) await register(deaf, { aor, cseq: 3 });
    await mended({ a, b2: deaf });
    now += 5000;
    await settle();
    const known = aors.map((aor) => a.replica.binding(aor, binding().id)?.stamp.cseq);
    expect(known).to.deep.equal(aors.map(() => 3));
  });

  it('remembers a longer version that another data centre had, in the store too', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    for (const proxy of [a, b])
      for (const link of proxy.links.values())
        if (link.geoLocation !== (proxy === a ? 'dc1' : 'dc2')) link.setCut(true);
    await register(b, { expires: now + 2 * HOUR });
    now += 1000;
    await register(a, { callId: 'call-2', expires: now + MINUTE });
    for (const proxy of [a, b]) for (const link of proxy.links.values()) link.setCut(false);
    await comesTo(
      () => stored('dc2').length === 0 && (cluster.entries('dc1').get(bindingKey(binding())) ?? '').includes('"u":'),
    );
    now += 10 * MINUTE;
    await settle();
    for (const proxy of [a, b]) expect(contacts(proxy), 'not back from the dead').to.deep.equal([]);
  });

  it('knows live proxies and their health, and loses them with their keys', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    let changes = 0;
    const heard: string[] = [];
    b.replica.onProxies(() => changes++);
    b.replica.onHealth(({ proxy }) => heard.push(proxy));
    for (let i = 0; i < 2; i++) a.replica.publishProxy(proxyRecord('a', { state: 'Draining' }));
    a.replica.publishHealth(healthRecord('a'));
    await until(() => b.replica.proxies.get('a')?.state === 'Draining' && b.replica.health.has('a'));
    expect(heard).to.deep.equal(['a']);
    expect(changes).to.equal(1);
    await a.replica.close();
    await until(() => !b.replica.proxies.has('a') && !b.replica.health.has('a'));
    expect(changes).to.be.greaterThan(1);
  });

  it('tells how old the news of each data centre is', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    const lags = (): (number | undefined)[] => a.replica.stores.map(({ lag }) => lag);
    expect(lags()).to.deep.equal([undefined, undefined, undefined]);
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: now }));
    await until(() => lags()[1] === 0);
    a.links.get('dc2')?.setCut(true);
    now += 20_000;
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: now }));
    await settle();
    expect(lags()).to.deep.equal([undefined, 20_000, undefined]);
  });

  it('tells how old the news is though a clock of that data centre is an hour ahead', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: now + HOUR }));
    await settle();
    a.links.get('dc2')?.setCut(true);
    now += 20_000;
    expect(a.replica.stores[1]?.lag).to.equal(20_000);
  });

  it('opens a watch anew that has brought no heartbeat since it was opened, though a proxy lives there', async () => {
    const a = proxyOf('dc1', 'a');
    const [, own] = [await until(() => a.replica.ready), a.links.get('dc1')];
    const why: string[] = [];
    Object.assign(own ?? {}, { reopen: (reason: string) => why.push(reason) });
    now += 14_000;
    await settle();
    expect(why, 'nobody lives there').to.deep.equal([]);
    a.replica.publishProxy(proxyRecord('a'));
    await settle();
    now += 1000;
    await settle();
    expect(why).to.deep.equal(['none of the heartbeats of dc1 came for 15 s']);
  });

  it('writes a refresh once, and nothing but it: what others hold of it is put, not removed and put', async () => {
    const [a, b, c] = [proxyOf('dc1', 'a'), proxyOf('dc1', 'b'), proxyOf('dc2', 'c')];
    await ready(a, b, c);
    await register(a, { instance: '<urn:uuid:1>', regId: 1, owner: 'a', boot: 'b1', flow: 7 });
    await settle();
    const written: string[] = [];
    for (const { links } of [a, b, c]) {
      for (const link of links.values()) {
        const [put, remove] = [link.put.bind(link), link.remove.bind(link)];
        Object.assign(link, {
          put: (key: string, value: string, life?: Life) => {
            if (key.startsWith('binding/')) written.push(value);
            return put(key, value, life);
          },
          remove: (key: string, held?: string) => {
            written.push(`removed ${key}`);
            return remove(key, held);
          },
        });
      }
    }
    for (let cseq = 2; cseq <= 4; cseq++) {
      now += 30 * MINUTE;
      // through whichever proxy of the data centre
      await register(cseq === 3 ? b : a, { instance: '<urn:uuid:1>', regId: 1, owner: 'a', boot: 'b1', flow: 7, cseq });
      await settle();
    }
    expect(written).to.have.length(3);
    for (const value of written) expect(value.length).to.be.lessThan(250);
    expect(contacts(c)).to.have.length(1);
  });

  it('lets a watch that is back after an outage catch up, and opens it anew only if it then brings nothing', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    const link = a.links.get('dc2');
    if (link === undefined) throw new Error('no link');
    let reopened = 0;
    Object.assign(link, { reopen: () => void reopened++ });
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: now }));
    await until(() => a.replica.health.has('b'));
    link.setCut(true);
    now += MINUTE;
    await settle();
    link.setCut(false);
    await settle();
    expect(reopened, 'while it catches up').to.equal(0);
    now += 14_000;
    await settle();
    expect(reopened).to.equal(0);
    now += 1000;
    await settle();
    expect(reopened, 'three periods later').to.equal(1);
  });

  it('keeps the proxies of a data centre that is out of reach, and those a restored store has yet to name', async () => {
    const [a, b] = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
    await ready(a, b);
    a.replica.publishProxy(proxyRecord('a'));
    await until(() => b.replica.proxies.has('a'));
    b.links.get('dc1')?.setCut(true);
    await a.replica.close();
    await settle();
    expect(b.replica.proxies.has('a')).to.equal(true);
    cluster.lose('dc1');
    b.links.get('dc1')?.setCut(false);
    await settle();
    expect(b.replica.stores[1]).to.include({ geoLocation: 'dc1', available: true });
  });

  it('counts what it can not read and goes on', async () => {
    const a = proxyOf('dc1', 'a');
    await ready(a);
    const store = cluster.store('dc1');
    for (const key of ['binding/a/b', 'call/x', 'proxy/p', 'key/dc1/x', 'later/thing']) await store.put(key, '{"v":9}');
    await settle();
    expect(a.replica.counters['storeGarbage']).to.equal(5);
    await register(a);
    expect(contacts(a)).to.have.length(1);
  });

  it('refuses new bindings over its limit and counts them', async () => {
    const a = proxyOf('dc1', 'a', 0, { bindings: 1, calls: 1 });
    await ready(a);
    await register(a);
    await register(a, { id: 'sip:alice@10.0.0.2', contact: 'sip:alice@10.0.0.2' });
    expect(contacts(a)).to.have.length(1);
    expect(a.replica.counters['bindingsRefused']).to.equal(1);
    expect(stored('dc1')).to.have.length(1);
  });

  it('lets the later of two registrations win though the clock of the earlier proxy is ahead', async () => {
    for (const skew of [20_000, 2 * HOUR]) {
      const [fast, right] = [proxyOf('dc1', `fast-${skew}`, skew), proxyOf('dc2', `right-${skew}`)];
      await ready(fast, right);
      const aor = `skew-${skew}@example.com`;
      const at = (proxy: Proxy, ahead: number, q: number, callId: string): Promise<void> => {
        const made = binding({ aor, expires: now + 5 * HOUR, q });
        return saved(proxy.replica, { ...made, stamp: proxy.replica.stamp(aor, made.id, callId, 1, now + ahead) });
      };
      await at(fast, skew, 100, 'z');
      await until(() => right.replica.bindings(aor, now).length === 1);
      now += 5000;
      await at(right, 0, 900, 'a');
      await until(() => fast.replica.bindings(aor, now)[0]?.q === 900);
    }
  });

  it('mends what a write on its way does to a newer version, whoever looks after the key', async () => {
    const [newer, older] = [proxyOf('dc1', '0'), proxyOf('dc1', '1')];
    await ready(newer, older);
    const aors = Array.from({ length: 8 }, (_, i) => `user${i}@example.com`);
    for (const aor of aors) await register(newer, { aor, cseq: 1 });
    cluster.setAvailable('dc1', false);
    for (const aor of aors) void register(older, { aor, cseq: 2 });
    for (const aor of aors) void register(newer, { aor, cseq: 3 });
    await settle();
    // the newer one's writes come first, and are overwritten
    cluster.setAvailable('dc1', true);
    await settle();
    const held = [...cluster.entries('dc1')].filter(([key]) => key.startsWith('binding/'));
    expect(held.map(([, text]) => /"cs":\d/.exec(text)?.[0])).to.deep.equal(aors.map(() => '"cs":3'));
  });

  it('ends equal in all replicas after any partition, order and clock skew', async function () {
    this.timeout(60_000);
    const action = fc.record({
      kind: fc.constantFrom('register', 'register', 'remove', 'cut', 'mend', 'outage', 'return', 'lose'),
      proxy: fc.nat(3),
      geo: fc.constantFrom(...ALL),
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
          cluster = new MemoryCluster({ now: () => now });
          proxies = [];
          now = NOW;
          const all = ['dc1', 'dc1', 'dc2', 'dc3'].map((geo, i) => proxyOf(geo, `${i}`, skews[i] ?? 0));
          await ready(...all);
          let cseq = 1;
          for (const { kind, proxy, geo, id, callId, seconds, expires } of actions) {
            const actor = all[proxy] ?? all[0];
            now += seconds * 1000;
            if (actor === undefined) continue;
            if (kind === 'register')
              void register(actor, { id, contact: id, callId, cseq: cseq++, expires: now + expires });
            else if (kind === 'remove' && contacts(actor).length > 0) void unregister(actor, callId, cseq++);
            else if (kind === 'cut') actor.links.get(geo)?.setCut(true);
            else if (kind === 'mend') actor.links.get(geo)?.setCut(false);
            else if (kind === 'outage') cluster.setAvailable(geo, false);
            else if (kind === 'return') cluster.setAvailable(geo, true);
            else if (kind === 'lose') cluster.lose(geo);
            if (seconds % 3 === 0) await settle();
          }
          for (const geo of ALL) cluster.setAvailable(geo, true);
          for (const { links } of all) for (const link of links.values()) link.setCut(false);
          now += 6000;
          await settle();
          now += 6000;
          await settle();
          // how long they remember may differ: one that was superseded before it was written is known to its proxy alone
          const state = ({ replica }: Proxy): string[] =>
            replica.bindings('alice@example.com', now).map(({ until: _until, ...b }) => `${b.id} ${encodeBinding(b)}`);
          // a proxy that starts now finds in the stores alone what the others know
          all.push(proxyOf('dc2', 'fresh'));
          await until(() => all.every(({ replica }) => replica.complete));
          for (const wait of [0, 15 * MINUTE, HOUR]) {
            now += wait;
            await settle();
            const [first, ...rest] = all.map(state);
            for (const other of rest) expect(other).to.deep.equal(first);
          }
          await Promise.all(proxies.map(({ replica }) => replica.close()));
          proxies = [];
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
          cluster = new MemoryCluster({ now: () => now });
          proxies = [];
          now = NOW;
          const all = ['dc1', 'dc1', 'dc2', 'dc2', 'dc2'].map((geo, i) => proxyOf(geo, `${i}`, skews[i] ?? 0));
          await ready(...all);
          let last: Binding | undefined;
          for (const [i, { kind, proxy, geo, seconds }] of actions.entries()) {
            now += seconds * 1000;
            const actor = all[proxy];
            if (actor === undefined) continue;
            const { replica, skew } = actor;
            if (kind === 'register' || kind === 'remove') {
              const made = binding({ expires: now + skew + 2 * HOUR, q: i });
              const stamp = replica.stamp(made.aor, made.id, 'call-1', i + 1, now + skew);
              last = kind === 'register' ? { ...made, stamp } : { ...made, stamp, removed: true };
              replica.save(last);
            } else if (kind === 'cut') actor.links.get(geo)?.setCut(true);
            else if (kind === 'mend') actor.links.get(geo)?.setCut(false);
            else if (kind === 'outage') cluster.setAvailable(geo, false);
            else cluster.setAvailable(geo, true);
            if (seconds % 3 === 0) await settle();
          }
          for (const geo of ALL) cluster.setAvailable(geo, true);
          for (const { links } of all) for (const link of links.values()) link.setCut(false);
          for (let i = 0; i < 2; i++) {
            now += 6000;
            await settle();
          }
          all.push(proxyOf('dc2', 'fresh'));
          await until(() => all.every(({ replica }) => replica.complete));
          const known = all.map(({ replica }) =>
            replica.bindings('alice@example.com', now).map(({ stamp }) => stamp.cseq),
          );
          const meant = last === undefined || last.removed === true ? [] : [last.stamp.cseq];
          expect(known).to.deep.equal(all.map(() => meant));
          await Promise.all(proxies.map(({ replica }) => replica.close()));
          proxies = [];
        },
      ),
      { numRuns: 150 },
    );
  });

  it('takes versions from the stores in any order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(versions(), fc.constantFrom(...ALL)), { minLength: 1, maxLength: 8 }),
        async (written) => {
          cluster = new MemoryCluster({ now: () => now });
          proxies = [];
          const stores = new Map(ALL.map((geo) => [geo, cluster.store(geo)]));
          const all = [proxyOf('dc1', 'a'), proxyOf('dc2', 'b')];
          for (const [version, geo] of written) await stores.get(geo)?.put(bindingKey(version), encodeBinding(version));
          await until(() => all.every(({ replica }) => replica.complete));
          await settle();
          const [a, b] = all.map(({ replica }) => replica.binding('alice@example.com', binding().id));
          expect(a).to.deep.equal(b);
          await Promise.all(proxies.map(({ replica }) => replica.close()));
          proxies = [];
        },
      ),
      { numRuns: 50 },
    );
  });
});
