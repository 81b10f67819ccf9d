import { expect } from 'chai';
import type { ResponseContext } from '../../../proxy/routing/response-context.ts';
import { Header } from '../../../proxy/sip/header.ts';
import type { Waiting } from '../../../proxy/store/write-behind.ts';
import type { Connection } from '../../../proxy/transport/hop.ts';
import { register } from '../../builders.ts';
import { AT, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

const OVER_TCP = {
  listeners: [
    { transport: 'UDP' as const, port: 5060, side: 'Both' as const },
    { transport: 'TCP' as const, port: 5060, side: 'Both' as const },
  ],
};

/** bob's phone asks over its own TCP connection for a binding with a flow (RFC 5626); the REGISTER as the server gets it. */
async function asksForFlow(scene: Scene, phone: Connection): Promise<Sent> {
  const text = register({
    from: 'bob',
    transport: 'TCP',
    sentBy: '192.168.1.5:5060',
    contact: '<sip:bob@192.168.1.5;transport=tcp>;reg-id=1;+sip.instance="<urn:uuid:b>"',
    headers: ['Supported: path, outbound'],
  });
  return requestIn(await scene.receives(text, phone.remoteAddress, phone.remotePort, 'TCP', phone));
}

/** The same, granted; the 200. */
async function registersFlow(scene: Scene, phone: Connection, grantHeaders: readonly string[] = []): Promise<Sent> {
  const asked = await asksForFlow(scene, phone);
  const sent = await scene.receives(respond(asked.message, 200, { headers: grantHeaders }), asked.hop.address);
  const answer = sent.at(-1);
  if (answer === undefined) throw new Error('no answer');
  return answer;
}

describe('a registration with a flow (RFC 5626)', () => {
  it('tells the phone that its flow is kept and when to send keep-alives, and expects them', async () => {
    const scene = await Scene.begin(OVER_TCP);
    const phone = scene.phoneStream(4, AT.bob, 40_000);
    const { message } = await registersFlow(scene, phone);
    expect([message.value(Header.Require), message.value(Header.FlowTimer)]).to.deep.equal(['outbound', '120']);
    expect([phone.keepAlive, phone.holds]).to.deep.equal([120_000, 1]);
  });

  it("expects them as the server's own Flow-Timer says", async () => {
    const scene = await Scene.begin(OVER_TCP);
    const phone = scene.phoneStream(4, AT.bob, 40_000);
    const { message } = await registersFlow(scene, phone, ['Require: outbound', 'Flow-Timer: 60']);
    expect(message.values(Header.FlowTimer)).to.deep.equal(['60']);
    expect(phone.keepAlive).to.equal(60_000);
  });

  it('keeps nothing of a connection that closed before the answer came', async () => {
    const scene = await Scene.begin(OVER_TCP);
    const phone = scene.phoneStream(4, AT.bob, 40_000);
    const asked = await asksForFlow(scene, phone);
    Object.assign(phone, { open: false });
    scene.core.flows.release(phone);
    await scene.receives(respond(asked.message, 200), asked.hop.address);
    expect([scene.core.flows.size, phone.holds]).to.deep.equal([0, 0]);
  });
});

describe('a registration that waited for its commit', () => {
  it('lets go of its REGISTER once it is answered, and keeps what answers a retransmission', async () => {
    const scene = await Scene.begin();
    const contexts: ResponseContext[] = [];
    const ended = scene.core.ended.bind(scene.core);
    scene.core.ended = (context, ...rest) => {
      contexts.push(context);
      ended(context, ...rest);
    };
    const text = register({ from: 'bob', contact: `<sip:bob@${AT.bob}>` });
    const asked = requestIn(await scene.receives(text, AT.bob));
    expect(statuses(await scene.receives(respond(asked.message, 200), asked.hop.address))).to.include(200);
    expect(contexts).to.have.length(1);
    expect(() => contexts[0]?.server.request).to.throw(RangeError, 'was let go');
    expect(statuses(await scene.receives(text, AT.bob))).to.deep.equal([200]);
  });
});

describe('registrations while the store is away', () => {
  it('leave nothing behind but the binding: who was answered waits for the store no more', async () => {
    const scene = await Scene.begin();
    const { replica } = scene;
    const waiting: Waiting[] = [];
    const save = replica.save.bind(replica);
    replica.save = (binding, one) => {
      if (one !== undefined) waiting.push(one);
      return save(binding, one);
    };
    scene.cluster.setAvailable('dc1', false);
    const refresh = async (cseq: number): Promise<void> => {
      const contact = `<sip:bob@${AT.bob}>`;
      const asked = requestIn(
        await scene.receives(register({ from: 'bob', contact, callId: 'bob-1', cseq, expires: 600 }), AT.bob),
      );
      await scene.receives(respond(asked.message, 200, { headers: ['Expires: 600'] }), asked.hop.address);
      expect(statuses(await scene.passes(300))).to.include(200);
    };
    for (let cseq = 1; cseq <= 20; cseq++) await refresh(cseq);
    expect(waiting.map(({ gaveUp }) => gaveUp)).to.deep.equal(Array.from({ length: 20 }, () => true));
    expect(replica.counters['writesWaiting']).to.equal(1);
  });
});

describe('a phone that leaves in one data centre while it is bound in another', () => {
  const phone = { from: 'bob', contact: '<sip:bob@192.168.1.5>', callId: 'bob-1' };

  async function registers(scene: Scene, cseq: number, expires: number, contact = phone.contact): Promise<void> {
    const asked = requestIn(await scene.receives(register({ ...phone, contact, cseq, expires }), AT.bob));
    await scene.receives(respond(asked.message, 200, { headers: [`Expires: ${expires}`] }), asked.hop.address);
  }
  const isBound = (scene: Scene): boolean => scene.replica.bindings('bob@example.com', scene.time).length > 0;

  it('does not come back with that data centre, where it was out of touch', async () => {
    const here = await Scene.begin();
    const there = await Scene.begin({ geoLocation: 'dc2' }, true, here.cluster);
    here.cluster.setAvailable('dc2', false);
    await registers(there, 1, 600);
    expect([isBound(here), isBound(there)]).to.deep.equal([false, true]);
    await here.passes(1000);
    await registers(here, 2, 0);
    here.cluster.setAvailable('dc2', true);
    there.replica.expire(there.time);
    await there.settled();
    await here.settled();
    expect([isBound(here), isBound(there)]).to.deep.equal([false, false]);
  });

  it('stays away by Contact: *, too, though it had left here and came back there', async () => {
    const here = await Scene.begin();
    const there = await Scene.begin({ geoLocation: 'dc2' }, true, here.cluster);
    await registers(here, 1, 600);
    await registers(here, 2, 0);
    await there.settled();
    here.cluster.setAvailable('dc2', false);
    await here.passes(1000);
    await registers(there, 3, 600);
    await here.passes(1000);
    await registers(here, 4, 0, '*');
    here.cluster.setAvailable('dc2', true);
    there.replica.expire(there.time);
    await there.settled();
    await here.settled();
    expect([isBound(here), isBound(there)]).to.deep.equal([false, false]);
  });

  const remembered = (scene: Scene): [key: string, value: string][] =>
    [...scene.cluster.entries('dc1')].filter(([key]) => key.startsWith('binding/'));

  it('does not come back with a colleague that writes again what the store lost, here unknown', async () => {
    const colleague = await Scene.begin();
    await registers(colleague, 1, 600);
    const scene = await Scene.begin();
    await scene.passes(1000);
    await registers(scene, 2, 0);
    for (const [key, value] of remembered(colleague)) await scene.cluster.store('dc1').put(key, value);
    await scene.settled();
    expect([isBound(colleague), isBound(scene)]).to.deep.equal([true, false]);
  });

  it('does not come back with a colleague that took it, unheard of, before it left for the second time', async () => {
    const scene = await Scene.begin();
    await registers(scene, 1, 600);
    await registers(scene, 2, 0);
    const colleague = await Scene.begin();
    const putAll = async (from: Scene, to: Scene): Promise<void> => {
      for (const [key, value] of remembered(from)) await to.cluster.store('dc1').put(key, value);
      await to.settled();
    };
    await putAll(scene, colleague);
    await registers(colleague, 3, 600);
    await scene.passes(1000);
    await registers(scene, 4, 0);
    await putAll(colleague, scene);
    expect([isBound(colleague), isBound(scene)]).to.deep.equal([true, false]);
  });

  it('leaves no more tombstones of what is bound nowhere than there may be contacts', async () => {
    const scene = await Scene.begin();
    const { maxContacts } = scene.config.registration;
    for (let i = 1; i <= maxContacts + 5; i++) await registers(scene, i, 0, `<sip:bob@192.168.1.${i}>`);
    expect(scene.replica.counts(scene.time).bindings).to.equal(0);
    expect(remembered(scene)).to.have.length(maxContacts);
  });

  it('leaves so many for each data centre while one is out of touch', async () => {
    const scene = await Scene.begin();
    const { maxContacts } = scene.config.registration;
    const most = maxContacts * scene.replica.stores.length;
    scene.cluster.setAvailable('dc2', false);
    for (let i = 1; i <= most + 5; i++) await registers(scene, i, 0, `<sip:bob@192.168.1.${i}>`);
    expect(remembered(scene)).to.have.length(most);
  });
});
