import { expect } from 'chai';
import { invite, respond } from '../../builders.ts';
import { AT, aliceCalls, answered, requestIn, requests, type Scene, stage, statusesOf } from '../cast.ts';

const alice = { sentBy: `${AT.alice}:5060` };

describe('RFC 3261 17.2: requests that come again', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  it('as an INVITE get the last response again, and go nowhere', async () => {
    const text = invite(alice);
    const asked = requestIn(await scene.receives(text, AT.alice));
    const first = await scene.receives(text, AT.alice);
    expect(first.map((s) => s.message.status)).to.deep.equal([100]);
    await answered(scene, asked, 183);
    expect(statusesOf(await scene.receives(text, AT.alice))).to.deep.equal([183]);
  });

  it('after a 200 get nothing: the 200 comes again from the one that made it (RFC 6026)', async () => {
    const text = invite(alice);
    const asked = requestIn(await scene.receives(text, AT.alice));
    await answered(scene, asked, 200);
    expect(await scene.receives(text, AT.alice)).to.deep.equal([]);
  });

  it('of RFC 2543 are known by all of what RFC 3261 17.2.3 says, and not by Call-ID alone', async () => {
    const old = { ...alice, via: [`SIP/2.0/UDP ${AT.alice}:5060`], callId: 'old', fromTag: 'f' };
    const text = invite(old);
    expect(requests(await scene.receives(text, AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(text, AT.alice))).to.have.length(0);
    expect(requests(await scene.receives(invite({ ...old, cseq: 2 }), AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(invite({ ...old, uri: 'sip:carol@example.com' }), AT.alice))).to.have.length(
      1,
    );
  });

  it('with the magic cookie alone for a branch are told apart as those of RFC 2543 (RFC 4475 3.2.1)', async () => {
    const via = [`SIP/2.0/UDP ${AT.alice}:5060;branch=z9hG4bK`];
    expect(requests(await scene.receives(invite({ via, callId: 'one' }), AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(invite({ via, callId: 'two' }), AT.alice))).to.have.length(1);
  });

  it('with one branch from two places are two', async () => {
    const at = (host: string): string => invite({ sentBy: `${host}:5060`, branch: 'z9hG4bKsame', callId: host });
    expect(requests(await scene.receives(at(AT.alice), AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(at(AT.bob), AT.bob))).to.have.length(1);
  });

  it('as a retransmission to the pair are ours: every 0.5, 1, 2, 4 … s, until it says something', async () => {
    const asked = await aliceCalls(scene);
    expect(requests(await scene.passes(8_000), 'INVITE')).to.have.length(4);
    await answered(scene, asked, 100);
    expect(requests(await scene.passes(30_000), 'INVITE')).to.have.length(0);
  });

  it('over a stream are not sent again', async () => {
    const connection = scene.phoneStream(4, AT.alice, 40_000);
    const text = invite({ ...alice, transport: 'TCP' });
    const asked = requestIn(await scene.receives(text, AT.alice, 40_000, 'TCP', connection));
    await answered(scene, asked, 486);
    expect(statusesOf(await scene.passes(10_000))).to.deep.equal([]);
  });

  it('leave nothing behind after all has ended', async () => {
    for (let i = 0; i < 5; i++) {
      const asked = await aliceCalls(scene, { callId: `c${i}` });
      await answered(scene, asked, i % 2 === 0 ? 200 : 486);
    }
    await scene.receives(respond(invite(alice), 200), AT.alice);
    await scene.passes(70_000);
    expect([scene.layer.idle, scene.core.unanswered, scene.timers.size]).to.deep.equal([true, 0, 0]);
  });
});
