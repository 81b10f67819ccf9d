import { expect } from 'chai';
import { ack } from '../../builders.ts';
import { AT, invite, requestIn, respond, Scene } from './scene.ts';

const CALL = { callId: 'call-1', fromTag: 'a', branch: 'z9hG4bKphone', sentBy: `${AT.alice}:5060` };

describe('call data of an INVITE that was challenged', () => {
  let scene: Scene;
  const minutes = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await scene.passes(60_000);
      scene.replica.expire(scene.time);
      await scene.settled();
    }
  };

  beforeEach(async () => {
    scene = await Scene.begin();
    const asked = requestIn(await scene.receives(invite(CALL), AT.alice));
    await scene.receives(respond(asked.message, 407), asked.hop.address);
    await scene.receives(ack(CALL), AT.alice);
    expect(scene.replica.call(CALL.callId)).to.have.property('pair');
  });

  it('is forgotten soon if no credentials come, as with a scanner', async () => {
    await minutes(4);
    expect(scene.replica.call(CALL.callId)).to.equal(undefined);
  });

  it('is kept for the call that comes back with credentials', async () => {
    const asked = requestIn(await scene.receives(invite({ ...CALL, cseq: 2, branch: 'z9hG4bKagain' }), AT.alice));
    await scene.receives(respond(asked.message, 200), asked.hop.address);
    await minutes(30);
    expect(scene.replica.call(CALL.callId)).to.have.property('pair');
  });
});
