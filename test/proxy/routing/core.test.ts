import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { NOWHERE, type Timer } from '../../../proxy/transaction/timers.ts';
import { ack, options, register, request } from '../../builders.ts';
import { callUp, memberOf, primaries } from './call-up.ts';
import { AT, bye, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

describe('the core', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  describe('with what is not routed', () => {
    it('answers OPTIONS to itself: 200 when a new call could be placed, else 503', async () => {
      expect(statuses(await scene.receives(options({ sentBy: `${AT.sbc}:5060` }), AT.sbc))).to.deep.equal([200]);
      scene.core.draining = true;
      expect(statuses(await scene.receives(options({ sentBy: `${AT.sbc}:5060` }), AT.sbc))).to.deep.equal([503]);
    });

    it('answers 483 when Max-Forwards is used up', async () => {
      expect(
        statuses(await scene.receives(invite({ maxForwards: 0, sentBy: `${AT.alice}:5060` }), AT.alice)),
      ).to.deep.equal([483]);
    });

    it('answers 420 with what it does not support of Proxy-Require', async () => {
      const [answer] = await scene.receives(
        invite({ headers: ['Proxy-Require: foo, bar'], sentBy: `${AT.alice}:5060` }),
        AT.alice,
      );
      expect([answer?.message.status, answer?.message.value(Header.Unsupported)]).to.deep.equal([420, 'foo, bar']);
    });

    it('forwards methods that it has never heard of', async () => {
      const sent = requestIn(await scene.receives(request('NEWMETHOD', { sentBy: `${AT.alice}:5060` }), AT.alice));
      expect([sent.message.method, primaries.includes(memberOf(sent))]).to.deep.equal(['NEWMETHOD', true]);
    });

    it('answers 500 where it is wrong itself, says so in the log, and goes on', async () => {
      const broken = await Scene.begin();
      broken.core.identity = undefined as unknown as Scene['core']['identity'];
      expect(statuses(await broken.receives(register({ sentBy: `${AT.alice}:5060` }), AT.alice))).to.deep.equal([500]);
      expect(broken.core.counts.internalErrors).to.equal(1);
    });

    it('survives a timer that is wrong, says so in the log, and runs the others', async () => {
      let ran = 0;
      class Wrong implements Timer {
        place = NOWHERE;
        expire(): void {
          ran++;
          throw new Error('planted');
        }
      }
      for (const timer of [new Wrong(), new Wrong()]) scene.timers.schedule(timer, scene.time + 10);
      await scene.passes(200);
      expect([ran, scene.core.counts.internalErrors]).to.deep.equal([2, 2]);
    });

    it('answers a malformed request with the defect, and drops what it cannot answer', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060` });
      const [answer] = await scene.receives(text.replace('CSeq: 1 INVITE', 'CSeq: 1 BYE'), AT.alice);
      expect([answer?.message.status, answer?.message.reason]).to.deep.equal([400, 'CSeq Method Mismatch']);
      expect(await scene.receives('complete nonsense\r\n\r\n', AT.alice)).to.deep.equal([]);
    });

    it('says in the log which SIP Server, proxy or SBC sends what is malformed, every 10 s at most, and of no phone', async () => {
      const bad = respond(
        requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice)).message,
        200,
      );
      const text = bad.replace(/CSeq: .*/, 'CSeq: many');
      await scene.receives(text, AT.alice);
      expect(scene.warnings).to.deep.equal([]);
      for (const wait of [0, 9_000, 1_000]) {
        scene.time += wait;
        await scene.receives(text, AT.ss1.primary);
      }
      expect(scene.warnings).to.have.length(2);
      expect(JSON.parse(scene.warnings[0] ?? '')).to.include({
        from: `UDP ${AT.ss1.primary}:5060`,
        reason: 'Bad CSeq',
      });
    });
  });

  describe('before its store has been loaded', () => {
    it('refuses what is new, and leaves dialogs to their sender, who repeats or goes elsewhere', async () => {
      const { dialog } = await callUp(scene);
      const early = await Scene.begin({}, false);
      const new503 = await early.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(statuses(new503)).to.deep.equal([503]);
      expect(await early.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice)).to.deep.equal([]);
      expect(await early.receives(ack({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice)).to.deep.equal([]);
    });

    it('answers an SBC at the port of its Via, from whichever it sends (RFC 3261 18.2.2)', async () => {
      const early = await Scene.begin({}, false);
      const text = invite({ via: [`SIP/2.0/UDP ${AT.sbc}:5060;branch=z9hG4bKsbc`] });
      const sent = await early.receives(text, AT.sbc, 40_000);
      expect(sent.map(({ hop }) => hop.port)).to.deep.equal([5060]);
    });
  });

  describe('under overload', () => {
    it('refuses REGISTERs above the limit, each told when to come again, and no call for them', async () => {
      const limited = await Scene.begin({ overload: { registersPerSecond: 5 } });
      const answers: Sent[] = [];
      for (let i = 0; i < 8; i++) {
        const text = register({ from: `u${i}`, callId: `r${i}`, branch: `z9hG4bKr${i}`, sentBy: `${AT.alice}:5060` });
        answers.push(...(await limited.receives(text, AT.alice)));
      }
      expect(answers.filter(({ message }) => message.isRequest)).to.have.length(5);
      expect(statuses(answers)).to.deep.equal([503, 503, 503]);
      for (const { message } of answers.slice(5)) expect(Number(message.value(Header.RetryAfter))).to.be.at.least(5);
      expect(limited.core.counts.overload).to.equal(3);
      const call = await limited.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(primaries).to.include(memberOf(requestIn(call)));
    });

    it('refuses new calls above the limit, and nothing inside dialogs', async () => {
      const limited = await Scene.begin({ overload: { invitesPerSecond: 2 } });
      const answers: number[] = [];
      for (let i = 0; i < 4; i++)
        answers.push(...statuses(await limited.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice)));
      expect(answers).to.deep.equal([100, 100, 503, 503]);
      const { server, dialog } = await callUp(scene);
      expect(
        memberOf(requestIn(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice))),
      ).to.equal(server);
    });
  });

  it('leaves nothing behind when every transaction has ended', async () => {
    const { dialog } = await callUp(scene);
    const byeSent = requestIn(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice));
    await scene.receives(respond(byeSent.message, 200), memberOf(byeSent));
    await scene.passes(70_000);
    expect(scene.layer.idle).to.equal(true);
    expect(scene.core.pendingCopies).to.equal(0);
  });
});
