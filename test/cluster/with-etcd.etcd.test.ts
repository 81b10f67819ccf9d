import { expect } from 'chai';
import { Etcd3 } from 'etcd3';
import { eventually } from '../peers/deadline.ts';
import { Etcd } from '../peers/etcd.ts';
import { Cast } from './cast.ts';

describe('registrations in etcd', function () {
  this.timeout(40_000);
  let etcd: { dc1: Etcd; dc2: Etcd };
  let cast: Cast | undefined;

  beforeEach(async () => {
    const [dc1, dc2] = await Promise.all([Etcd.start(), Etcd.start()]);
    etcd = { dc1, dc2 };
  });
  afterEach(async () => {
    await cast?.leaves();
    cast = undefined;
    await Promise.all([etcd.dc1.stop(), etcd.dc2.stop()]);
  });

  const endpoints = () => ({ dc1: etcd.dc1.endpoint, dc2: etcd.dc2.endpoint });
  const through = (index: number): string => `${cast?.addressOf(cast.proxies[index]) ?? ''}:5060`;

  async function bindingsIn(server: Etcd): Promise<{ key: string; removed: boolean }[]> {
    const client = new Etcd3({ hosts: server.endpoint });
    try {
      const all = await client.getAll().prefix('/sipcluster/v1/voice/test/switch/dn/binding/').strings();
      return Object.entries(all).map(([key, value]) => ({ key, removed: /"(x|removed)":/.test(value) }));
    } finally {
      client.close();
    }
  }

  it('are there after a 200, in the data centre of the proxy, and only then', async () => {
    cast = await Cast.assembles({ etcd: endpoints() });
    const stranger = await cast.phone('alice', { proxy: through(0), password: 'wrong' });
    await stranger.registers().catch(() => undefined);
    const refused = await cast.phone('mallory', { proxy: through(0) });
    await refused.registers().catch(() => undefined);
    expect(await bindingsIn(etcd.dc1)).to.deep.equal([]);

    const alice = await cast.phone('alice', { proxy: through(0) });
    await alice.registers();
    expect((await bindingsIn(etcd.dc1)).map(({ key }) => key))
      .to.have.length(1)
      .and.match(/alice/);
    expect(await bindingsIn(etcd.dc2)).to.deep.equal([]);

    await alice.unregisters();
    const left = await bindingsIn(etcd.dc1);
    expect(left.every(({ removed }) => removed)).to.equal(true);
    await eventually(
      3000,
      'every proxy forgets alice',
      () => cast?.proxies.every((p) => p.status().counts.registrations === 0) ?? false,
    );
  });

  it('wait for an etcd that is away at start; the proxy says why it is not ready', async () => {
    await etcd.dc1.kill();
    cast = await Cast.assembles({ etcd: endpoints(), ready: false });
    const [first] = cast.proxies;
    const response = await fetch(`${first?.admin ?? ''}/readyz`);
    expect(response.status).to.equal(503);
    expect(await response.text()).to.match(/store of dc1/);
    await etcd.dc1.restart();
    await cast.isReady();
    const alice = await cast.phone('alice', { proxy: through(0) });
    await alice.registers();
    expect(await bindingsIn(etcd.dc1)).to.have.length(1);
  });

  it('are served, and new ones kept, while etcd is away; it has them when it is back', async () => {
    cast = await Cast.assembles({ etcd: endpoints() });
    const alice = await cast.phone('alice', { proxy: through(0) });
    await alice.registers();
    await cast.isKnownEverywhere('alice');
    await etcd.dc1.kill();
    const bob = await cast.phone('bob', { proxy: through(0) });
    await bob.registers();
    const [call, answered] = await Promise.all([bob.calls('alice'), alice.answers()]);
    await call.hangsUp();
    expect(await answered.ended).to.equal('there');
    await etcd.dc1.restart();
    await eventually(10_000, 'etcd holds both', async () => (await bindingsIn(etcd.dc1)).length === 2);
    await eventually(10_000, 'dc2 knows both', () => cast?.proxies[3]?.status().counts.registrations === 2);
  });
});
