import { expect } from 'chai';
import { register } from '../../builders.ts';
import { AT, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

const memberOf = (sent: Sent): string => sent.hop.address;
const pairOf = (address: string): 'ss1' | 'ss2' => (address.startsWith('10.1.1.') ? 'ss1' : 'ss2');
const methods = (sent: readonly Sent[]): string[] =>
  sent.filter((s) => s.message.isRequest).map((s) => s.message.method);

describe('a copy that was sent again when its pair switched', () => {
  let scene: Scene;
  let first: Sent;
  let second: Sent;

  beforeEach(async () => {
    scene = await Scene.begin();
    first = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
    scene.pinged(pairOf(memberOf(first)), 'backup', 200);
    scene.pinged(pairOf(memberOf(first)), 'primary', 'Timeout');
    second = requestIn(scene.takes());
  });

  it('rings on when the first try times out', async () => {
    expect(statuses(await scene.receives(respond(second.message, 180), memberOf(second)))).to.deep.equal([180]);
    expect(statuses(await scene.passes(40_000))).to.deep.equal([]);
    expect(statuses(await scene.receives(respond(second.message, 200), memberOf(second)))).to.deep.equal([200]);
  });

  it('rings on when the first try is refused: the member that lost its place knows nothing of the second', async () => {
    await scene.receives(respond(second.message, 180), memberOf(second));
    expect(statuses(await scene.receives(respond(first.message, 503), memberOf(first)))).to.deep.equal([]);
    expect(statuses(await scene.receives(respond(second.message, 200), memberOf(second)))).to.deep.equal([200]);
  });

  it('cancels the other try when one is answered', async () => {
    await scene.receives(respond(second.message, 180), memberOf(second));
    const sent = await scene.receives(respond(first.message, 200), memberOf(first));
    expect(statuses(sent)).to.deep.equal([200]);
    expect(methods(sent)).to.deep.equal(['CANCEL']);
  });

  it('takes one 200 to a REGISTER, although both tries may bring one while the store is slow', async () => {
    scene.cluster.setAvailable('dc1', false);
    const asked = requestIn(await scene.receives(register({ from: 'alice', sentBy: `${AT.alice}:5060` }), AT.alice));
    const pair = pairOf(memberOf(asked));
    scene.pinged(pair, 'backup', 200);
    scene.pinged(pair, memberOf(asked).endsWith('.1') ? 'primary' : 'backup', 'Timeout');
    scene.pinged(pair, 'primary', 200);
    const open = scene.core.unanswered;
    for (const sent of [asked, ...scene.takes().filter((s) => s.message.method === 'REGISTER')]) {
      await scene.receives(respond(sent.message, 200), memberOf(sent));
    }
    expect(open - scene.core.unanswered).to.equal(1);
  });
});
