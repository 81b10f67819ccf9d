import { expect } from 'chai';
import { register } from '../../builders.ts';
import { AT, bye, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

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

  for (const status of [503, 500, 404])
    it(`rings on at the first when the second try is refused with ${status}: the member that is promoted knows nothing of it`, async () => {
      await scene.receives(respond(first.message, 180), memberOf(first));
      const refused = await scene.receives(respond(second.message, status), memberOf(second));
      expect([statuses(refused), methods(refused)]).to.deep.equal([[], ['ACK']]);
      expect(statuses(await scene.receives(respond(first.message, 200), memberOf(first)))).to.deep.equal([200]);
    });

  it('rings on where the 180 of a try overtook its 100', async () => {
    for (const status of [180, 100]) await scene.receives(respond(first.message, status), memberOf(first));
    expect(statuses(await scene.receives(respond(second.message, 486), memberOf(second)))).to.deep.equal([]);
    expect(statuses(await scene.receives(respond(first.message, 200), memberOf(first)))).to.deep.equal([200]);
  });

  it('ends with a 603 of the second try, though the first rings: who was asked wants no call', async () => {
    await scene.receives(respond(first.message, 180), memberOf(first));
    const sent = await scene.receives(respond(second.message, 603), memberOf(second));
    expect([statuses(sent), methods(sent)]).to.deep.equal([[603], ['ACK', 'CANCEL']]);
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

describe('a copy to a name that leads to several targets (RFC 3263 4.3)', () => {
  const TRUNK = 'sip:15551234@trunk.example.net';
  const [first, second, third] = ['198.51.100.21', '198.51.100.22', '198.51.100.23'] as const;
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.begin();
    scene.names.set(TRUNK, [first, second, third]);
  });

  const fromServer = (make = invite): string => make({ uri: TRUNK, sentBy: `${AT.ss1.primary}:5060` });
  const calls = async (text = fromServer()): Promise<Sent> => requestIn(await scene.receives(text, AT.ss1.primary));
  const copies = (sent: readonly Sent[]): Sent[] =>
    sent.filter(({ message }) => message.isRequest && message.method !== 'ACK');
  const invites = (sent: readonly Sent[]): string[] => copies(sent).map(memberOf);

  it('goes to the next one when one says 503, and the caller is told what the last one says', async () => {
    const one = await calls();
    expect(memberOf(one)).to.equal(first);
    const two = await scene.receives(respond(one.message, 503), first);
    expect(invites(two)).to.deep.equal([second]);
    const three = await scene.receives(
      respond(two.filter((s) => s.message.method === 'INVITE')[0]?.message ?? '', 503),
      second,
    );
    expect(invites(three)).to.deep.equal([third]);
    const last = three.filter((s) => s.message.method === 'INVITE')[0]?.message ?? '';
    expect(statuses(await scene.receives(respond(last, 486), third))).to.deep.equal([486]);
    expect(scene.core.counts.triedNextTarget).to.equal(2);
  });

  it('tells 500 when all say 503', async () => {
    let [asked, at] = [await calls(), first as string];
    for (let i = 0; i < 2; i++) {
      const sent = await scene.receives(respond(asked.message, 503), at);
      asked = requestIn(sent.filter(({ message }) => message.method === 'INVITE'));
      at = asked.hop.address;
    }
    expect(statuses(await scene.receives(respond(asked.message, 503), at))).to.deep.equal([500]);
  });

  it('goes to the next one at once when one cannot be reached, and tells 500 when none can', async () => {
    const one = await calls();
    scene.layer.transportError(one.hop);
    const two = requestIn(scene.takes());
    expect(memberOf(two)).to.equal(second);
    scene.layer.transportError(two.hop);
    scene.layer.transportError(requestIn(scene.takes()).hop);
    expect(statuses(scene.takes())).to.deep.equal([500]);
  });

  it('goes to the next one when one says nothing, and takes the answer of whichever gives one', async () => {
    const one = await calls();
    const two = requestIn((await scene.passes(3_700)).filter(({ hop }) => hop.address === second));
    expect(scene.core.counts.targetSilent).to.equal(1);
    expect(statuses(await scene.receives(respond(one.message, 503), first))).to.deep.equal([]);
    expect(statuses(await scene.receives(respond(two.message, 200), second))).to.deep.equal([200]);
  });

  for (const [what, told] of [
    ['can not be reached after all', (one: Sent): void => scene.layer.transportError(one.hop)],
    ['says 430 after all', (one: Sent): void => scene.core.incoming.receive(respond(one.message, 430), one.hop)],
  ] as const)
    for (const ringing of [false, true])
      it(`goes nowhere else when one that said nothing ${what}, and the next one ${ringing ? 'rings' : 'is at work'}`, async () => {
        const one = await calls();
        const two = requestIn((await scene.passes(3_700)).filter(({ hop }) => hop.address === second));
        await scene.receives(respond(two.message, ringing ? 180 : 100), second);
        told(one);
        await scene.settled();
        const sent = scene.takes();
        expect([statuses(sent), invites(sent)]).to.deep.equal([[], []]);
        expect(statuses(await scene.receives(respond(two.message, 200), second))).to.deep.equal([200]);
      });

  it('rings on at one that said nothing at first when the next one can not be reached or is busy', async () => {
    for (const fails of [
      (two: Sent): void => scene.layer.transportError(two.hop),
      (two: Sent): void => scene.core.incoming.receive(respond(two.message, 486), two.hop),
    ]) {
      const one = await calls();
      const two = requestIn((await scene.passes(3_700)).filter(({ hop }) => hop.address === second));
      await scene.receives(respond(one.message, 180), first);
      fails(two);
      await scene.settled();
      const sent = scene.takes();
      expect([statuses(sent), invites(sent)]).to.deep.equal([[], []]);
      expect(statuses(await scene.receives(respond(one.message, 200), first))).to.deep.equal([200]);
      // that one said nothing is forgotten
      await scene.passes(30_000);
    }
  });

  for (const [what, fails] of [
    ['said nothing', async (): Promise<unknown> => scene.passes(3_700)],
    [
      'could not be reached',
      async (one: Sent): Promise<unknown> => Promise.resolve(scene.layer.transportError(one.hop)),
    ],
    [
      'asked for no requests for a while',
      async (one: Sent): Promise<unknown> =>
        scene.receives(respond(one.message, 503, { headers: ['Retry-After: 30'] }), first),
    ],
  ] as const)
    it(`begins with the next one where the first one ${what} a short while ago, and takes that last`, async () => {
      await fails(await calls());
      scene.takes();
      let asked = await calls();
      const tried = [memberOf(asked)];
      for (let i = 0; i < 2; i++) {
        asked = requestIn(copies(await scene.receives(respond(asked.message, 503), memberOf(asked))));
        tried.push(memberOf(asked));
      }
      expect(tried).to.deep.equal([second, third, first]);
      await scene.passes(30_000);
      expect(memberOf(await calls())).to.equal(first);
    });

  it('begins with the first one though that said 503, if it does not say for how long', async () => {
    await scene.receives(respond((await calls()).message, 503), first);
    expect(memberOf(await calls())).to.equal(first);
  });

  it('begins with the first one inside a dialog, which that may have, whatever it said to others', async () => {
    await scene.receives(respond((await calls()).message, 503, { headers: ['Retry-After: 30'] }), first);
    expect(memberOf(await calls())).to.equal(second);
    expect(memberOf(await calls(fromServer((given) => bye({ ...given, toTag: 'b' }))))).to.equal(first);
  });

  it('stays where it rings', async () => {
    const one = await calls();
    await scene.receives(respond(one.message, 180), first);
    expect(invites(await scene.passes(10_000))).to.deep.equal([]);
    expect(statuses(await scene.receives(respond(one.message, 503), first))).to.deep.equal([500]);
  });

  it('stays where it was refused for another reason', async () => {
    const one = await calls();
    const sent = await scene.receives(respond(one.message, 404), first);
    expect([statuses(sent), invites(sent)]).to.deep.equal([[404], []]);
  });

  it('is told 500 when its name leads nowhere', async () => {
    const text = invite({ uri: 'sip:1@nowhere.example.net', sentBy: `${AT.ss1.primary}:5060` });
    expect(statuses(await scene.receives(text, AT.ss1.primary))).to.deep.equal([100, 500]);
    expect(scene.core.counts.unresolved).to.equal(1);
  });

  it('is counted where it is large and goes in a datagram all the same', async () => {
    await calls(invite({ uri: TRUNK, sentBy: `${AT.ss1.primary}:5060`, body: 'x'.repeat(1_400) }));
    expect(scene.core.counts.largeDatagrams).to.equal(1);
  });
});
