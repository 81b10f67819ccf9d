import { expect } from 'chai';
import { HOUR, MINUTE, healthRecord, proxyRecord, until } from './records.ts';
import { Scene } from './scene.ts';

describe('replica', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });
  afterEach(() => scene.close());

  it('knows live proxies and their health, and loses them with their keys', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
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
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    const lags = (): (number | undefined)[] => a.replica.stores.map(({ lag }) => lag);
    expect(lags()).to.deep.equal([undefined, undefined, undefined]);
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: scene.now }));
    await until(() => lags()[1] === 0);
    a.links.get('dc2')?.setCut(true);
    scene.now += 20_000;
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: scene.now }));
    await scene.settle();
    expect(lags()).to.deep.equal([undefined, 20_000, undefined]);
  });

  it('tells how old the news is though a clock of that data centre is an hour ahead', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: scene.now + HOUR }));
    await scene.settle();
    a.links.get('dc2')?.setCut(true);
    scene.now += 20_000;
    expect(a.replica.stores[1]?.lag).to.equal(20_000);
  });

  it('opens a watch anew that has brought no heartbeat since it was opened, though a proxy lives there', async () => {
    const a = scene.proxyOf('dc1', 'a');
    const [, own] = [await until(() => a.replica.ready), a.links.get('dc1')];
    const why: string[] = [];
    Object.assign(own ?? {}, { reopen: (reason: string) => why.push(reason) });
    scene.now += 14_000;
    await scene.settle();
    expect(why, 'nobody lives there').to.deep.equal([]);
    a.replica.publishProxy(proxyRecord('a'));
    await scene.settle();
    scene.now += 1000;
    await scene.settle();
    expect(why).to.deep.equal(['none of the heartbeats of dc1 came for 15 s']);
  });

  it('lets a watch that is back after an outage catch up, and opens it anew only if it then brings nothing', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    const link = a.links.get('dc2');
    if (link === undefined) throw new Error('no link');
    let reopened = 0;
    Object.assign(link, { reopen: () => void reopened++ });
    b.replica.publishHealth(healthRecord('b', { geoLocation: 'dc2', at: scene.now }));
    await until(() => a.replica.health.has('b'));
    link.setCut(true);
    scene.now += MINUTE;
    await scene.settle();
    link.setCut(false);
    await scene.settle();
    expect(reopened, 'while it catches up').to.equal(0);
    scene.now += 14_000;
    await scene.settle();
    expect(reopened).to.equal(0);
    scene.now += 1000;
    await scene.settle();
    expect(reopened, 'three periods later').to.equal(1);
  });

  it('keeps the proxies of a data centre that is out of reach, and those a restored store has yet to name', async () => {
    const [a, b] = [scene.proxyOf('dc1', 'a'), scene.proxyOf('dc2', 'b')];
    await scene.ready(a, b);
    a.replica.publishProxy(proxyRecord('a'));
    await until(() => b.replica.proxies.has('a'));
    b.links.get('dc1')?.setCut(true);
    await a.replica.close();
    await scene.settle();
    expect(b.replica.proxies.has('a')).to.equal(true);
    scene.cluster.lose('dc1');
    b.links.get('dc1')?.setCut(false);
    await scene.settle();
    expect(b.replica.stores[1]).to.include({ geoLocation: 'dc1', available: true });
  });
});
