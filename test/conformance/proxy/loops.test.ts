import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { ack, invite, request } from '../../builders.ts';
import {
  AT,
  aliceCalls,
  answers,
  bobRegisters,
  callToBob,
  requestIn,
  requests,
  rings,
  type Scene,
  stage,
  statusesOf,
} from '../cast.ts';

/** What an element between the proxy and itself makes of a copy: a Via more, a hop less, and what it changes. */
function passedOn(text: string, at: string, change: (text: string) => string = (same) => same): string {
  const line = `Via: SIP/2.0/UDP ${at}:5060;branch=z9hG4bKthere\r\nVia: `;
  return change(text).replace('Via: ', line);
}

describe('RFC 5393: a request that comes back', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  const trunk = { uri: 'sip:5551234@203.0.113.8', to: '<sip:5551234@203.0.113.8>' };

  /** ss1 sends a request out to a trunk, which sends it back as if it came from ss1's peer. */
  async function out(given = {}): Promise<string> {
    const sent = await scene.receives(invite({ ...trunk, sentBy: `${AT.ss1.primary}:5060`, ...given }), AT.ss1.primary);
    return requestIn(sent).text;
  }

  it('unchanged from the same kind of sender is a loop: 482', async () => {
    const sent = await scene.receives(passedOn(await out(), AT.ss2.primary), AT.ss2.primary);
    expect(statusesOf(sent)).to.deep.equal([482]);
    expect(requests(sent)).to.deep.equal([]);
  });

  it('with another Request-URI is a spiral and goes on', async () => {
    const changed = passedOn(await out(), AT.ss2.primary, (text) =>
      text.replace('INVITE sip:5551234@203.0.113.8', 'INVITE sip:5551235@203.0.113.8'),
    );
    expect(requests(await scene.receives(changed, AT.ss2.primary))).to.have.length(1);
  });

  it('with another Route is a spiral and goes on', async () => {
    const changed = passedOn(await out(), AT.ss2.primary, (text) =>
      text.replace('Max-Forwards', 'Route: <sip:203.0.113.9;lr>\r\nMax-Forwards'),
    );
    expect(requests(await scene.receives(changed, AT.ss2.primary))).to.have.length(1);
  });

  it('from another kind of sender is a spiral: a SIP Server that proxies sends a call back to where it came from', async () => {
    await bobRegisters(scene, 1);
    const toServer = await aliceCalls(scene, { uri: 'sip:bob@example.com' });
    const back = await scene.receives(passedOn(toServer.text, toServer.hop.address), toServer.hop.address);
    expect(requestIn(back).hop.address).to.equal(AT.bob);
  });

  it('without the X-Genesys-Route that it had is a spiral', async () => {
    const sent = await out({ headers: ['X-Genesys-Route: <sip:203.0.113.9>'] });
    expect(requests(await scene.receives(passedOn(sent, AT.ss2.primary), AT.ss2.primary))).to.have.length(1);
  });

  it('by two ways at once (merged) is no loop: that is for the user agent to see', async () => {
    const text = invite({ ...trunk, sentBy: `${AT.ss1.primary}:5060`, branch: 'z9hG4bKone' });
    const merged = text.replace('z9hG4bKone', 'z9hG4bKtwo');
    expect(requests(await scene.receives(text, AT.ss1.primary))).to.have.length(1);
    expect(requests(await scene.receives(merged, AT.ss1.primary))).to.have.length(1);
  });

  it('is no loop because of a branch that only looks like one of ours', async () => {
    const copy = parseMessage(await out());
    const odd = copy.via.branch.slice(0, -3);
    const text = passedOn(copy.text.replace(copy.via.branch, odd), AT.ss2.primary);
    expect(requests(await scene.receives(text, AT.ss2.primary))).to.have.length(1);
  });

  it('is no worse for a Via below that nobody can read: that is for who wrote it (16.3 step 1)', async () => {
    const odd = `Via: SIP/2.0/UDP ${AT.ss1.primary}:5060;branch=z9hG4bKa, SIP/2.0/UDP ;;,;,,\r\n`;
    const text = invite({ ...trunk }).replace(/Via: .*\r\n/, odd);
    const copy = requestIn(await scene.receives(text, AT.ss1.primary)).text;
    const spiral = copy.replace('5551234', '5551235');
    expect(requests(await scene.receives(passedOn(spiral, AT.ss2.primary), AT.ss2.primary))).to.have.length(1);
    expect(statusesOf(await scene.receives(passedOn(copy, AT.ss1.primary), AT.ss1.primary))).to.deep.equal([482]);
  });

  it('as a retransmission through a restarted proxy has the branch that it had', async () => {
    const text = invite({ ...trunk, sentBy: `${AT.ss1.primary}:5060` });
    const first = requestIn(await scene.receives(text, AT.ss1.primary));
    const restarted = await stage();
    const again = requestIn(await restarted.receives(text, AT.ss1.primary));
    expect(again.message.via.branch).to.equal(first.message.via.branch);
  });

  it('is dropped if it is an ACK: those are never answered', async () => {
    const text = ack({ ...trunk, sentBy: `${AT.ss1.primary}:5060` });
    const sent = requestIn(await scene.receives(text, AT.ss1.primary));
    expect(await scene.receives(passedOn(sent.text, AT.ss2.primary), AT.ss2.primary)).to.deep.equal([]);
    expect(scene.core.counts.strayAcks).to.equal(1);
  });

  it('as an ACK without a hop left is dropped', async () => {
    const text = ack({ ...trunk, sentBy: `${AT.ss1.primary}:5060`, maxForwards: 0 });
    expect(await scene.receives(text, AT.ss1.primary)).to.deep.equal([]);
    expect([scene.core.counts.strayAcks, scene.core.counts.internalErrors]).to.deep.equal([1, 0]);
  });
});

describe('RFC 5393: Max-Breadth', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });
  const breadths = (sent: { message: { value(id: typeof Header.MaxBreadth): string | undefined } }[]): unknown[] =>
    sent.map((s) => s.message.value(Header.MaxBreadth));

  it('is 60 where a request has none', async () => {
    expect(breadths([await aliceCalls(scene)])).to.deep.equal(['60']);
  });

  it('stays where it is lower, and is lowered where it is higher', async () => {
    expect(breadths([await aliceCalls(scene, { headers: ['Max-Breadth: 7'] })])).to.deep.equal(['7']);
    expect(breadths([await aliceCalls(scene, { headers: ['Max-Breadth: 4000'] })])).to.deep.equal(['60']);
  });

  it('is divided among forks, and none of it is lost', async () => {
    await bobRegisters(scene, 3);
    expect(breadths(await rings(scene, { headers: ['Max-Breadth: 11'] }))).to.deep.equal(['4', '4', '3']);
  });

  it('that cannot be divided is answered 440', async () => {
    await bobRegisters(scene, 3);
    const sent = await scene.receives(callToBob({ headers: ['Max-Breadth: 2'] }), AT.ss1.primary);
    expect([requests(sent).length, statusesOf(sent)]).to.deep.equal([0, [440]]);
    expect(answers(sent)[0]?.message.reason).to.equal('Max-Breadth Exceeded');
  });

  it('of 1 is enough to fork in sequence', async () => {
    scene = await stage({ registration: { ...scene.config.registration, forking: 'Sequential' } });
    await bobRegisters(scene, 3);
    expect(breadths(await rings(scene, { headers: ['Max-Breadth: 1'] }))).to.deep.equal(['1']);
  });

  it('that stands twice is answered 400: only one would be lowered', async () => {
    const text = invite({ sentBy: `${AT.alice}:5060`, headers: ['Max-Breadth: 5', 'max-breadth: 60'] });
    expect(answers(await scene.receives(text, AT.alice)).map((s) => s.message.reason)).to.deep.equal([
      'Bad Max-Breadth',
    ]);
  });

  it('of 0 is answered 440, and one that is no number 400', async () => {
    const given = (value: string): string =>
      request('MESSAGE', { sentBy: `${AT.alice}:5060`, headers: [`Max-Breadth: ${value}`] });
    expect(statusesOf(await scene.receives(given('0'), AT.alice))).to.deep.equal([440]);
    const [refused] = answers(await scene.receives(given('many'), AT.alice));
    expect([refused?.message.status, refused?.message.reason]).to.deep.equal([400, 'Bad Max-Breadth']);
  });
});
