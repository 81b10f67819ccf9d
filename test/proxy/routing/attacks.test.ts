import { expect } from 'chai';
import { flowEnd, OPEN } from '../../../proxy/routing/token.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { memberOf, primaries } from './call-up.ts';
import { AT, bye, invite, requestIn, respond, Scene, statuses } from './scene.ts';

describe('the core against attacks', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  it('lets no phone relay to a foreign host: whatever the Request-URI, a pair gets it', async () => {
    const sent = requestIn(
      await scene.receives(invite({ uri: 'sip:victim@203.0.113.66', sentBy: `${AT.alice}:5060` }), AT.alice),
    );
    expect(primaries).to.include(memberOf(sent));
  });

  it('refuses a Route past us from a phone', async () => {
    const text = invite({ sentBy: `${AT.alice}:5060`, route: ['<sip:proxies.example.com;lr>', '<sip:10.1.1.9;lr>'] });
    expect(statuses(await scene.receives(text, AT.alice))).to.deep.equal([403]);
  });

  it('lets a phone go by the Record-Routes of a server and an SBC that stay on the route, and by none else', async () => {
    const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
    const [ours = ''] = asked.message.values(Header.RecordRoute);
    const dialog = { callId: asked.message.callId, fromTag: asked.message.fromTag, sentBy: `${AT.alice}:5060` };
    const server = `<sip:${asked.hop.address};lr>`;
    const route = [ours, server, '<sip:proxies.example.com;lr>', `<sip:${AT.sbc};lr>`];
    const sent = requestIn(await scene.receives(bye({ ...dialog, route }), AT.alice));
    expect([sent.hop.address, sent.message.values(Header.Route)]).to.deep.equal([asked.hop.address, route.slice(1)]);

    const past = [ours, server, '<sip:10.1.1.9;lr>'];
    expect(statuses(await scene.receives(bye({ ...dialog, cseq: 3, route: past }), AT.alice))).to.deep.equal([403]);
    const without = ['<sip:proxies.example.com;lr>', server];
    expect(statuses(await scene.receives(bye({ ...dialog, cseq: 4, route: without }), AT.alice))).to.deep.equal([403]);
  });

  it('takes a Route of ours without a token as any phone with an outbound proxy sends it', async () => {
    const sent = requestIn(
      await scene.receives(invite({ sentBy: `${AT.alice}:5060`, route: ['<sip:proxies.example.com;lr>'] }), AT.alice),
    );
    expect(sent.message.has(Header.Route)).to.equal(false);
  });

  it('takes X-Genesys-Route and P-Asserted-Identity off what a phone sends', async () => {
    const headers = ['X-Genesys-Route: <sip:203.0.113.8>', 'P-Asserted-Identity: <sip:boss@example.com>'];
    const { message, hop } = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060`, headers }), AT.alice));
    expect(primaries).to.include(hop.address);
    expect([message.has(Header.XGenesysRoute), message.has(Header.PAssertedIdentity)]).to.deep.equal([false, false]);
  });

  it('does not take a phone for a server because of its Via', async () => {
    await scene.registers('bob', AT.bob);
    const sent = requestIn(
      await scene.receives(invite({ uri: 'sip:bob@example.com', sentBy: `${AT.ss1.primary}:5060` }), AT.alice),
    );
    expect(primaries).to.include(memberOf(sent));
  });

  it("does not believe a hand-over from who is no proxy, nor takes it for a phone's: it goes another way", async () => {
    const token = scene.core.signer.sign(
      {
        use: 'handover',
        caller: { kind: 'open' },
        callee: { kind: 'udp', address: '203.0.113.66', port: 5060 },
        callerTag: 0,
      },
      'c9',
      scene.time,
    );
    const text = invite({ callId: 'c9', sentBy: `${AT.alice}:5060`, route: [`<sip:${token ?? ''}@${AT.proxy};lr>`] });
    expect(statuses(await scene.receives(text, AT.alice))).to.deep.equal([430]);
  });

  it('says 430 to a proxy whose hand-over it can not verify: that one has a key which did not get here yet', async () => {
    await scene.hasProxy('q1', 'dc2', AT.farProxy);
    const route = [`<sip:${'I'.repeat(40)}@${AT.proxy};lr>`];
    const text = bye({ callId: 'c9', toTag: 'b', sentBy: `${AT.farProxy}:5060`, route });
    expect(statuses(await scene.receives(text, AT.farProxy))).to.deep.equal([430]);
  });

  it('says 430 to a proxy whose flow is gone, and delivers on one that is there', async () => {
    await scene.hasProxy('q1', 'dc2', AT.farProxy);
    const stream = await Scene.begin({
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TCP', port: 5060, side: 'Both' },
      ],
    });
    await stream.hasProxy('q1', 'dc2', AT.farProxy);
    stream.phoneStream(7, AT.bob, 40_001);
    const handOver = (flow: number, callId: string): string => {
      const token = stream.core.signer.sign(
        { use: 'handover', caller: OPEN, callee: flowEnd('p1', 'boot1', flow), callerTag: 0 },
        callId,
        stream.time,
      );
      return invite({
        callId,
        uri: 'sip:bob@192.168.1.5',
        sentBy: `${AT.farProxy}:5060`,
        route: [`<sip:${token ?? ''}@${AT.proxy};lr>`],
      });
    };
    const delivered = requestIn(await stream.receives(handOver(7, 'h1'), AT.farProxy));
    expect([delivered.hop.connection?.number, delivered.message.has(Header.RecordRoute)]).to.deep.equal([7, false]);
    expect(statuses(await stream.receives(handOver(8, 'h2'), AT.farProxy)).filter((s) => s > 100)).to.deep.equal([430]);
  });

  it('lets nobody bounce responses off it to a third party by a branch that looks like its own', async () => {
    const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
    const { branch } = asked.message.via;
    const stray = (next: string): string =>
      respond(
        invite({
          via: [
            `SIP/2.0/UDP ${AT.proxy}:5060;branch=${branch.slice(0, -4)}zzzz`,
            `SIP/2.0/UDP ${next}:5060;branch=z9hG4bKx`,
          ],
        }),
        200,
      );
    expect(await scene.receives(stray('203.0.113.66'), '203.0.113.9')).to.deep.equal([]);
    // from a server, or to one, it is the late 2xx of a call that began before a restart (RFC 3261 16.7)
    expect((await scene.receives(stray(AT.alice), AT.ss1.primary)).map(memberOf)).to.deep.equal([AT.alice]);
    expect((await scene.receives(stray(AT.ss1.primary), AT.bob)).map(memberOf)).to.deep.equal([AT.ss1.primary]);
  });

  it('drops a response that nobody asked for', async () => {
    const stray = respond(invite({ sentBy: '203.0.113.9:5060' }), 200);
    expect(await scene.receives(stray, '203.0.113.9')).to.deep.equal([]);
    expect(scene.core.counts.strayResponses).to.equal(1);
  });
});
