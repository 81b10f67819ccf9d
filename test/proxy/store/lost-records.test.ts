import { expect } from 'chai';
import { bindingKey } from '../../../proxy/store/keys.ts';
import { HOUR, MINUTE, binding, until } from './records.ts';
import { Scene } from './scene.ts';

describe('replica', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  it('keeps what it has when the key goes: a lease only cleans up', async () => {
    const a = scene.proxyOf('dc1', 'a');
    await scene.ready(a);
    await scene.register(a);
    await scene.cluster.store('dc1').remove(bindingKey(binding()));
    await scene.settle();
    expect(scene.contacts(a)).to.have.length(1);
  });

  it('writes it again, one proxy alone, where the key goes while it is bound, and not when it is over', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc1', 'b')];
    await scene.ready(a, b);
    // what is looked for after a load is done by then
    scene.now += MINUTE;
    await scene.settle();
    await scene.register(a);
    await scene.settle();
    const remove = async (): Promise<string[]> => {
      await scene.cluster.store('dc1').remove(bindingKey(binding()));
      await scene.settle();
      return scene.stored('dc1');
    };
    expect(await remove()).to.have.length(1);
    const repaired = [a, b].map(({ replica }) => replica.counters['storeRepaired'] ?? 0);
    expect(repaired).to.have.members([0, 1]);
    scene.now += HOUR;
    expect(await remove()).to.deep.equal([]);
  });

  it('writes again what a store lost, each record by one of its proxies, and only its own', async () => {
    const [a, a2, b] = [scene.proxyOf('dc1', '0'), scene.proxyOf('dc1', '1'), scene.proxyOf('dc2', '2')];
    await scene.ready(a, a2, b);
    await scene.settle();
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id, i) => scene.register(i % 2 === 0 ? a : a2, { id, contact: id })));
    await scene.register(b, { id: 'sip:alice@10.0.2.1', contact: 'sip:alice@10.0.2.1' });
    await until(() => [a, a2, b].every((p) => scene.contacts(p).length === 21));
    const before = scene.stored('dc1').toSorted();
    scene.cluster.lose('dc1');
    await until(() => scene.stored('dc1').length === 20);
    await scene.settle();
    expect(scene.stored('dc1').toSorted()).to.deep.equal(before);
    expect(scene.stored('dc2')).to.have.length(1);
    const repaired = [a, a2].map(({ replica }) => replica.counters['storeRepaired'] ?? 0);
    expect((repaired[0] ?? 0) + (repaired[1] ?? 0), 'each once').to.equal(20);
    expect(
      repaired.every((n) => n > 0),
      'shared',
    ).to.equal(true);
  });

  it('writes again what its store lost a few at a time, so that calls do not wait', async () => {
    const a = scene.proxyOf('dc1', 'a');
    await scene.ready(a);
    const ids = Array.from({ length: 120 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => scene.register(a, { id, contact: id })));
    scene.cluster.lose('dc1');
    const repaired: (number | undefined)[] = [];
    for (let i = 0; i < 4; i++) {
      repaired.push(a.replica.counters['storeRepaired']);
      a.replica.tick(scene.now);
    }
    expect(repaired).to.deep.equal([50, 100, 120, 120]);
    await until(() => scene.stored('dc1').length === 120);
  });

  it('writes what a dead colleague should have written again, a little later', async () => {
    const a = scene.proxyOf('dc1', '0');
    const dead = scene.proxyOf('dc1', '1');
    await scene.ready(a, dead);
    await scene.settle();
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => scene.register(dead, { id, contact: id })));
    await until(() => scene.contacts(a).length === 20);
    for (const link of dead.links.values()) link.setCut(true);
    scene.cluster.lose('dc1');
    await scene.settle();
    expect(scene.stored('dc1').length).to.be.lessThan(20);
    scene.now += 5000;
    await until(() => {
      a.replica.expire(scene.now);
      return scene.stored('dc1').length === 20;
    });
  });

  it('keeps what an emptied data centre lost whose proxies were started anew: another one takes it over, once', async () => {
    const [a, b, b2, c] = [
      scene.proxyOf('dc1', '0'),
      scene.proxyOf('dc2', '1'),
      scene.proxyOf('dc2', '2'),
      scene.proxyOf('dc3', '3'),
    ];
    await scene.ready(a, b, b2, c);
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => scene.register(a, { id, contact: id })));
    await until(() => [b, b2, c].every((p) => scene.contacts(p).length === 20));
    await a.replica.close();
    scene.cluster.lose('dc1');
    const again = scene.proxyOf('dc1', '0');
    await scene.ready(again, b, b2, c);
    await scene.settle();
    scene.now += 5000;
    await scene.settle();
    expect(scene.contacts(again), 'its own proxies come first').to.deep.equal([]);
    scene.now += 3000;
    await scene.comesTo(() => scene.contacts(again).length === 20);
    await scene.settle();
    const adopted = [b, b2, c].map(({ replica }) => replica.counters['storeAdopted'] ?? 0);
    expect((adopted[0] ?? 0) + (adopted[1] ?? 0), 'each by one proxy of a data centre').to.be.at.most(20);
    expect(new Set([...scene.stored('dc2'), ...scene.stored('dc3')]).size).to.equal(20);
    expect(scene.stored('dc1')).to.deep.equal([]);
    // and it goes as any other does
    scene.now += 1000;
    for (const id of ids) await scene.register(again, { id, contact: id, callId: 'call-2', expires: scene.now + HOUR });
    await scene.comesTo(() => scene.stored('dc2').length + scene.stored('dc3').length === 0);
  });

  it('takes over what an emptied data centre lost in time though its phones register again all along', async () => {
    const [a, b] = [scene.proxyOf('dc1', '0'), scene.proxyOf('dc2', '1')];
    await scene.ready(a, b);
    const ids = Array.from({ length: 20 }, (_, i) => `sip:alice@10.0.1.${i}`);
    await Promise.all(ids.map((id) => scene.register(a, { id, contact: id })));
    await until(() => scene.contacts(b).length === 20);
    await a.replica.close();
    scene.cluster.lose('dc1');
    const again = scene.proxyOf('dc1', '0');
    await scene.ready(again, b);
    for (const id of ids.slice(0, 9)) {
      await scene.register(again, { id, contact: id, cseq: 2 });
      scene.now += 1000;
      await scene.settle();
    }
    expect(scene.contacts(again)).to.have.length(20);
  });

  it('takes nothing over that the proxies of an emptied data centre write again themselves', async () => {
    const [a, b] = [scene.proxyOf('dc1', '0'), scene.proxyOf('dc2', '1')];
    await scene.ready(a, b);
    await scene.register(a);
    await until(() => scene.contacts(b).length === 1);
    scene.cluster.lose('dc1');
    await until(() => scene.stored('dc1').length === 1);
    for (const wait of [6000, 3000, 20_000]) {
      scene.now += wait;
      await scene.settle();
    }
    expect(scene.stored('dc2')).to.deep.equal([]);
  });
});
