import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { register, request } from '../../builders.ts';
import { AT, bye, invite, requestIn, respond, Scene, statuses } from './scene.ts';

const fromAlice = { sentBy: `${AT.alice}:5060` };
const fromServer = { sentBy: `${AT.ss1.primary}:5060` };

describe('a core that drains', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
    await scene.registers('bob', AT.bob);
  });

  it('takes new work until it refuses it', async () => {
    scene.core.draining = true;
    expect(statuses(await scene.receives(invite(fromAlice), AT.alice))).to.deep.equal([100]);
  });

  describe('and refuses new work', () => {
    beforeEach(() => {
      scene.core.draining = true;
      scene.core.refusing = true;
    });

    it('answers it 503 with Retry-After, whoever sends it', async () => {
      for (const [text, from] of [
        [invite({ ...fromAlice, callId: 'a' }), AT.alice],
        [register({ ...fromAlice, callId: 'b' }), AT.alice],
        [request('MESSAGE', { ...fromAlice, callId: 'c' }), AT.alice],
        [invite({ sentBy: `${AT.sbc}:5060`, callId: 'd' }), AT.sbc],
        [invite({ ...fromServer, uri: 'sip:bob@example.com', callId: 'e' }), AT.ss1.primary],
      ] as const) {
        const [answer, ...more] = await scene.receives(text, from);
        expect([answer?.message.status, more.length]).to.deep.equal([503, 0]);
        expect(answer?.message.value(Header.RetryAfter)).to.match(/^\d+$/);
      }
    });

    it('lets a phone take its registration back', async () => {
      const goodbye = await scene.receives(register({ ...fromAlice, expires: 0 }), AT.alice);
      expect(requestIn(goodbye).message.method).to.equal('REGISTER');
    });
  });

  it('delivers what belongs to a dialog', async () => {
    const asked = requestIn(await scene.receives(invite({ ...fromAlice, callId: 'x', fromTag: 'a' }), AT.alice));
    await scene.receives(respond(asked.message, 200, { toTag: 'b' }), asked.hop.address);
    scene.core.refusing = true;
    const route = [asked.message.value(Header.RecordRoute) ?? ''];
    const sent = await scene.receives(bye({ ...fromAlice, callId: 'x', fromTag: 'a', toTag: 'b', route }), AT.alice);
    expect(requestIn(sent).hop.address).to.equal(asked.hop.address);
  });

  it('delivers what another proxy hands over', async () => {
    await scene.hasProxy('q1', 'dc2', AT.farProxy);
    scene.core.refusing = true;
    const token = scene.core.signer.sign(
      {
        use: 'handover',
        caller: { kind: 'open' },
        callee: { kind: 'udp', address: AT.bob, port: 5060 },
        callerTag: 0,
      },
      'h',
      scene.time,
    );
    const handedOver = invite({
      callId: 'h',
      uri: `sip:bob@${AT.bob}`,
      sentBy: `${AT.farProxy}:5060`,
      route: [`<sip:${token ?? ''}@${AT.proxy};lr>`],
    });
    expect(requestIn(await scene.receives(handedOver, AT.farProxy)).hop.address).to.equal(AT.bob);
  });
});

describe('work for a remote pair', () => {
  it('passes by a proxy that drains as long as there is another, and goes to it when there is none', async () => {
    const scene = await Scene.begin();
    const to = (callId: string) => invite({ ...fromServer, uri: `sip:ss@${AT.far.primary}`, callId });
    await scene.hasProxy('q1', 'dc2', '10.2.0.1', 'boot1', 'Draining');
    expect(requestIn(await scene.receives(to('alone'), AT.ss1.primary)).hop.address).to.equal('10.2.0.1');
    await scene.hasProxy('q2', 'dc2', '10.2.0.2');
    for (let i = 0; i < 10; i++) {
      expect(requestIn(await scene.receives(to(`c${i}`), AT.ss1.primary)).hop.address).to.equal('10.2.0.2');
    }
  });
});
