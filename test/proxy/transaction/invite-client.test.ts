import { expect } from 'chai';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { invite, respond } from '../../builders.ts';
import { connection, hopTo, isMethod, Owner, Scene } from './scene.ts';

const REQUEST = invite({ branch: 'z9hG4bKcall', sentBy: '127.0.0.9:5060' });

function calling(hop = hopTo('UDP')) {
  const scene = new Scene();
  const owner = new Owner();
  const transaction = scene.send(REQUEST, owner, hop);
  const answer = (status: number, toTag?: string) =>
    scene.receive(respond(REQUEST, status, toTag === undefined ? {} : { toTag }), hop);
  return { scene, owner, transaction, answer, state: () => transaction.state.name };
}

describe('an INVITE client transaction', () => {
  describe('while Calling', () => {
    it('sends the INVITE at once and again after 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s', () => {
      const { scene } = calling();
      scene.advance(64_000);
      expect(scene.times(isMethod('INVITE'))).to.deep.equal([0, 500, 1500, 3500, 7500, 15_500, 31_500]);
      expect(scene.layer.counts.resent).to.equal(6);
    });

    it('times out after 64*T1', () => {
      const { scene, owner, state } = calling();
      scene.advance(31_999);
      expect(owner.heard).to.deep.equal([]);
      scene.advance(1);
      expect(owner.heard).to.deep.equal(['timeout']);
      expect(state()).to.equal('Terminated');
      expect(scene.layer.idle).to.equal(true);
    });

    it('does not send again over a reliable transport, and times out all the same', () => {
      const { scene, owner } = calling(hopTo('TCP'));
      scene.advance(32_000);
      expect(scene.wire).to.deep.equal(['INVITE']);
      expect(owner.heard).to.deep.equal(['timeout']);
    });

    it('has only what an earlier try left of Timer B', () => {
      const scene = new Scene();
      const owner = new Owner();
      scene.advance(10_000);
      const startedAt = scene.send(REQUEST, new Owner()).startedAt;
      scene.advance(20_000);
      scene.layer.send(REQUEST, 'z9hG4bKtry2', 'INVITE', hopTo('UDP', '127.0.0.2'), owner, startedAt);
      scene.advance(12_000);
      expect(owner.heard).to.deep.equal(['timeout']);
    });

    it('fails at once when its hop can not be reached', () => {
      const { scene, owner, state } = calling();
      scene.layer.transportError(hopTo('UDP'));
      expect(owner.heard).to.deep.equal(['unreachable']);
      expect(state()).to.equal('Terminated');
      expect(scene.timers.size).to.equal(0);
    });
  });

  describe('while Proceeding', () => {
    it('reports every provisional response and sends nothing again, however long it rings', () => {
      const { scene, owner, answer, state } = calling();
      answer(100);
      answer(180);
      answer(183);
      scene.advance(170_000);
      expect(owner.heard).to.deep.equal([100, 180, 183]);
      expect(scene.wire).to.deep.equal(['INVITE']);
      expect(state()).to.equal('Proceeding');
    });

    it('has no timer: how long it may ring is for the proxy to say', () => {
      const { scene, answer } = calling();
      answer(180);
      expect(scene.timers.size).to.equal(0);
    });

    it('tells that its connection is gone, and takes the final response, which may come another way', () => {
      const flow = connection(7);
      const { scene, owner, answer, state } = calling(hopTo('TCP', '127.0.0.1', 5060, flow));
      answer(180);
      expect(flow.holds).to.equal(1);
      scene.layer.transportError(hopTo('TCP', '127.0.0.1', 5060, flow));
      expect(state()).to.equal('Proceeding');
      answer(200);
      expect(owner.heard).to.deep.equal([180, 'unreachable', 200]);
      scene.advance(40_000);
      expect(flow.holds).to.equal(0);
    });
  });

  describe('with a 3xx to 6xx', () => {
    it('acknowledges it to the same hop with the branch of the INVITE and the To of the response', () => {
      const { scene, owner, answer, state } = calling();
      answer(486, 'busy-tag');
      const sent = scene.sent.at(-1);
      const ack = parseMessage(sent?.text ?? '');
      expect(owner.heard).to.deep.equal([486]);
      expect(ack.method).to.equal('ACK');
      expect(ack.via.branch).to.equal('z9hG4bKcall');
      expect(ack.toTag).to.equal('busy-tag');
      expect(ack.value(Header.CSeq)).to.equal('1 ACK');
      expect(sent?.hop.address).to.equal('127.0.0.1');
      expect(state()).to.equal('Completed');
    });

    for (const status of [300, 401, 486, 503, 603, 699]) {
      it(`acknowledges a ${status}`, () => {
        const { scene, owner, answer } = calling();
        answer(status);
        expect(owner.heard).to.deep.equal([status]);
        expect(scene.wire).to.deep.equal(['INVITE', 'ACK']);
      });
    }

    it('acknowledges it again each time it comes again, without another report, for 32 s', () => {
      const { scene, owner, answer, state } = calling();
      answer(486);
      scene.advance(500);
      answer(486);
      scene.advance(1000);
      answer(486);
      expect(owner.heard).to.deep.equal([486]);
      expect(scene.times(isMethod('ACK'))).to.deep.equal([0, 500, 1500]);
      scene.advance(30_499);
      expect(state()).to.equal('Completed');
      scene.advance(1);
      expect(state()).to.equal('Terminated');
    });

    it('ends at once over a reliable transport', () => {
      const { scene, answer, state } = calling(hopTo('TLS'));
      answer(486);
      expect(scene.wire).to.deep.equal(['INVITE', 'ACK']);
      expect(state()).to.equal('Terminated');
      expect(scene.layer.idle).to.equal(true);
    });

    it('ignores a provisional response that comes after it', () => {
      const { owner, answer } = calling();
      answer(486);
      answer(180);
      expect(owner.heard).to.deep.equal([486]);
    });

    it('is not disturbed by a transport error once it has its answer', () => {
      const { scene, owner, answer, state } = calling();
      answer(486);
      scene.layer.transportError(hopTo('UDP'));
      expect(owner.heard).to.deep.equal([486]);
      expect(state()).to.equal('Completed');
    });
  });

  describe('with a 2xx', () => {
    it('reports every 2xx for 64*T1, those of other forks and retransmissions alike, and acknowledges none', () => {
      const { scene, owner, answer, state } = calling();
      answer(180);
      answer(200, 'fork-1');
      scene.advance(10_000);
      answer(200, 'fork-2');
      answer(200, 'fork-1');
      expect(owner.heard).to.deep.equal([180, 200, 200, 200]);
      expect(scene.wire).to.deep.equal(['INVITE']);
      scene.advance(21_999);
      expect(state()).to.equal('Accepted');
      scene.advance(1);
      expect(state()).to.equal('Terminated');
      answer(200, 'fork-1');
      expect(scene.told).to.deep.equal(['stray 200']);
    });

    it('stays for the forks over a reliable transport, too', () => {
      const { scene, owner, answer } = calling(hopTo('TCP'));
      answer(200, 'fork-1');
      scene.advance(31_000);
      answer(200, 'fork-2');
      expect(owner.heard).to.deep.equal([200, 200]);
    });

    it('reports nothing but a 2xx after it', () => {
      const { owner, answer } = calling();
      answer(200);
      answer(180);
      answer(486);
      expect(owner.heard).to.deep.equal([200]);
    });
  });

  describe('that is to be cancelled', () => {
    it('sends CANCEL to the same hop with the branch of the INVITE, and its Reason', () => {
      const { scene, transaction, answer } = calling();
      answer(180);
      transaction.cancel(['Reason: SIP ;cause=200 ;text="Call completed elsewhere"']);
      const cancel = parseMessage(scene.sent.at(-1)?.text ?? '');
      expect(cancel.method).to.equal('CANCEL');
      expect(cancel.via.branch).to.equal('z9hG4bKcall');
      expect(cancel.value(Header.Reason)).to.equal('SIP ;cause=200 ;text="Call completed elsewhere"');
      expect(scene.sent.at(-1)?.hop).to.equal(transaction.hop);
    });

    it('waits with the CANCEL for a provisional response', () => {
      const { scene, owner, transaction, answer } = calling();
      transaction.cancel();
      scene.advance(4000);
      expect(scene.times(isMethod('INVITE'))).to.deep.equal([0, 500, 1500, 3500]);
      expect(scene.wire).not.to.include('CANCEL');
      answer(100);
      expect(scene.times(isMethod('CANCEL'))).to.deep.equal([4000]);
      expect(owner.heard).to.deep.equal([100]);
    });

    it('sends no CANCEL if the final response comes first', () => {
      const { scene, owner, transaction, answer } = calling();
      transaction.cancel();
      answer(200);
      answer(180);
      scene.advance(64_000);
      expect(scene.wire).to.deep.equal(['INVITE']);
      expect(owner.heard).to.deep.equal([200]);
    });

    it('acknowledges and reports a 3xx to 6xx that comes first', () => {
      const { scene, owner, transaction, answer } = calling();
      transaction.cancel();
      answer(404);
      expect(scene.wire).to.deep.equal(['INVITE', 'ACK']);
      expect(owner.heard).to.deep.equal([404]);
    });

    it('fails when its hop can not be reached, before the CANCEL and after it', () => {
      for (const before of [[], [180]]) {
        const { scene, owner, transaction, answer } = calling();
        transaction.cancel();
        before.forEach((status) => answer(status));
        scene.layer.transportError(hopTo('UDP'));
        expect(owner.heard).to.deep.equal([...before, 'unreachable']);
        expect(scene.layer.idle).to.equal(true);
      }
    });

    it('still reports provisional responses after the CANCEL', () => {
      const { owner, transaction, answer } = calling();
      answer(180);
      transaction.cancel();
      answer(183);
      expect(owner.heard).to.deep.equal([180, 183]);
    });

    it('sends no CANCEL to one that never answered', () => {
      const { scene, owner, transaction } = calling();
      transaction.cancel();
      scene.advance(64_000);
      expect(scene.wire).not.to.include('CANCEL');
      expect(owner.heard).to.deep.equal(['timeout']);
    });

    it('reports the 487 and acknowledges it', () => {
      const { scene, owner, transaction, answer } = calling();
      answer(180);
      transaction.cancel();
      scene.receive(respond(parseMessage(scene.sent.at(-1)?.text ?? ''), 200));
      answer(487);
      expect(owner.heard).to.deep.equal([180, 487]);
      expect(scene.wire).to.deep.equal(['INVITE', 'CANCEL', 'ACK']);
    });

    it('reports a 200 that crossed the CANCEL', () => {
      const { scene, owner, transaction, answer, state } = calling();
      answer(180);
      transaction.cancel();
      answer(200);
      expect(owner.heard).to.deep.equal([180, 200]);
      expect(state()).to.equal('Accepted');
      expect(scene.wire).to.deep.equal(['INVITE', 'CANCEL']);
    });

    it('keeps the 200 of the CANCEL and that of the INVITE apart', () => {
      const { scene, owner, transaction, answer } = calling();
      answer(180);
      transaction.cancel();
      const cancel = parseMessage(scene.sent.at(-1)?.text ?? '');
      scene.receive(respond(cancel, 200));
      scene.receive(respond(cancel, 200));
      expect(owner.heard).to.deep.equal([180]);
      expect(scene.told).to.deep.equal([]);
    });

    it('sends the CANCEL again until it is answered', () => {
      const { scene, transaction, answer } = calling();
      answer(180);
      transaction.cancel();
      scene.advance(4000);
      expect(scene.times(isMethod('CANCEL'))).to.deep.equal([0, 500, 1500, 3500]);
    });

    it('times out if no final response comes within 64*T1 of the CANCEL', () => {
      const { scene, owner, transaction, answer } = calling();
      answer(180);
      scene.advance(60_000);
      transaction.cancel();
      scene.advance(31_999);
      expect(owner.heard).to.deep.equal([180]);
      scene.advance(1);
      expect(owner.heard).to.deep.equal([180, 'timeout']);
      expect(scene.layer.idle).to.equal(true);
    });

    it('sends one CANCEL however often it is asked to', () => {
      const { scene, transaction, answer } = calling();
      answer(180);
      transaction.cancel();
      transaction.cancel();
      answer(180);
      expect(scene.wire).to.deep.equal(['INVITE', 'CANCEL']);
    });

    it('can be cancelled from within the report of its first provisional response', () => {
      const { scene, owner, transaction, answer, state } = calling();
      owner.onResponse = () => transaction.cancel();
      answer(180);
      expect(scene.wire).to.deep.equal(['INVITE', 'CANCEL']);
      expect(state()).to.equal('Cancelling');
    });
  });

  describe('that was abandoned', () => {
    it('reports nothing more, sends nothing again, and ends with Timer B', () => {
      const { scene, owner, transaction, answer, state } = calling();
      transaction.abandon();
      answer(180);
      scene.advance(32_000);
      expect(owner.heard).to.deep.equal([]);
      expect(scene.wire).to.deep.equal(['INVITE']);
      expect(state()).to.equal('Terminated');
    });

    it('ends 64*T1 later if it was ringing', () => {
      const { scene, transaction, answer, state } = calling();
      answer(180);
      transaction.abandon();
      scene.advance(32_000);
      expect(state()).to.equal('Terminated');
    });

    it('still acknowledges a 3xx to 6xx', () => {
      const { scene, owner, transaction, answer } = calling();
      transaction.abandon();
      answer(503);
      expect(owner.heard).to.deep.equal([]);
      expect(scene.wire).to.deep.equal(['INVITE', 'ACK']);
    });

    it('absorbs the 2xx of all forks in silence', () => {
      const { scene, owner, transaction, answer, state } = calling();
      transaction.abandon();
      answer(200, 'fork-1');
      answer(200, 'fork-2');
      expect(state()).to.equal('Accepted');
      expect(owner.heard).to.deep.equal([]);
      expect(scene.told).to.deep.equal([]);
    });

    it('ends when its hop can not be reached', () => {
      const { scene, owner, transaction } = calling();
      transaction.abandon();
      scene.layer.transportError(hopTo('UDP'));
      expect(owner.heard).to.deep.equal([]);
      expect(scene.layer.idle).to.equal(true);
    });

    it('still sends the CANCEL that it owes', () => {
      const { scene, transaction, answer } = calling();
      transaction.cancel();
      transaction.abandon();
      scene.advance(3000);
      answer(180);
      expect(scene.wire).to.deep.equal(['INVITE', 'CANCEL']);
      scene.advance(64_000);
      expect(scene.layer.idle).to.equal(true);
    });
  });
});
