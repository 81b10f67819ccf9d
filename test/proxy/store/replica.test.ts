import { expect } from 'chai';
import type { Life } from '../../../proxy/store/store.ts';
import { MINUTE, binding, until } from './records.ts';
import { Scene } from './scene.ts';

describe('replica', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  it('is ready when its own store was loaded, whether the others are there or not', async () => {
    scene.cluster.setAvailable('dc2', false);
    const proxy = scene.proxyOf('dc1', 'p1');
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
    expect(proxy.replica.keys.signing(scene.now)).to.not.equal(undefined);
    scene.cluster.setAvailable('dc2', true);
    await until(() => proxy.replica.complete);
  });

  it('is not ready while its own store is away, and then is', async () => {
    scene.cluster.setAvailable('dc1', false);
    const proxy = scene.proxyOf('dc1', 'p1');
    await scene.settle();
    expect(proxy.replica.ready).to.equal(false);
    scene.cluster.setAvailable('dc1', true);
    await until(() => proxy.replica.ready);
  });

  it('has its own writes at once and the others have them after the commit', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    const committed = scene.register(a);
    expect(scene.contacts(a)).to.have.length(1);
    await committed;
    expect(scene.stored('dc1')).to.have.length(1);
    expect(scene.stored('dc2')).to.have.length(0);
    await until(() => scene.contacts(b).length === 1);
    expect([...b.replica.allBindings(scene.now)].map(({ geoLocation }) => geoLocation)).to.deep.equal(['dc1']);
    expect(b.replica.bindingsOfAor('alice@example.com', scene.now)).to.deep.equal([
      ...b.replica.allBindings(scene.now),
    ]);
    expect(b.replica.bindingsOfAor('nobody@example.com', scene.now)).to.deep.equal([]);
    expect(b.replica.bindingsByContact('sip:alice@10.0.0.1:5060', scene.now)).to.have.length(1);
    expect(b.replica.counts(scene.now)).to.deep.equal({ bindings: 1, calls: 0, here: { bindings: 0, calls: 0 } });
  });

  it('ends a binding by its own clock', async () => {
    const a = scene.proxyOf('dc1', 'a');
    await scene.ready(a);
    await scene.register(a, { expires: scene.now + MINUTE });
    scene.now += MINUTE;
    expect(scene.contacts(a)).to.deep.equal([]);
    expect(a.replica.counts(scene.now).bindings).to.equal(0);
  });

  it('serves and takes registrations while its store is away, and writes the last of each when it is back', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    await scene.register(a);
    scene.cluster.setAvailable('dc1', false);
    let committed = 0;
    void scene.register(a, { cseq: 2, q: 500 }).then(() => committed++);
    void scene.register(a, { cseq: 3, q: 700 }).then(() => committed++);
    void scene
      .register(a, { cseq: 1, id: 'sip:alice@10.0.0.2', contact: 'sip:alice@10.0.0.2' })
      .then(() => committed++);
    await scene.settle();
    expect(committed).to.equal(0);
    expect(scene.contacts(a)).to.have.length(2);
    expect(a.replica.stores[0]).to.include({ available: false, reason: 'Unreachable' });
    scene.cluster.setAvailable('dc1', true);
    await until(() => committed === 3);
    await until(() => scene.contacts(b).length === 2);
    expect(b.replica.binding('alice@example.com', binding().id)?.q).to.equal(700);
  });

  it('writes a refresh once, and nothing but it: what others hold of it is put, not removed and put', async () => {
    const [a, b, c] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc1', 'b'), scene.proxyOf('dc2', 'c')];
    await scene.ready(a, b, c);
    await scene.register(a, { instance: '<urn:uuid:1>', regId: 1, owner: 'a', boot: 'b1', flow: 7 });
    await scene.settle();
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
      scene.now += 30 * MINUTE;
      // through whichever proxy of the data centre
      await scene.register(cseq === 3 ? b : a, {
        instance: '<urn:uuid:1>',
        regId: 1,
        owner: 'a',
        boot: 'b1',
        flow: 7,
        cseq,
      });
      await scene.settle();
    }
    expect(written).to.have.length(3);
    for (const value of written) expect(value.length).to.be.lessThan(250);
    expect(scene.contacts(c)).to.have.length(1);
  });

  it('counts what it can not read and goes on', async () => {
    const a = scene.proxyOf('dc1', 'a');
    await scene.ready(a);
    const store = scene.cluster.store('dc1');
    for (const key of ['binding/a/b', 'call/x', 'proxy/p', 'key/dc1/x', 'later/thing']) await store.put(key, '{"v":9}');
    await scene.settle();
    expect(a.replica.counters['storeGarbage']).to.equal(5);
    await scene.register(a);
    expect(scene.contacts(a)).to.have.length(1);
  });

  it('refuses new bindings over its limit and counts them', async () => {
    const a = scene.proxyOf('dc1', 'a', 0, { bindings: 1, calls: 1 });
    await scene.ready(a);
    await scene.register(a);
    await scene.register(a, { id: 'sip:alice@10.0.0.2', contact: 'sip:alice@10.0.0.2' });
    expect(scene.contacts(a)).to.have.length(1);
    expect(a.replica.counters['bindingsRefused']).to.equal(1);
    expect(scene.stored('dc1')).to.have.length(1);
  });
});
