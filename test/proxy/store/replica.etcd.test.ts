import { expect } from 'chai';
import { EtcdStore } from '../../../proxy/store/etcd.ts';
import { Replica } from '../../../proxy/store/replica.ts';
import { Etcd } from '../../peers/etcd.ts';
import { Relay } from '../../peers/relay.ts';
import { Recorder } from './recorder.ts';
import { HOUR, binding, healthRecord, proxyRecord, saved, silent, until } from './records.ts';

describe('replica of two data centres with real etcd', function () {
  this.timeout(20_000);
  const etcds = new Map<string, Etcd>();
  /** From dc1's proxies to dc2's etcd. */
  let link: Relay;
  const replicas: Replica[] = [];

  before(async () => {
    const [dc1, dc2] = await Promise.all([Etcd.start(), Etcd.start()]);
    etcds.set('dc1', dc1);
    etcds.set('dc2', dc2);
    link = await Relay.to(dc2.port);
  });
  after(async () => {
    await Promise.all(replicas.map((replica) => replica.close()));
    await link.close();
    await Promise.all([...etcds.values()].map((etcd) => etcd.stop()));
  });

  const etcdOf = (geoLocation: string): Etcd => etcds.get(geoLocation) ?? expect.fail();
  const store = (geoLocation: string, port: number): EtcdStore =>
    new EtcdStore({
      geoLocation,
      endpoints: [`http://127.0.0.1:${port}`],
      prefix: '/sipcluster/v1/test/replica/',
      log: silent,
      now: Date.now,
      times: { presence: { ttl: 5, beat: 300 } },
    });
  const proxy = (geoLocation: string, name: string): Replica => {
    const [dc1, dc2] = [
      store('dc1', etcdOf('dc1').port),
      store('dc2', geoLocation === 'dc1' ? link.port : etcdOf('dc2').port),
    ];
    const [own, other] = geoLocation === 'dc1' ? [dc1, dc2] : [dc2, dc1];
    const replica = new Replica({ proxy: name, boot: 'b1', own, others: [other], now: Date.now, log: silent });
    replicas.push(replica);
    replica.start();
    return replica;
  };
  const register = (replica: Replica, user: string): Promise<void> => {
    const made = binding({
      aor: `${user}@example.com`,
      id: `sip:${user}@10.0.0.1`,
      contact: `sip:${user}@10.0.0.1`,
      expires: Date.now() + HOUR,
    });
    return saved(replica, { ...made, stamp: replica.stamp(made.aor, made.id, `call-${user}`, 1, Date.now()) });
  };
  const knows = (replica: Replica, user: string): boolean =>
    replica.bindings(`${user}@example.com`, Date.now()).length === 1;
  const every = (some: readonly Replica[], users: readonly string[]) => () => {
    for (const replica of some) replica.expire(Date.now());
    return some.every((replica) => users.every((user) => knows(replica, user)));
  };

  it('shares registrations, presence and keys, and goes on where a link is cut, an etcd is away or is replaced', async () => {
    const a = proxy('dc1', 'a');
    const b = proxy('dc2', 'b');
    await until(() => a.complete && b.complete && a.ready && b.ready);
    a.publishProxy(proxyRecord('a', { geoLocation: 'dc1' }));
    b.publishProxy(proxyRecord('b', { geoLocation: 'dc2' }));
    await Promise.all([register(a, 'alice'), register(b, 'bob')]);
    await until(every([a, b], ['alice', 'bob']));
    await until(() => [a, b].every(({ proxies }) => proxies.size === 2));
    await until(() => a.keys.ids().length === 2 && b.keys.ids().length === 2);

    const beat = (at: number): void => b.publishHealth(healthRecord('b', { geoLocation: 'dc2', at }));
    const heard = (): number => Date.now() - (a.stores[1]?.lag ?? Infinity);
    const first = Date.now();
    beat(first);
    await until(() => Math.abs(heard() - first) < 5);

    link.cut();
    await until(() => a.stores[1]?.available === false);
    await register(b, 'carol');
    await register(a, 'dave');
    await until(() => knows(b, 'dave'));
    expect(knows(a, 'carol')).to.equal(false);
    expect(a.proxies.has('b'), 'known before the cut').to.equal(true);
    const second = Date.now();
    beat(second);
    await until(() => Date.now() - second > 20);
    expect(heard(), 'as old as the last news that came').to.be.closeTo(first, 5);
    link.mend();
    await until(() => knows(a, 'carol') && Math.abs(heard() - second) < 5);

    await etcdOf('dc1').kill();
    await until(() => a.stores[0]?.available === false);
    let committed = false;
    void register(a, 'erin').then(() => {
      committed = true;
    });
    expect(knows(a, 'erin') && knows(a, 'alice')).to.equal(true);
    expect(committed).to.equal(false);
    await etcdOf('dc1').restart();
    await until(() => committed && every([a, b], ['erin'])(), undefined, 10_000);

    await etcdOf('dc1').replace({ asAnother: true });
    const witness = store('dc1', etcdOf('dc1').port);
    const reader = Recorder.of(witness);
    const lost = ['alice', 'dave', 'erin'];
    await until(
      () => {
        a.expire(Date.now());
        b.expire(Date.now());
        const held = [...reader.keys.keys()];
        return (
          lost.every((user) => held.includes(`binding/${user}@example.com/sip:${user}@10.0.0.1`)) &&
          held.filter((key) => key.startsWith('key/')).length === 2
        );
      },
      () => [...reader.keys.keys()],
      10_000,
    );
    expect(
      [...reader.keys.keys()].filter((key) => key.startsWith('binding/bob')),
      "not another data centre's",
    ).to.deep.equal([]);
    await until(() => [a, b].every(({ proxies }) => proxies.size === 2));
    const late = proxy('dc2', 'late');
    await until(every([a, b, late], [...lost, 'bob', 'carol']));
    await witness.close();
  });
});
