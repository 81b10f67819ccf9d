import { expect } from 'chai';
import { eventually } from '../peers/deadline.ts';
import { SipRefusal } from '../peers/sip-refusal.ts';
import type { Phone } from '../peers/phone.ts';
import { Cast } from './cast.ts';

describe('phones of two data centres', function () {
  this.timeout(20_000);
  let cast: Cast;
  beforeEach(async () => {
    cast = await Cast.assembles();
  });
  afterEach(() => cast.leaves());

  const through = (index: number): string => `${cast.addressOf(cast.proxies[index])}:5060`;

  async function callUp(alice: Phone, bob: Phone) {
    await alice.registers();
    await bob.registers();
    await cast.isKnownEverywhere(bob.user);
    const [call, answered] = await Promise.all([alice.calls('bob'), bob.answers()]);
    return { call, answered };
  }

  it('register after a challenge, and are then known to every proxy', async () => {
    const alice = await cast.phone('alice', { proxy: through(0) });
    await alice.registers();
    expect(alice.counter.of('received 401 to REGISTER')).to.equal(1);
    await cast.isKnownEverywhere('alice');
    expect(cast.proxies.map((proxy) => proxy.status().counts.registrations)).to.deep.equal([1, 1, 1, 1]);
    await alice.unregisters();
    expect(cast.proxies[0]?.status().counts.registrations).to.equal(0);
  });

  it('are refused with a wrong password, and not stored', async () => {
    const alice = await cast.phone('alice', { proxy: through(0), password: 'wrong' });
    const refusal = await alice.registers().catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(SipRefusal).with.property('status', 403);
    expect(cast.proxies[0]?.status().counts.registrations).to.equal(0);
  });

  for (const [name, options] of [
    ['over UDP', {}],
    ['over TCP, each held by the proxy that took it', { transport: 'TCP' }],
  ] as const) {
    it(`call across, hold and hang up ${name}`, async () => {
      const alice = await cast.phone('alice', { ...options, proxy: through(0) });
      const bob = await cast.phone('bob', { ...options, proxy: through(3) });
      const { call, answered } = await callUp(alice, bob);
      await call.holds();
      expect(answered.remoteDirection).to.equal('sendonly');
      await answered.resumes();
      await answered.hangsUp();
      expect(await call.ended).to.equal('there');
      expect(alice.counter.of('missed ACK') + bob.counter.of('missed ACK')).to.equal(0);
    });
  }

  it('call from UDP to TCP, with a Record-Route for either side', async () => {
    const alice = await cast.phone('alice', { proxy: through(0) });
    const bob = await cast.phone('bob', { transport: 'TCP', proxy: through(1) });
    const { call, answered } = await callUp(alice, bob);
    await answered.holds();
    await call.hangsUp();
    expect(await answered.ended).to.equal('there');
  });

  it('give up a call that rings', async () => {
    const alice = await cast.phone('alice', { proxy: through(0) });
    const bob = await cast.phone('bob', { proxy: through(3) });
    await bob.registers();
    await cast.isKnownEverywhere('bob');
    const call = alice.dials('bob');
    const ringing = await bob.isCalled();
    await call.rings;
    await call.cancels();
    expect(await ringing.ended).to.equal('there');
    expect(alice.counter.of('received 487 to INVITE')).to.equal(1);
  });

  for (const [name, other] of [
    ['another proxy of the data centre', 1],
    ['a proxy of the other data centre', 2],
  ] as const) {
    it(`give up a call that rings by a CANCEL that reaches ${name}`, async () => {
      const alice = await cast.phone('alice', { proxy: through(0) });
      const bob = await cast.phone('bob', { proxy: through(3) });
      await bob.registers();
      await cast.isKnownEverywhere('bob');
      const call = alice.dials('bob');
      const ringing = await bob.isCalled();
      await call.rings;
      await eventually(5000, 'that proxy knows the call', () => (cast.proxies[other]?.status().counts.calls ?? 0) > 1);
      await call.cancels(cast.addressOf(cast.proxies[other]));
      expect(await ringing.ended).to.equal('there');
      expect(alice.counter.of('received 487 to INVITE')).to.equal(1);
      expect(alice.counter.of('received 200 to CANCEL')).to.equal(1);
    });
  }

  it('hear 480 of a phone that is not registered', async () => {
    const alice = await cast.phone('alice', { proxy: through(0) });
    const refusal = await alice.calls('carol').catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(SipRefusal).with.property('status', 480);
  });

  for (const loss of ['isKilled', 'pauses'] as const) {
    it(`keep their call when its primary ${loss}`, async () => {
      const alice = await cast.phone('alice');
      const bob = await cast.phone('bob');
      const { call, answered } = await callUp(alice, bob);
      // each pair carries the call or knows nothing of it: both lose their primary
      for (const pair of cast.pairs) await pair.primary[loss]();
      await call.holds();
      expect(answered.remoteDirection).to.equal('sendonly');
      await answered.hangsUp();
      expect(await call.ended).to.equal('there');
      const [again, at] = await Promise.all([alice.calls('bob'), bob.answers()]);
      await again.hangsUp();
      expect(await at.ended).to.equal('there');
      for (const pair of cast.pairs) pair.primary.wakes();
    });
  }

  it('keep their call when the proxy that set it up is gone', async () => {
    const alice = await cast.phone('alice', { patience: { invite: 300, other: 300 } });
    const bob = await cast.phone('bob', { patience: { invite: 300, other: 300 } });
    const { call, answered } = await callUp(alice, bob);
    for (const proxy of cast.proxies.splice(0, 1)) await proxy.close();
    for (const proxy of cast.proxies.splice(1, 1)) await proxy.close();
    await call.holds();
    await answered.hangsUp();
    expect(await call.ended).to.equal('there');
  });
});
