import { expect } from 'chai';
import { OPEN } from '../../proxy/routing/token.ts';
import { Header } from '../../proxy/sip/header.ts';
import { ack, bye, cancel, request } from '../builders.ts';
import { AT, invite, requestIn, Scene, statuses } from '../proxy/routing/scene.ts';
import { MALLORY, ownCall, PRIMARIES, reached, signed, VICTIM } from './attacks.ts';

const at = { sentBy: `${MALLORY}:5060` };

describe('using the proxy to get elsewhere', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  for (const uri of [
    `sip:victim@${VICTIM}`,
    `sip:victim@${VICTIM}:9`,
    `sip:victim@example.com;maddr=${VICTIM}`,
    `sip:victim@example.com@${VICTIM}`,
    `sips:victim@${VICTIM}`,
    `sip:${VICTIM}`,
    'tel:+15551234',
    `sip:bob@example.com;transport=tcp;received=${VICTIM}`,
    `sip:ss@${AT.ss1.backup}`,
  ]) {
    it(`gets an INVITE to ${uri} to a pair or nowhere`, async () => {
      for (const who of reached(await scene.receives(invite({ ...at, uri, to: '<sip:x@example.com>' }), MALLORY))) {
        expect([...PRIMARIES, MALLORY]).to.include(who);
      }
    });
  }

  it('gets a REGISTER for a foreign domain to a pair, and stores nothing of it', async () => {
    await scene.registers(`<sip:mallory@${VICTIM}>`, MALLORY);
    expect(scene.replica.counts(scene.time).bindings).to.equal(0);
  });

  for (const route of [
    [`<sip:${VICTIM};lr>`],
    [`<sip:proxies.example.com;lr>`, `<sip:${VICTIM};lr>`],
    [`<sip:proxies.example.com;lr>, <sip:${AT.ss1.primary}:8080;lr>`],
    [`<sip:${AT.ss1.primary};lr>`],
    [`<sip:${VICTIM}>`],
    [`<sip:${AT.proxy}:8080;lr>`],
  ]) {
    it(`refuses a Route past us: ${route.join(', ')}`, async () => {
      const sent = await scene.receives(invite({ ...at, route }), MALLORY);
      expect([statuses(sent), reached(sent)]).to.deep.equal([[403], [MALLORY]]);
    });
  }

  it('refuses it in a request of a dialog, and drops an ACK that has it', async () => {
    const { dialog } = await ownCall(scene);
    const route = [...dialog.route, `<sip:${AT.ss2.primary}:8080;lr>`];
    expect(statuses(await scene.receives(bye({ ...dialog, route }), MALLORY))).to.deep.equal([403]);
    expect(await scene.receives(ack({ ...dialog, route }), MALLORY)).to.deep.equal([]);
  });

  it('refuses it where it only seems to stay: by a maddr beside the name of a server or an SBC', async () => {
    const { dialog } = await ownCall(scene);
    for (const host of [AT.ss1.primary, AT.sbc]) {
      const route = [...dialog.route, `<sip:${host};maddr=${VICTIM};lr>`];
      expect(statuses(await scene.receives(bye({ ...dialog, cseq: host.length, route }), MALLORY))).to.deep.equal([
        403,
      ]);
    }
  });

  it('leaves a maddr that says the same: so do the Record-Routes of some servers', async () => {
    const { dialog, server } = await ownCall(scene);
    const route = [...dialog.route, `<sip:edge@${server}:5060;maddr=${server};lr>`];
    const sent = await scene.receives(bye({ ...dialog, route }), MALLORY);
    expect(reached(sent)).to.deep.equal([server]);
    expect(requestIn(sent).message.values(Header.Route)).to.deep.equal(route.slice(1));
  });

  it('does not follow a strict Route: what stands in for the Request-URI gets to a pair only', async () => {
    const { recordRoute, dialog, server } = await ownCall(scene);
    const uri = recordRoute.replace(/^<|>$/g, '');
    const sent = await scene.receives(bye({ ...dialog, uri, route: [`<sip:victim@${VICTIM}>`] }), MALLORY);
    expect(reached(sent)).to.deep.equal([server]);
  });

  describe('by a valid token of its own', () => {
    it('reaches the pair of its call, whatever else the request says', async () => {
      const { dialog, server } = await ownCall(scene);
      for (const uri of [`sip:victim@${VICTIM}`, `sip:bob@${AT.bob}`, `sip:${AT.ss2.primary}`]) {
        for (const fromTag of ['m', 'b', 'other']) {
          const sent = await scene.receives(bye({ ...dialog, fromTag, uri }), MALLORY);
          expect(reached(sent), `${uri} ${fromTag}`).to.deep.equal([server]);
          await scene.passes(40_000);
        }
      }
    });

    it("reaches nothing by a token whose ends are phones': from an Endpoint it leads to a pair or nowhere", async () => {
      const victim = { kind: 'udp', address: VICTIM, port: 5060 } as const;
      for (const token of [
        { use: 'dialog', caller: victim, callee: victim, callerTag: 0 },
        { use: 'dialog', caller: OPEN, callee: victim, callerTag: 0 },
        { use: 'dialog', caller: victim, callee: OPEN, callerTag: 0 },
      ] as const) {
        const route = [`<sip:${signed(scene, token, 'c')}@proxies.example.com;lr>`];
        const sent = await scene.receives(bye({ ...at, callId: 'c', route, uri: `sip:v@${VICTIM}` }), MALLORY);
        expect(PRIMARIES).to.include(requestIn(sent).hop.address);
        await scene.passes(40_000);
      }
    });

    it('is none in another call, nor with a byte changed: it counts as absent, and is counted', async () => {
      const { dialog, recordRoute } = await ownCall(scene);
      const changed = recordRoute.replace(/^<sip:(.)/, (_all, first: string) => `<sip:${first === 'A' ? 'B' : 'A'}`);
      for (const forged of [
        { ...dialog, callId: 'another' },
        { ...dialog, route: [changed] },
      ]) {
        const before = scene.core.counts.forgedTokens;
        const sent = requestIn(await scene.receives(bye({ ...forged, uri: `sip:v@${VICTIM}` }), MALLORY));
        expect(PRIMARIES).to.include(sent.hop.address);
        expect(scene.core.counts.forgedTokens).to.equal(before + 1);
      }
    });
  });

  it('does not cancel the call of another, whose branch and Call-ID it knows', async () => {
    const call = { callId: 'c', fromTag: 'a', branch: 'z9hG4bKknown' };
    const asked = requestIn(await scene.receives(invite({ ...call, sentBy: `${AT.alice}:5060` }), AT.alice));
    const sent = await scene.receives(cancel({ ...call, ...at }), MALLORY);
    expect(statuses(sent)).to.not.include(200);
    // it may be asked of the server, which knows no such branch and answers 481
    for (const { message } of sent) expect(message.via.branch).to.not.equal(asked.message.via.branch);
  });

  it("leaves the server's own Route alone: a Record-Route that a phone put in does not lead its server's requests astray", async () => {
    const headers = [`Record-Route: <sip:${VICTIM};lr>`];
    const asked = requestIn(await scene.receives(invite({ ...at, callId: 'c', fromTag: 'm', headers }), MALLORY));
    const set = asked.message.values(Header.RecordRoute);
    const text = bye({
      callId: 'c',
      fromTag: 'b',
      toTag: 'm',
      route: set,
      uri: `sip:mallory@${VICTIM}`,
      sentBy: `${asked.hop.address}:5060`,
    });
    expect(reached(await scene.receives(text, asked.hop.address))).to.deep.equal([MALLORY]);
  });

  it('answers OPTIONS to itself and nobody else', async () => {
    const sent = await scene.receives(request('OPTIONS', { ...at, uri: `sip:${VICTIM}`, maxForwards: 0 }), MALLORY);
    expect(reached(sent)).to.deep.equal([MALLORY]);
  });
});
