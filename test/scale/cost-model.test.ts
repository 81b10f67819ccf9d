import { expect } from 'chai';
import { costOf, sizingFor, type Costs } from './cost-model.ts';

const COSTS: Costs = {
  register: { own: 200, other: 40, etcd: 100, etcdEach: 10, bytesEach: 500 },
  call: { own: 500, other: 20, etcd: 30, etcdEach: 4, bytesEach: 200 },
  idle: 5000,
};
const SMALL = { phones: 1800, refresh: 1800, calls: 3600, legs: 1, dataCentres: 2 };

describe('what growth costs', () => {
  it('comes from clusters of several sizes: what etcd does for each proxy, and without any', () => {
    const seen = [1, 2, 4, 8].map((proxies) => ({
      ...{ proxies, own: 100 + proxies, other: proxies === 1 ? Number.NaN : 30 },
      ...{ etcd: 50 + 7 * proxies, bytes: 400 * proxies },
    }));
    expect(costOf(seen)).to.deep.equal({ own: 103, other: 30, etcd: 50, etcdEach: 7, bytesEach: 400 });
  });

  it('is taken to be level where it seems to fall', () => {
    const seen = [1, 2].map((proxies) => ({ proxies, own: 1, other: 1, etcd: 12 - proxies, bytes: 400 }));
    expect(costOf(seen)).to.include({ etcd: 10.5, etcdEach: 0, bytesEach: 0 });
  });

  it('is nothing where it seems to be less', () => {
    const seen = [2, 4].map((proxies) => ({ proxies, own: 1, other: -proxies, etcd: 1, bytes: 1 }));
    expect(costOf(seen).other).to.equal(0);
  });

  it('is little for a small site: two pods in each data centre', () => {
    const sizing = sizingFor(SMALL, COSTS);
    expect(sizing?.pods).to.equal(2);
    // one REGISTER and one call a second: a quarter of each is this pod's own
    expect(sizing?.cores).to.be.closeTo((5000 + 175 + 45) / 1e6, 1e-9);
    expect(sizing?.news).to.be.closeTo(45 / 1e6, 1e-9);
    expect(sizing?.etcdCores).to.be.closeTo((0.5 * (140 + 46)) / 1e6, 1e-9);
    expect(sizing?.etcdMbit).to.be.closeTo(2 * 700 * 8e-6, 1e-9);
  });

  it('leaves room for the loss of a pod', () => {
    const sizing = sizingFor({ ...SMALL, calls: 3600 * 2000 }, COSTS);
    expect(sizing?.pods).to.equal(3);
    expect(sizing?.cores).to.be.below(0.25);
  });

  it('has no answer where the news of others fill each pod', () => {
    expect(sizingFor({ ...SMALL, phones: 2_000_000, refresh: 160 }, COSTS)).to.equal(undefined);
    expect(sizingFor({ ...SMALL, phones: 2_000_000 }, COSTS)?.pods).to.equal(2);
  });

  it('has none where there are more bindings than a proxy holds', () => {
    expect(sizingFor({ ...SMALL, phones: 2_000_001 }, COSTS)).to.equal(undefined);
  });
});
