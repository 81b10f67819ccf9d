import { expect } from 'chai';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { ack, cancel, invite, respond } from '../../builders.ts';
import { hopTo, Scene } from './scene.ts';

const SAME = { branch: 'z9hG4bKcall', sentBy: '127.0.0.1:5060', callId: 'call-1', fromTag: 'alice-1' };

describe('the transaction layer', () => {
  describe('on a CANCEL', () => {
    it('answers 200 to the one of a known INVITE and tells the user, once for all retransmissions', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME));
      scene.receive(cancel(SAME));
      expect(scene.told).to.deep.equal(['request INVITE', 'cancel']);
      expect(scene.sent.map(({ message }) => `${message.status} ${message.method}`)).to.deep.equal([
        '200 CANCEL',
        '200 CANCEL',
      ]);
      expect(scene.sent[0]?.text).to.equal(scene.sent[1]?.text);
    });

    it('answers to where the CANCEL came from', () => {
      const scene = new Scene();
      const from = hopTo('UDP', '127.0.0.1', 33_000);
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME), from);
      expect(scene.sent.at(-1)?.hop).to.equal(from);
    });

    it('only answers when it crosses the 200 of the INVITE', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 200), 200);
      scene.receive(cancel(SAME));
      expect(scene.wire).to.deep.equal([200, 200]);
      expect(scene.told).to.deep.equal(['request INVITE']);
    });

    it('gives one that matches no INVITE to the user, to be answered', () => {
      const scene = new Scene();
      scene.receive(cancel(SAME));
      scene.receive(cancel(SAME));
      expect(scene.told).to.deep.equal(['unmatchedCancel']);
      scene.server.respond(respond(cancel(SAME), 481), 481);
      scene.receive(cancel(SAME));
      expect(scene.wire).to.deep.equal([481, 481]);
    });

    it('says OK to it', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME));
      expect(scene.sent[0]?.text).to.match(/^SIP\/2.0 200 OK\r\n/);
    });

    it('finds the INVITE by the Via that lies below those of proxies which handed it over', () => {
      const scene = new Scene();
      const [above, below] = ['SIP/2.0/UDP 127.0.0.7;branch=z9hG4bKp', 'SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKcall'];
      scene.receive(invite(SAME));
      const handedOver = parseMessage(cancel({ ...SAME, via: [above, below] }));
      expect(scene.layer.inviteBelow(handedOver, 1)).to.equal(scene.server);
      expect(scene.layer.inviteBelow(handedOver, 0)).to.equal(undefined);
      expect(scene.layer.inviteBelow(handedOver, 2)).to.equal(undefined);
    });

    it('sends 487 and absorbs its ACK when the user cancels the INVITE', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME));
      scene.server.respond(respond(invite(SAME), 487), 487);
      scene.receive(ack(SAME));
      scene.advance(64_000);
      expect(scene.wire).to.deep.equal([200, 487]);
      expect(scene.layer.idle).to.equal(true);
    });
  });

  describe('on the ACK of a failure that has a branch of its own, as many a script writes it', () => {
    const another = { ...SAME, branch: 'z9hG4bKanother' };
    const refused = (): Scene => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 486), 486);
      return scene;
    };

    it('absorbs it, and sends the failure no more', () => {
      const scene = refused();
      scene.receive(ack(another));
      scene.advance(64_000);
      expect(scene.wire).to.deep.equal([486]);
      expect(scene.told).to.deep.equal(['request INVITE']);
      expect(scene.layer.idle).to.equal(true);
    });

    for (const [what, given] of [
      ['another To tag', { toTag: 'to-2' }],
      ['another Call-ID', { callId: 'call-2' }],
      ['another CSeq number', { cseq: 2 }],
    ] as const) {
      it(`leaves one with ${what} to the user`, () => {
        const scene = refused();
        scene.receive(ack({ ...another, ...given }));
        expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
      });
    }

    it('leaves one from elsewhere to the user', () => {
      const scene = refused();
      scene.receive(ack(another), hopTo('UDP', '127.0.0.9', 5060));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('leaves that of a 2xx to the user', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 200), 200);
      scene.receive(ack(another));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('leaves it to the user inside a dialog, where the 2xx of another copy has the same To tag', () => {
      const scene = new Scene();
      const inside = { ...SAME, toTag: 'to-1' };
      scene.receive(invite(inside));
      scene.server.respond(respond(invite(inside), 482), 482);
      scene.receive(ack({ ...another, toTag: 'to-1' }));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('forgets the INVITE when it is over', () => {
      const scene = refused();
      scene.advance(64_000);
      scene.receive(ack(another));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });
  });
});
