import { expect } from 'chai';
import type { Etcd3 } from 'etcd3';
import { ExpiryLeases } from '../../../proxy/store/lease.ts';
import { HOUR, MINUTE, NOW } from './records.ts';

describe('leases shared by keys that expire at about one time', () => {
  /** Leases, and the seconds for which each was granted. */
  function leases(now: () => number): { shared: ExpiryLeases; granted: number[] } {
    const granted: number[] = [];
    const leaseClient = {
      leaseGrant: ({ TTL }: { TTL: number }) => {
        granted.push(TTL);
        return Promise.resolve({ ID: String(granted.length) });
      },
    };
    return { shared: new ExpiryLeases({ client: { leaseClient } as unknown as Etcd3, now }), granted };
  }
  /** Puts so many keys under leases. */
  async function fill(shared: ExpiryLeases, keys: number, expires: number): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < keys) {
      const id = shared.take(expires);
      if (id === undefined) await shared.open(expires);
      else ids.push(id);
    }
    return ids;
  }

  it('are full with 250 keys', async () => {
    const { shared } = leases(() => NOW);
    const ids = await fill(shared, 600, NOW + HOUR);
    expect(['1', '2', '3'].map((id) => ids.filter((one) => one === id).length)).to.deep.equal([250, 250, 100]);
  });

  it('end a minute after the last expiry in them, and never before', async () => {
    const { shared, granted } = leases(() => NOW);
    await fill(shared, 1, NOW + HOUR);
    await fill(shared, 1, NOW + HOUR - 20_000);
    expect(granted).to.deep.equal([(HOUR + MINUTE) / 1000]);
    await fill(shared, 1, NOW + HOUR + 1);
    expect(granted[1]).to.be.within((HOUR + MINUTE) / 1000 + 1, (HOUR + MINUTE) / 1000 + 30);
  });

  it('end one after the other though very many keys expire together: etcd removes 250 at a time', async () => {
    const { shared, granted } = leases(() => NOW);
    await fill(shared, 450_000, NOW + HOUR);
    expect(granted).to.have.length(1800);
    expect(new Set(granted).size).to.equal(1800);
    await fill(shared, 250_000, NOW + HOUR);
    const perSecond = Map.groupBy(granted, (ttl) => ttl);
    expect(Math.max(...[...perSecond.values()].map((list) => list.length))).to.equal(2);
  });

  it('are forgotten when etcd does not know them, which is early before their end', async () => {
    let now = NOW;
    const { shared } = leases(() => now);
    const [first = ''] = await fill(shared, 1, NOW + HOUR);
    expect(shared.forget('other')).to.equal(false);
    expect(shared.forget(first)).to.equal(true);
    expect(shared.take(NOW + HOUR)).to.equal(undefined);
    const [second = ''] = await fill(shared, 1, NOW + HOUR);
    now = NOW + HOUR + 2 * MINUTE;
    expect(shared.forget(second)).to.equal(false);
  });
});
