import { expect } from 'chai';
import { bindingKey } from '../../../proxy/store/keys.ts';
import { HOUR, MINUTE, binding, proxyRecord, saved, until } from './records.ts';
import { Scene, type Proxy } from './scene.ts';

describe('replica', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  it('has what was removed gone everywhere, also when the older version comes later', async () => {
    const [a, b, c] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b'), scene.proxyOf('dc3', 'c')];
    await scene.ready(a, b, c);
    c.links.get('dc1')?.setCut(true);
    await scene.register(a);
    await until(() => scene.contacts(b).length === 1);
    scene.now += 1000;
    await scene.unregister(b);
    await until(() => scene.contacts(a).length === 0);
    c.links.get('dc1')?.setCut(false);
    await scene.settle();
    expect(scene.contacts(c)).to.deep.equal([]);
    expect(c.replica.counts(scene.now).bindings).to.equal(0);
  });

  it("removes its own data centre's copy once another's superseded it, and only one proxy does", async () => {
    const [a, a2, b] = [scene.proxyOf('dc1', '0'), scene.proxyOf('dc1', '1'), scene.proxyOf('dc2', '2')];
    await scene.ready(a, a2, b);
    await scene.settle();
    await scene.register(a);
    await until(() => scene.contacts(b).length === 1);
    scene.now += 1000;
    await scene.register(b, { cseq: 2 });
    await scene.comesTo(() => scene.stored('dc1').length === 0);
    await scene.settle();
    expect(scene.stored('dc2')).to.have.length(1);
    expect(scene.contacts(a)).to.have.length(1);
    expect([...a.replica.allBindings(scene.now)].map(({ geoLocation }) => geoLocation)).to.deep.equal(['dc2']);
    const acted = [a, a2].map(({ replica }) => replica.counters['storeSuperseded'] ?? 0);
    expect(acted).to.have.members([0, 1]);
  });

  it('removes a superseded copy only if the store still holds just that', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    const asked: (string | undefined)[] = [];
    const link = a.links.get('dc1') ?? expect.fail();
    const remove = link.remove.bind(link);
    link.remove = (key, held) => {
      asked.push(held);
      return remove(key, held);
    };
    // known before it is superseded, and found in the store when it has been already
    await scene.register(a);
    await until(() => scene.contacts(b).length === 1);
    const old = scene.cluster.entries('dc1').get(bindingKey(binding()));
    await scene.register(b, { cseq: 2 });
    await scene.comesTo(() => scene.stored('dc1').length === 0);
    await scene.cluster.store('dc1').put(bindingKey(binding()), old ?? '');
    await scene.comesTo(() => scene.stored('dc1').length === 0);
    expect(asked).to.deep.equal([old, old]);
  });

  it('puts the newer version back where an older one overwrote it in the store', async () => {
    const [a, b] = [scene.proxyOf('dc1', '0'), scene.proxyOf('dc1', '1')];
    await scene.ready(a, b);
    await scene.settle();
    b.links.get('dc1')?.setCut(true);
    void scene.register(b, { q: 100 });
    scene.now += 1000;
    await scene.register(a, { callId: 'call-2', q: 900 });
    b.links.get('dc1')?.setCut(false);
    const value = (): string => scene.cluster.entries('dc1').get(bindingKey(binding())) ?? '';
    await scene.settle();
    await until(() => value().includes('"q":900'));
    for (const proxy of [a, b]) expect(proxy.replica.binding('alice@example.com', binding().id)?.q).to.equal(900);
  });

  it('lets the later of one Call-ID win though the earlier came where nothing was known of it', async () => {
    const b = scene.proxyOf('dc2', 'b');
    await until(() => b.replica.ready);
    await scene.register(b);
    await scene.settle();
    // dc1 comes up while it can't see dc2, and the phone registers there
    const a = scene.proxyOf('dc1', 'a');
    for (const [proxy, other] of [
      [a, 'dc2'],
      [b, 'dc1'],
    ] as const)
      proxy.links.get(other)?.setCut(true);
    await until(() => a.replica.ready);
    a.replica.publishProxy(proxyRecord('a', { geoLocation: 'dc1' }));
    b.replica.publishProxy(proxyRecord('b', { geoLocation: 'dc2' }));
    scene.now += 60_000;
    await scene.register(a, { cseq: 2 });
    await scene.settle();
    // and takes leave in dc2 before the news is there
    scene.now += 1000;
    await scene.unregister(b, 'call-1', 3);
    await scene.settle();
    for (const [proxy, other] of [
      [a, 'dc2'],
      [b, 'dc1'],
    ] as const)
      proxy.links.get(other)?.setCut(false);
    await until(() => scene.contacts(a).length === 0 && scene.contacts(b).length === 0);
    await scene.settle();
    expect([scene.contacts(a), scene.contacts(b), scene.stored('dc1')]).to.deep.equal([[], [], []]);
  });

  /** The later of one Call-ID comes to a proxy of dc2 that did not hear what dc1 took, where nothing was known of it. */
  const sinceDeaf = async (hears: string, deaf: string): Promise<{ a: Proxy; b: Proxy; b2: Proxy }> => {
    const [b, b2] = [scene.proxyOf('dc2', hears), scene.proxyOf('dc2', deaf)];
    await until(() => b.replica.ready && b2.replica.ready);
    for (const { replica, name } of [b, b2]) replica.publishProxy(proxyRecord(name, { geoLocation: 'dc2' }));
    await scene.register(b, { q: 100 });
    await scene.settle();
    b2.links.get('dc1')?.setCut(true);
    const a = scene.proxyOf('dc1', 'a');
    a.links.get('dc2')?.setCut(true);
    await until(() => a.replica.ready);
    scene.now += 60_000;
    await scene.register(a, { cseq: 2, q: 200 });
    await scene.settle();
    scene.now += 1000;
    return { a, b, b2 };
  };
  const mended = async ({ a, b2 }: { a: Proxy; b2: Proxy }): Promise<void> => {
    b2.links.get('dc1')?.setCut(false);
    a.links.get('dc2')?.setCut(false);
    await scene.settle();
    await scene.settle();
  };
  const qs = (): (number | undefined)[] =>
    scene.proxies.map(({ replica }) => replica.binding('alice@example.com', binding().id)?.q);

  for (const [hears, deaf] of [
    ['0', '1'],
    ['1', '0'],
  ] as const) {
    it(`lets the later of one Call-ID win though proxy ${deaf}, which took it, is deaf to the earlier`, async () => {
      const apart = await sinceDeaf(hears, deaf);
      await scene.register(apart.b2, { cseq: 3, q: 300 });
      await scene.settle();
      await mended(apart);
      expect(qs()).to.deep.equal([300, 300, 300]);
      expect([scene.stored('dc1').length, scene.stored('dc2').length]).to.deep.equal([0, 1]);
    });

    it(`does not call off the write of the later of one Call-ID that waits in proxy ${deaf}`, async () => {
      const apart = await sinceDeaf(hears, deaf);
      apart.b2.links.get('dc2')?.setCut(true);
      void scene.register(apart.b2, { cseq: 3, q: 300 });
      await scene.settle();
      await mended(apart);
      apart.b2.links.get('dc2')?.setCut(false);
      await scene.settle();
      expect(qs()).to.deep.equal([300, 300, 300]);
    });
  }

  it('puts the newer version back a little later where the colleague that should see to it is dead', async () => {
    const [a, b, dead] = [scene.proxyOf('dc1', '0'), scene.proxyOf('dc1', '1'), scene.proxyOf('dc1', '2')];
    await scene.ready(a, b, dead);
    const aors = Array.from({ length: 12 }, (_, i) => `user${i}@example.com`);
    const held = (): [string, string][] =>
      [...scene.cluster.entries('dc1')].filter(([key]) => key.startsWith('binding/'));
    for (const aor of aors) await scene.register(a, { aor, cseq: 1 });
    const older = held();
    for (const aor of aors) await scene.register(a, { aor, cseq: 2 });
    // what is looked for after a start has been
    scene.now += MINUTE;
    await scene.settle();
    for (const link of dead.links.values()) link.setCut(true);
    // a write that was on its way for long
    for (const [key, text] of older) await scene.cluster.store('dc1').put(key, text, { expires: scene.now + HOUR });
    await scene.settle();
    scene.now += 5000;
    await scene.settle();
    expect(held().map(([, text]) => /"cs":\d/.exec(text)?.[0])).to.deep.equal(aors.map(() => '"cs":2'));
  });

  it('lets the later of one Call-ID win a little later where the colleague that should see to it is dead', async () => {
    const [b, deaf, dead] = [scene.proxyOf('dc2', '0'), scene.proxyOf('dc2', '1'), scene.proxyOf('dc2', '2')];
    await until(() => [b, deaf, dead].every(({ replica }) => replica.ready));
    for (const { replica, name } of scene.proxies) replica.publishProxy(proxyRecord(name, { geoLocation: 'dc2' }));
    const aors = Array.from({ length: 12 }, (_, i) => `user${i}@example.com`);
    for (const aor of aors) await scene.register(b, { aor });
    await scene.settle();
    const a = scene.proxyOf('dc1', 'a');
    for (const link of dead.links.values()) link.setCut(true);
    deaf.links.get('dc1')?.setCut(true);
    a.links.get('dc2')?.setCut(true);
    await until(() => a.replica.ready);
    scene.now += 60_000;
    for (const aor of aors) await scene.register(a, { aor, cseq: 2 });
    await scene.settle();
    scene.now += 1000;
    for (const aor of aors) await scene.register(deaf, { aor, cseq: 3 });
    await mended({ a, b2: deaf });
    scene.now += 5000;
    await scene.settle();
    const known = aors.map((aor) => a.replica.binding(aor, binding().id)?.stamp.cseq);
    expect(known).to.deep.equal(aors.map(() => 3));
  });

  it('remembers a longer version that another data centre had, in the store too', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    for (const proxy of [a, b])
      for (const link of proxy.links.values())
        if (link.geoLocation !== (proxy === a ? 'dc1' : 'dc2')) link.setCut(true);
    await scene.register(b, { expires: scene.now + 2 * HOUR });
    scene.now += 1000;
    await scene.register(a, { callId: 'call-2', expires: scene.now + MINUTE });
    for (const proxy of [a, b]) for (const link of proxy.links.values()) link.setCut(false);
    await scene.comesTo(
      () =>
        scene.stored('dc2').length === 0 &&
        (scene.cluster.entries('dc1').get(bindingKey(binding())) ?? '').includes('"u":'),
    );
    scene.now += 10 * MINUTE;
    await scene.settle();
    for (const proxy of [a, b]) expect(scene.contacts(proxy), 'not back from the dead').to.deep.equal([]);
  });

  it('lets the later of two registrations win though the clock of the earlier proxy is ahead', async () => {
    for (const skew of [20_000, 2 * HOUR]) {
      const [fast, right] = [scene.proxyOf('dc1', `fast-${skew}`, skew), scene.proxyOf('dc2', `right-${skew}`)];
      await scene.ready(fast, right);
      const aor = `skew-${skew}@example.com`;
      const at = (proxy: Proxy, ahead: number, q: number, callId: string): Promise<void> => {
        const made = binding({ aor, expires: scene.now + 5 * HOUR, q });
        return saved(proxy.replica, {
          ...made,
          stamp: proxy.replica.stamp(aor, made.id, callId, 1, scene.now + ahead),
        });
      };
      await at(fast, skew, 100, 'z');
      await until(() => right.replica.bindings(aor, scene.now).length === 1);
      scene.now += 5000;
      await at(right, 0, 900, 'a');
      await until(() => fast.replica.bindings(aor, scene.now)[0]?.q === 900);
    }
  });

  it('mends what a write on its way does to a newer version, whoever looks after the key', async () => {
    const [newer, older] = [scene.proxyOf('dc1', '0'), scene.proxyOf('dc1', '1')];
    await scene.ready(newer, older);
    const aors = Array.from({ length: 8 }, (_, i) => `user${i}@example.com`);
    for (const aor of aors) await scene.register(newer, { aor, cseq: 1 });
    scene.cluster.setAvailable('dc1', false);
    for (const aor of aors) void scene.register(older, { aor, cseq: 2 });
    for (const aor of aors) void scene.register(newer, { aor, cseq: 3 });
    await scene.settle();
    // the newer one's writes come first, and are overwritten
    scene.cluster.setAvailable('dc1', true);
    await scene.settle();
    const held = [...scene.cluster.entries('dc1')].filter(([key]) => key.startsWith('binding/'));
    expect(held.map(([, text]) => /"cs":\d/.exec(text)?.[0])).to.deep.equal(aors.map(() => '"cs":3'));
  });
});
