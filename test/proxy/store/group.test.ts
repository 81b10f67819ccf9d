import { expect } from 'chai';
import type { Etcd3 } from 'etcd3';
import { mock } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { GroupedWrites } from '../../../proxy/store/etcd-txn.ts';
import { Echoes } from '../../../proxy/store/echoes.ts';
import { Group } from '../../../proxy/store/group.ts';
import { ExpiryLeases, PresenceLease } from '../../../proxy/store/lease.ts';
import { NOW, silent } from './records.ts';

describe('writes to etcd, grouped', function () {
  this.timeout(20_000);

  afterEach(() => mock.timers.reset());

  it('wait 2 ms for others', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { group, sizes } = etcdThatIsSilent();
    put(group, 0, 2);
    await pass(1);
    expect(sizes).to.deep.equal([]);
    await pass(1);
    expect(sizes).to.deep.equal([2]);
  });

  it('wait 25 ms where three came in 2, for then a transaction costs more than the time', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { group, sizes } = etcdThatIsSilent();
    put(group, 0, 3);
    await pass(2);
    await pass(22);
    put(group, 3, 20);
    expect(sizes).to.deep.equal([]);
    await pass(1);
    expect(sizes).to.deep.equal([20]);
    // and the next ones are judged anew
    put(group, 20, 21);
    await pass(2);
    expect(sizes).to.deep.equal([20, 1]);
  });

  it('wait no longer once they fill a transaction', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { group, sizes } = etcdThatIsSilent();
    put(group, 0, 3);
    await pass(2);
    put(group, 3, 128);
    await pass(0);
    expect(sizes).to.deep.equal([128]);
    await pass(100);
    expect(sizes).to.deep.equal([128]);
  });

  it('wait up to 20,000 keys while etcd says nothing; more are refused, which says so', async () => {
    const { group, sizes } = etcdThatIsSilent();
    put(group, 0, 20_000);
    // what waits takes a newer value without more room
    group.take('put', 'call/19999', 'y', undefined, undefined, nobody);
    const refused = Promise.withResolvers<Error>();
    group.take('put', 'call/more', 'x', undefined, undefined, { ...nobody, failed: refused.resolve });
    expect(String(await refused.promise)).to.include('20000 writes wait already');
    expect(sizes.length, 'transactions on their way').to.be.at.most(4);
  });
});

const nobody = { committed: (): void => undefined, failed: (): void => undefined };

/** `ms` go by, and what was waiting for that is done. */
async function pass(ms: number): Promise<void> {
  mock.timers.tick(ms);
  await setImmediate();
}

/** `sizes`: how many operations each transaction had that was sent. */
function etcdThatIsSilent(): { group: Group; sizes: number[] } {
  const sizes: number[] = [];
  const kv = {
    txn: ({ writes }: GroupedWrites) => {
      sizes.push(writes.length);
      return new Promise<never>(() => undefined);
    },
  };
  const client = { kv } as unknown as Etcd3;
  const group = new Group({
    client,
    prefix: '/test/',
    expiry: new ExpiryLeases({ client, now: () => NOW }),
    presence: new PresenceLease({ client, log: silent, lost: () => undefined }),
    echoes: new Echoes(),
    log: silent,
    trouble: () => undefined,
    leaseLost: () => undefined,
  });
  return { group, sizes };
}

/** One to each key from `first` on, up to `end`. */
function put(group: Group, first: number, end: number): void {
  for (let i = first; i < end; i++) group.take('put', `call/${i}`, 'x', undefined, undefined, nobody);
}
