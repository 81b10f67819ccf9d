import { expect } from 'chai';
import { ack, invite, respond } from '../../builders.ts';
import { connection, hopTo, isStatus, Scene } from './scene.ts';

const SAME = { branch: 'z9hG4bKcall', sentBy: '127.0.0.1:5060', callId: 'call-1', fromTag: 'alice-1' };
const REQUEST = invite(SAME);

function invited(hop = hopTo('UDP')) {
  const scene = new Scene();
  scene.receive(REQUEST, hop);
  const { server } = scene;
  const answer = (status: number, toTag = 'bob-1') => server.respond(respond(REQUEST, status, { toTag }), status);
  return { scene, server, answer, hop, state: () => server.state.name };
}

describe('an INVITE server transaction', () => {
  it('gives its request to the user once, and answers retransmissions with the last response', () => {
    const { scene, answer } = invited();
    scene.receive(REQUEST);
    expect(scene.wire).to.deep.equal([]);
    answer(100);
    scene.receive(REQUEST);
    answer(180);
    scene.receive(REQUEST);
    expect(scene.wire).to.deep.equal([100, 100, 180, 180]);
    expect(scene.told).to.deep.equal(['request INVITE']);
  });

  it('answers to where the request came from', () => {
    const { scene, answer, hop } = invited(hopTo('UDP', '127.0.0.3', 40_000));
    answer(180);
    expect(scene.sent.at(-1)?.hop).to.equal(hop);
  });

  describe('with a 3xx to 6xx', () => {
    it('sends it again after 0.5, 1.5, 3.5 s and then every 4 s, until Timer H ends it for want of an ACK', () => {
      const { scene, answer, state } = invited();
      answer(486);
      scene.advance(31_999);
      expect(scene.times(isStatus(486))).to.deep.equal([
        0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
      ]);
      expect(state()).to.equal('Completed');
      scene.advance(1);
      expect(state()).to.equal('Terminated');
      expect(scene.layer.idle).to.equal(true);
    });

    for (const status of [300, 404, 487, 500, 600]) {
      it(`is silent after the ACK of a ${status}, which it keeps from the user`, () => {
        const { scene, answer, state } = invited();
        answer(status);
        scene.advance(600);
        scene.receive(ack(SAME));
        expect(state()).to.equal('Confirmed');
        scene.receive(ack(SAME));
        scene.receive(REQUEST);
        scene.advance(4999);
        expect(state()).to.equal('Confirmed');
        scene.advance(1);
        expect(state()).to.equal('Terminated');
        expect(scene.wire).to.deep.equal([status, status]);
        expect(scene.told).to.deep.equal(['request INVITE']);
      });
    }

    it('sends it again when the INVITE comes again', () => {
      const { scene, answer } = invited();
      answer(486);
      scene.receive(REQUEST);
      expect(scene.wire).to.deep.equal([486, 486]);
    });

    it('sends it once over a reliable transport, and ends with the ACK', () => {
      const { scene, answer, state } = invited(hopTo('TCP'));
      answer(486);
      scene.advance(20_000);
      expect(scene.wire).to.deep.equal([486]);
      scene.receive(ack(SAME), hopTo('TCP'));
      expect(state()).to.equal('Terminated');
    });

    it('is ended by Timer H over a reliable transport, too', () => {
      const { scene, answer, state } = invited(hopTo('TCP'));
      answer(486);
      scene.advance(32_000);
      expect(state()).to.equal('Terminated');
    });

    it('sends no other response after it', () => {
      const { scene, server, answer } = invited();
      answer(486);
      answer(180);
      answer(603);
      answer(200);
      expect(scene.wire).to.deep.equal([486]);
      expect(server.final).to.equal(486);
    });
  });

  describe('with a 2xx', () => {
    it('sends every 2xx it is given for 64*T1, and neither sends one again itself nor lets anything else pass', () => {
      const { scene, server, answer, state } = invited();
      answer(200, 'fork-1');
      answer(180);
      answer(486);
      scene.advance(1000);
      scene.receive(REQUEST);
      answer(200, 'fork-2');
      scene.advance(30_999);
      expect(state()).to.equal('Accepted');
      scene.advance(1);
      expect(state()).to.equal('Terminated');
      answer(200);
      expect(scene.wire).to.deep.equal([200, 200]);
      expect(server.final).to.equal(200);
      expect(scene.told).to.deep.equal(['request INVITE']);
    });

    it('gives its ACK to the user, also with the branch of the INVITE', () => {
      const { scene, answer } = invited();
      answer(200);
      scene.receive(ack({ ...SAME, branch: 'z9hG4bKother' }));
      scene.receive(ack(SAME));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack', 'ack']);
    });
  });

  it('holds its connection until it ends', () => {
    const flow = connection(3);
    const { scene, answer } = invited(hopTo('TCP', '127.0.0.1', 5060, flow));
    expect(flow.holds).to.equal(1);
    answer(486);
    scene.receive(ack(SAME), hopTo('TCP', '127.0.0.1', 5060, flow));
    expect(flow.holds).to.equal(0);
  });

  it('ignores an ACK before its final response', () => {
    const { scene, state } = invited();
    scene.receive(ack(SAME));
    expect(state()).to.equal('Proceeding');
    expect(scene.told).to.deep.equal(['request INVITE']);
  });
});
