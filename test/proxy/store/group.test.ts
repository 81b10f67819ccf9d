import { expect } from 'chai';
import type { Etcd3, ITxnRequest } from 'etcd3';
import { Group } from '../../../proxy/store/group.ts';
import { ExpiryLeases, PresenceLease } from '../../../proxy/store/lease.ts';
import { NOW, silent, until } from './records.ts';

describe('writes to etcd, grouped', function () {
  this.timeout(20_000);

  const groupFor = (client: Etcd3): Group =>
    new Group({
      client,
      prefix: '/test/',
      expiry: new ExpiryLeases({ client, now: () => NOW }),
      presence: new PresenceLease({ client, log: silent, lost: () => undefined }),
      log: silent,
      trouble: () => undefined,
      leaseLost: () => undefined,
    });
  /** An etcd that answers when it is told to. */
  const slowEtcd = (): { client: Etcd3; sent: number[]; answer: () => void } => {
    const sent: number[] = [];
    const waiting: (() => void)[] = [];
    const txn = ({ success }: ITxnRequest): Promise<unknown> => {
      sent.push(success?.length ?? 0);
      return new Promise((resolve) => waiting.push(() => resolve({ responses: [] })));
    };
    return { client: { kv: { txn } } as unknown as Etcd3, sent, answer: () => waiting.shift()?.() };
  };

  it('go together while a transaction is on its way, and as soon as it is committed', async () => {
    const { client, sent, answer } = slowEtcd();
    const group = groupFor(client);
    const add = (key: string): Promise<boolean> => group.add('put', key, 'x', undefined, undefined);
    const first = add('call/1');
    await until(() => sent.length === 1);
    const rest = [add('call/2'), add('call/3'), add('call/4')];
    answer();
    await first;
    await until(() => sent.length === 2);
    expect(sent).to.deep.equal([1, 3]);
    answer();
    await Promise.all(rest);
  });

  it('do not wait for a transaction that hangs', async () => {
    const { client, sent, answer } = slowEtcd();
    const group = groupFor(client);
    void group.add('put', 'call/1', 'x', undefined, undefined);
    await until(() => sent.length === 1);
    void group.add('put', 'call/2', 'x', undefined, undefined);
    await until(() => sent.length === 2);
    expect(sent).to.deep.equal([1, 1]);
    answer();
    answer();
    await group.close();
  });

  it('wait up to 20,000 keys while etcd says nothing; more are refused, which says so', async () => {
    let asked = 0;
    const kv = {
      txn: () => {
        asked++;
        return new Promise<never>(() => undefined);
      },
    };
    const group = groupFor({ kv } as unknown as Etcd3);
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
