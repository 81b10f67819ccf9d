import { expect } from 'chai';
import type { Etcd3 } from 'etcd3';
import { Group } from '../../../proxy/store/group.ts';
import { ExpiryLeases, PresenceLease } from '../../../proxy/store/lease.ts';
import { NOW, silent } from './records.ts';

describe('writes to etcd, grouped', function () {
  this.timeout(20_000);
  it('wait up to 20,000 keys while etcd says nothing; more are refused, which says so', async () => {
    let asked = 0;
    const kv = {
      txn: () => {
        asked++;
        return new Promise<never>(() => undefined);
      },
    };
    const client = { kv } as unknown as Etcd3;
    const group = new Group({
      client,
      prefix: '/test/',
      expiry: new ExpiryLeases({ client, now: () => NOW }),
      presence: new PresenceLease({ client, log: silent, lost: () => undefined }),
      log: silent,
      trouble: () => undefined,
      leaseLost: () => undefined,
    });
    for (let i = 0; i < 20_000; i++) void group.add('put', `call/${i}`, 'x', undefined, undefined);
    // what waits takes a newer value without more room
    void group.add('put', 'call/19999', 'y', undefined, undefined);
    const refused: unknown = await group
      .add('put', 'call/more', 'x', undefined, undefined)
      .catch((error: unknown) => error);
    expect(String(refused)).to.include('20000 writes wait already');
    expect(asked, 'transactions on their way').to.be.at.most(4);
  });
});
