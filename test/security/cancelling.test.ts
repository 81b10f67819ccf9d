import { expect } from 'chai';
import { flowEnd, OPEN } from '../../proxy/routing/token.ts';
import { ack, cancel } from '../builders.ts';
import { AT, invite, requestIn, respond, Scene, statuses } from '../proxy/routing/scene.ts';
import { MALLORY, PRIMARIES, reached, signed } from './attacks.ts';

const LISTENERS = {
  listeners: [
    { transport: 'UDP' as const, port: 5060, side: 'Both' as const },
    { transport: 'TCP' as const, port: 5060, side: 'Both' as const },
  ],
};
/** What whoever has seen an INVITE knows of it. */
const seen = { callId: 'c', fromTag: 'a', branch: 'z9hG4bKseen', cseq: 1 };

describe('ending what another began', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin(LISTENERS);
    await scene.registers('bob', AT.bob);
  });

  const fromServer = { ...seen, sentBy: `${AT.ss1.primary}:5060`, to: 'bob' };
  const fromAlice = { ...seen, sentBy: `${AT.alice}:5060`, to: 'bob' };

  /** The call goes on: nobody but who sent the CANCEL hears of it, and that it is of no call. */
  const isRefused = (sent: Awaited<ReturnType<Scene['receives']>>, who: string) =>
    expect([statuses(sent), reached(sent)]).to.deep.equal([[481], [who]]);

  it("does not cancel a server's INVITE, of which it knows all that a CANCEL must say", async () => {
    const asked = requestIn(await scene.receives(invite(fromServer), AT.ss1.primary));
    await scene.receives(respond(asked.message, 180), AT.bob);
    isRefused(await scene.receives(cancel(fromServer), MALLORY), MALLORY);
    isRefused(await scene.receives(cancel(fromServer), AT.ss1.primary, 40_000), AT.ss1.primary);
    const sent = await scene.receives(cancel(fromServer), AT.ss1.primary);
    expect([statuses(sent), requestIn(sent).hop.address]).to.deep.equal([[200], AT.bob]);
  });

  it("does not cancel a phone's, over UDP or over a stream of its own", async () => {
    const asked = requestIn(await scene.receives(invite(fromAlice), AT.alice));
    await scene.receives(respond(asked.message, 180), asked.hop.address);
    isRefused(await scene.receives(cancel(fromAlice), MALLORY), MALLORY);

    const tcp = { ...fromAlice, transport: 'TCP', callId: 'tcp' };
    const phone = scene.phoneStream(3, AT.alice, 40_000);
    const overTcp = requestIn(await scene.receives(invite(tcp), AT.alice, 40_000, 'TCP', phone));
    await scene.receives(respond(overTcp.message, 180), overTcp.hop.address);
    const own = scene.phoneStream(4, MALLORY, 40_001);
    isRefused(await scene.receives(cancel(tcp), MALLORY, 40_001, 'TCP', own), MALLORY);
    // the phone itself may have a new port by now, or a new connection
    const again = scene.phoneStream(5, AT.alice, 40_002);
    expect(statuses(await scene.receives(cancel(tcp), AT.alice, 40_002, 'TCP', again))).to.include(200);
    expect(statuses(await scene.receives(cancel(fromAlice), AT.alice, 50_000))).to.include(200);
  });

  it('does not cancel it by a CANCEL that is slightly other, and is asked of the server', async () => {
    const asked = requestIn(await scene.receives(invite(fromAlice), AT.alice));
    await scene.receives(respond(asked.message, 180), asked.hop.address);
    const own = scene.phoneStream(4, MALLORY, 40_001);
    for (const [text, transport, connection] of [
      [cancel({ ...fromAlice, sentBy: `${AT.alice}:5061` }), 'UDP', undefined],
      [cancel({ ...fromAlice, transport: 'TCP' }), 'TCP', own],
    ] as const) {
      const sent = await scene.receives(text, MALLORY, 40_001, transport, connection);
      const branches = sent.filter(({ message }) => message.isRequest).map(({ message }) => message.via.branch);
      expect(branches).to.not.include(asked.message.via.branch);
      expect(branches).to.not.deep.equal([]);
    }
  });

  it('does not cancel an INVITE that is at another proxy, by having it handed over there', async () => {
    await scene.hasProxy('q1', 'dc1', '10.1.0.2');
    const asked = requestIn(await scene.receives(invite(fromAlice), AT.alice));
    await scene.receives(respond(asked.message, 180), asked.hop.address);
    const end = flowEnd('p1', 'boot1', 0);
    const token = signed(scene, { use: 'handover', caller: OPEN, callee: end, callerTag: 0 }, seen.callId);
    const handedOver = (received: string) => ({
      ...fromAlice,
      route: [`<sip:${token}@${AT.proxy};lr>`],
      via: [
        'SIP/2.0/UDP 10.1.0.2:5060;branch=z9hG4bKhandedover',
        `SIP/2.0/UDP ${AT.alice}:5060;branch=${seen.branch}${received}`,
      ],
    });
    isRefused(await scene.receives(cancel(handedOver(`;received=${MALLORY}`)), '10.1.0.2'), '10.1.0.2');
    const sent = await scene.receives(cancel(handedOver('')).replace('handedover', 'again'), '10.1.0.2');
    expect(statuses(sent)).to.include(200);
    expect(PRIMARIES).to.include(requestIn(sent).hop.address);
  });

  it('is believed by another proxy only as a proxy: a hand-over of a CANCEL, replayed from elsewhere, is none', async () => {
    const asked = requestIn(await scene.receives(invite(fromAlice), AT.alice));
    await scene.receives(respond(asked.message, 180), asked.hop.address);
    const end = flowEnd('p1', 'boot1', 0);
    const token = signed(scene, { use: 'handover', caller: OPEN, callee: end, callerTag: 0 }, seen.callId);
    const text = cancel({
      ...fromAlice,
      route: [`<sip:${token}@${AT.proxy};lr>`],
      via: [`SIP/2.0/UDP ${MALLORY}:5060;branch=z9hG4bKm`, `SIP/2.0/UDP ${AT.alice}:5060;branch=${seen.branch}`],
    });
    const sent = await scene.receives(text, MALLORY);
    expect([statuses(sent), reached(sent)]).to.deep.equal([[430], [MALLORY]]);
  });

  it('does not acknowledge for another: a refusal is sent again until the caller has it', async () => {
    const asked = requestIn(await scene.receives(invite(fromServer), AT.ss1.primary));
    const refused = await scene.receives(respond(asked.message, 486, { toTag: 'b' }), AT.bob);
    const [busy] = refused.filter(({ message }) => message.status === 486);
    const told = { ...fromServer, toTag: busy?.message.toTag ?? '' };
    expect(await scene.receives(ack(told), MALLORY)).to.deep.equal([]);
    expect(statuses(await scene.passes(600))).to.include(486);
    await scene.receives(ack(told), AT.ss1.primary);
    expect(statuses(await scene.passes(5_000))).to.not.include(486);
  });
});
