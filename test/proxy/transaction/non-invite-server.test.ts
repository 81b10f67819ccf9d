import { expect } from 'chai';
import { register, respond } from '../../builders.ts';
import { hopTo, Scene } from './scene.ts';

const REQUEST = register({ branch: 'z9hG4bKregister' });

function requested(hop = hopTo('UDP')) {
  const scene = new Scene();
  scene.receive(REQUEST, hop);
  const { server } = scene;
  const answer = (status: number) => server.respond(respond(REQUEST, status), status);
  return { scene, server, answer, hop, state: () => server.state.name };
}

describe('a non-INVITE server transaction', () => {
  it('is silent to retransmissions until it has a response', () => {
    const { scene } = requested();
    scene.receive(REQUEST);
    expect(scene.wire).to.deep.equal([]);
    expect(scene.told).to.deep.equal(['request REGISTER']);
  });

  for (const status of [200, 302, 401, 503, 603]) {
    it(`answers retransmissions with its ${status} for 64*T1`, () => {
      const { scene, server, answer, state } = requested();
      answer(status);
      scene.receive(REQUEST);
      scene.advance(31_999);
      scene.receive(REQUEST);
      expect(state()).to.equal('Completed');
      scene.advance(1);
      expect(state()).to.equal('Terminated');
      expect(scene.wire).to.deep.equal([status, status, status]);
      expect(server.final).to.equal(status);
    });
  }

  it('ends with its response over a reliable transport', () => {
    const { scene, answer, state } = requested(hopTo('TCP'));
    answer(200);
    expect(state()).to.equal('Terminated');
    expect(scene.layer.idle).to.equal(true);
  });

  it('sends one final response only', () => {
    const { scene, answer } = requested();
    answer(401);
    answer(200);
    expect(scene.wire).to.deep.equal([401]);
  });

  it('sends 100 after 3.5 s, when its sender retransmits every 4 s, and no other provisional response (RFC 4320)', () => {
    const { scene, answer } = requested();
    answer(100);
    answer(183);
    scene.advance(3499);
    expect(scene.wire).to.deep.equal([]);
    scene.advance(1);
    expect(scene.sent.map(({ at, message }) => [at, message.status])).to.deep.equal([[3500, 100]]);
    scene.advance(100);
    scene.receive(REQUEST);
    answer(200);
    expect(scene.wire).to.deep.equal([100, 100, 200]);
  });

  it('can be refused after that 100', () => {
    const { scene, answer } = requested();
    scene.advance(4000);
    answer(503);
    expect(scene.wire).to.deep.equal([100, 503]);
  });

  it('keeps to that 100 when the user gives up with 408', () => {
    const { scene, answer, state } = requested();
    scene.advance(31_000);
    answer(408);
    scene.receive(REQUEST);
    expect(scene.wire).to.deep.equal([100, 100]);
    expect(state()).to.equal('Completed');
  });

  it('sends that 100 over a reliable transport, too', () => {
    const { scene } = requested(hopTo('TLS'));
    scene.advance(3500);
    expect(scene.wire).to.deep.equal([100]);
  });

  it('never sends 408, and absorbs retransmissions in silence after it', () => {
    const { scene, server, answer, state } = requested();
    answer(408);
    scene.receive(REQUEST);
    answer(200);
    expect(scene.wire).to.deep.equal([]);
    expect(server.final).to.equal(408);
    expect(scene.told).to.deep.equal(['request REGISTER']);
    scene.advance(32_000);
    expect(state()).to.equal('Terminated');
  });

  it('ends together with one that was answered some ms sooner', () => {
    const { scene, answer, state } = requested();
    scene.advance(10);
    answer(200);
    scene.advance(30);
    const other = register({ branch: 'z9hG4bKother' });
    scene.receive(other);
    scene.server.respond(respond(other, 200), 200);
    scene.advance(32_009);
    expect([state(), scene.server.state.name]).to.deep.equal(['Completed', 'Completed']);
    scene.advance(1);
    expect([state(), scene.server.state.name]).to.deep.equal(['Terminated', 'Terminated']);
  });

  it('ends after 64*T1 without a response, and sends none after that', () => {
    const { scene, answer, state } = requested();
    scene.advance(32_000);
    expect(state()).to.equal('Terminated');
    answer(200);
    expect(scene.wire).to.deep.equal([100]);
    expect(scene.layer.idle).to.equal(true);
  });
});
