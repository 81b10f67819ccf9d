import { expect } from 'chai';
import { options, respond } from '../../builders.ts';
import { hopTo, isMethod, Owner, Scene } from './scene.ts';

const REQUEST = options({ branch: 'z9hG4bKping', sentBy: '127.0.0.9:5060' });

function trying(hop = hopTo('UDP')) {
  const scene = new Scene();
  const owner = new Owner();
  const transaction = scene.send(REQUEST, owner, hop);
  const answer = (status: number) => scene.receive(respond(REQUEST, status), hop);
  return { scene, owner, transaction, answer, state: () => transaction.state.name };
}

describe('a non-INVITE client transaction', () => {
  it('sends again after 0.5, 1.5, 3.5 s and then every 4 s, until it times out after 64*T1', () => {
    const { scene, owner, state } = trying();
    scene.advance(64_000);
    expect(scene.times(isMethod('OPTIONS'))).to.deep.equal([
      0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ]);
    expect(owner.heard).to.deep.equal(['timeout']);
    expect(state()).to.equal('Terminated');
  });

  it('sends again every 4 s once a provisional response has come', () => {
    const { scene, owner, answer } = trying();
    scene.advance(100);
    answer(100);
    scene.advance(40_000);
    expect(scene.times(isMethod('OPTIONS'))).to.deep.equal([
      0, 500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500,
    ]);
    expect(owner.heard).to.deep.equal([100, 'timeout']);
  });

  it('does not send again over a reliable transport', () => {
    const { scene, owner } = trying(hopTo('TCP'));
    scene.advance(32_000);
    expect(scene.wire).to.deep.equal(['OPTIONS']);
    expect(owner.heard).to.deep.equal(['timeout']);
  });

  for (const status of [200, 302, 404, 503, 603]) {
    it(`reports a ${status} once and absorbs it for T4`, () => {
      const { scene, owner, answer, state } = trying();
      answer(status);
      answer(status);
      expect(owner.heard).to.deep.equal([status]);
      scene.advance(4999);
      expect(state()).to.equal('Completed');
      scene.advance(1);
      expect(state()).to.equal('Terminated');
      expect(scene.told).to.deep.equal([]);
      expect(scene.wire).to.deep.equal(['OPTIONS']);
    });
  }

  it('ends with its final response over a reliable transport', () => {
    const { scene, owner, answer } = trying(hopTo('WSS'));
    answer(100);
    answer(183);
    answer(200);
    expect(owner.heard).to.deep.equal([100, 183, 200]);
    expect(scene.layer.idle).to.equal(true);
  });

  it('reports a refusal that follows a provisional response', () => {
    const { owner, answer } = trying();
    answer(100);
    answer(503);
    expect(owner.heard).to.deep.equal([100, 503]);
  });

  it('fails at once when its hop can not be reached, with or without a provisional response', () => {
    for (const before of [[], [100]]) {
      const { scene, owner, answer } = trying();
      before.forEach(answer);
      scene.layer.transportError(hopTo('UDP'));
      expect(owner.heard).to.deep.equal([...before, 'unreachable']);
      expect(scene.layer.idle).to.equal(true);
    }
  });

  it('can not be cancelled', () => {
    const { scene, transaction, answer } = trying();
    answer(100);
    transaction.cancel();
    expect(scene.wire).to.deep.equal(['OPTIONS']);
  });

  it('reports and sends nothing more once abandoned, and ends with Timer F', () => {
    for (const before of [[], [100]]) {
      const { scene, owner, transaction, answer } = trying();
      before.forEach(answer);
      transaction.abandon();
      scene.advance(32_000);
      expect(scene.wire).to.deep.equal(['OPTIONS']);
      expect(owner.heard).to.deep.equal(before);
      expect(scene.layer.idle).to.equal(true);
    }
  });

  it('does not take the response of another method with its branch', () => {
    const { scene, owner } = trying();
    scene.receive(respond(REQUEST.replace('OPTIONS sip:', 'INFO sip:').replace('1 OPTIONS', '1 INFO'), 200));
    expect(owner.heard).to.deep.equal([]);
    expect(scene.told).to.deep.equal(['stray 200']);
  });
});
