import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { ack, cancel } from '../../builders.ts';
import { callUp, memberOf, primaries, recordRoute } from './call-up.ts';
import { AT, bye, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

const backupOf = (primary: string): string => (primary === AT.ss1.primary ? AT.ss1.backup : AT.ss2.backup);
const pairOf = (primary: string): 'ss1' | 'ss2' => (primary === AT.ss1.primary ? 'ss1' : 'ss2');

describe('the core', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  describe('with a new call from a phone', () => {
    it('answers 100 at once and sends it to the primary of a local pair', async () => {
      const sent = await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(statuses(sent)).to.deep.equal([100]);
      expect(primaries).to.include(memberOf(requestIn(sent)));
    });

    it('adds a Via and a Record-Route with a token, takes one from Max-Forwards, and touches nothing else', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060`, headers: ['X-Odd :  kept  as it is', 'sUBJECT:é'] });
      const { message } = requestIn(await scene.receives(text, AT.alice));
      expect(message.values(Header.Via)).to.have.length(2);
      expect(recordRoute({ message } as Sent)).to.match(/^<sip:[A-Za-z0-9_-]{20,64}@proxies\.example\.com;lr>$/);
      expect(recordRoute({ message } as Sent).length).to.be.at.most(128);
      expect(message.value(Header.MaxForwards)).to.equal('69');
      expect(message.text).to.include('\r\nX-Odd :  kept  as it is\r\n').and.to.include('\r\nsUBJECT:é\r\n');
      expect(message.body).to.equal(text.slice(text.indexOf('\r\n\r\n') + 4));
    });

    it('keeps a retransmission to itself', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060` });
      await scene.receives(text, AT.alice);
      const again = await scene.receives(text, AT.alice);
      expect(again.filter((s) => s.message.isRequest)).to.deep.equal([]);
    });

    it('refuses it with Retry-After when no pair is in service', async () => {
      for (const pair of ['ss1', 'ss2'] as const) scene.pinged(pair, 'primary', 'Timeout');
      const [answer] = await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(answer?.message.status).to.equal(503);
      expect(answer?.message.value(Header.RetryAfter)).to.match(/^\d+$/);
    });

    it('offers it to one other pair when the first answers 503, and says 500 when that one does too', async () => {
      const first = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      const sent = await scene.receives(respond(first.message, 503), memberOf(first));
      const second = requestIn(sent.filter((s) => s.message.method === 'INVITE'));
      expect([memberOf(first), memberOf(second)]).to.have.members(primaries);
      expect(statuses(await scene.receives(respond(second.message, 503), memberOf(second)))).to.deep.equal([500]);
    });

    it('cancels it where it went', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060`, callId: 'c', fromTag: 'a', branch: 'z9hG4bKone' });
      const asked = requestIn(await scene.receives(text, AT.alice));
      await scene.receives(respond(asked.message, 180), memberOf(asked));
      const sent = await scene.receives(
        cancel({ sentBy: `${AT.alice}:5060`, callId: 'c', fromTag: 'a', branch: 'z9hG4bKone' }),
        AT.alice,
      );
      expect(statuses(sent)).to.deep.equal([200]);
      const cancelled = requestIn(sent);
      expect(cancelled.message.method).to.equal('CANCEL');
      expect(cancelled.message.via.branch).to.equal(asked.message.via.branch);
      const end = await scene.receives(respond(asked.message, 487), memberOf(asked));
      expect(statuses(end)).to.deep.equal([487]);
    });

    it('says 487 of a cancelled call even if its server never says a word', async () => {
      const dialog = { sentBy: `${AT.alice}:5060`, callId: 'c', fromTag: 'a', branch: 'z9hG4bKone' };
      await scene.receives(invite(dialog), AT.alice);
      expect(statuses(await scene.receives(cancel(dialog), AT.alice))).to.deep.equal([200]);
      expect(statuses(await scene.passes(33_000))[0]).to.equal(487);
    });

    it('says 481 to a CANCEL of nothing', async () => {
      expect(statuses(await scene.receives(cancel({ sentBy: `${AT.alice}:5060` }), AT.alice))).to.deep.equal([481]);
    });
  });

  describe('inside a dialog', () => {
    it('sends a BYE with a valid token to the pair of the call, whatever its Request-URI', async () => {
      const { server, dialog } = await callUp(scene);
      const sent = requestIn(
        await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060`, uri: 'sip:other@203.0.113.9' }), AT.alice),
      );
      expect(memberOf(sent)).to.equal(server);
      expect(sent.message.has(Header.Route)).to.equal(false);
      expect(sent.message.has(Header.RecordRoute)).to.equal(false);
    });

    it('passes the ACK of a 2xx on without state', async () => {
      const { server, dialog } = await callUp(scene);
      const sent = requestIn(await scene.receives(ack({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice));
      expect([sent.message.method, memberOf(sent)]).to.deep.equal(['ACK', server]);
    });

    it('sends a BYE from the server to the phone, by the token alone', async () => {
      const { server, dialog } = await callUp(scene);
      const text = bye({
        callId: 'call-1',
        fromTag: 'b',
        toTag: 'a',
        route: dialog.route,
        uri: 'sip:alice@10.9.9.9',
        sentBy: `${server}:5060`,
      });
      const sent = requestIn(await scene.receives(text, server));
      expect(memberOf(sent)).to.equal(AT.alice);
    });

    it('keeps a forged token from deciding anything, and counts it', async () => {
      const { dialog } = await callUp(scene);
      const forged = dialog.route.map((route) =>
        route.replace(/sip:(.)/, (_, c: string) => `sip:${c === 'E' ? 'F' : 'E'}`),
      );
      const sent = requestIn(
        await scene.receives(bye({ ...dialog, route: forged, sentBy: `${AT.alice}:5060` }), AT.alice),
      );
      expect(scene.core.counts.forgedTokens).to.equal(1);
      // call data still knows the pair
      expect(primaries).to.include(memberOf(sent));
    });

    it('follows the pair to its backup', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'backup', 200);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      const sent = requestIn(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice));
      expect(memberOf(sent)).to.equal(backupOf(server));
    });

    it('waits for the backup to be promoted, at most 16 s', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      expect(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice)).to.deep.equal([]);
      await scene.passes(5000);
      scene.pinged(pairOf(server), 'backup', 200);
      expect(memberOf(requestIn(scene.takes()))).to.equal(backupOf(server));
    });

    it('waits as long when the clock is set back meanwhile', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice);
      scene.clockStep = -3600_000;
      expect(statuses(await scene.passes(16_100)).filter((status) => status > 100)).to.deep.equal([503]);
    });

    it('says 503 when nobody was promoted in 16 s', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(statuses(await scene.passes(15_900)).filter((status) => status > 100)).to.deep.equal([]);
      expect(statuses(await scene.passes(200))).to.deep.equal([503]);
    });
  });

  describe('when a pair switches', () => {
    it('sends what has no answer yet to the new active member, once, on a new branch', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      const pair = pairOf(memberOf(asked));
      scene.pinged(pair, 'backup', 200);
      scene.pinged(pair, 'primary', 'Timeout');
      const again = requestIn(scene.takes());
      expect(memberOf(again)).to.equal(backupOf(memberOf(asked)));
      expect(again.message.via.branch).to.not.equal(asked.message.via.branch);
      expect(statuses(await scene.receives(respond(again.message, 200), memberOf(again)))).to.deep.equal([200]);
    });

    it('leaves a ringing call where it is', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      await scene.receives(respond(asked.message, 180), memberOf(asked));
      scene.pinged(pairOf(memberOf(asked)), 'backup', 200);
      scene.pinged(pairOf(memberOf(asked)), 'primary', 'Timeout');
      expect(scene.takes().filter((s) => s.message.isRequest)).to.deep.equal([]);
    });

    it('takes a 482 to the second try as a sign that the first is known, and keeps waiting', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      scene.pinged(pairOf(memberOf(asked)), 'backup', 200);
      scene.pinged(pairOf(memberOf(asked)), 'primary', 'Timeout');
      const again = requestIn(scene.takes());
      const merged = await scene.receives(respond(again.message, 482), memberOf(again));
      expect(statuses(merged)).to.deep.equal([]);
      // the backup answers what the primary had begun, on the first branch
      expect(statuses(await scene.receives(respond(asked.message, 200), memberOf(again)))).to.deep.equal([200]);
    });
  });
});
