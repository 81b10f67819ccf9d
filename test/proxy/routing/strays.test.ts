import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { cancel, register } from '../../builders.ts';
import { AT, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

const P2 = '10.1.0.2';
const MALLORY = '203.0.113.9';
const CALL = { callId: 'call-1', fromTag: 'a', branch: 'z9hG4bKphone', sentBy: `${AT.alice}:5060` };

const reached = (sent: readonly Sent[]): string[] => sent.map(({ hop, message }) => `${message.method} ${hop.address}`);
const hops = (sent: Sent): string => `${sent.hop.address}:${sent.hop.port}`;

/** Call data is written some time after the INVITE. */
async function isWritten(by: Scene): Promise<void> {
  await by.passes(150);
}

/** Two proxies of one data centre that share a store. */
async function twoProxies(): Promise<{ p1: Scene; p2: Scene; gone(): Promise<void> }> {
  const p1 = await Scene.begin();
  const p2 = await Scene.begin({ place: { name: 'p2', address: P2 } }, true, p1.cluster);
  await p1.publishes();
  await p2.publishes();
  p1.meets();
  p2.meets();
  return {
    p1,
    p2,
    async gone() {
      await p1.replica.close();
      await p2.settled();
      p2.meets();
    },
  };
}

describe('a CANCEL that reaches another proxy than its INVITE did', () => {
  it('is handed to the proxy that has the INVITE, which cancels it', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await p1.receives(respond(asked.message, 180), asked.hop.address);
    await isWritten(p1);
    const handed = requestIn(await p2.receives(cancel(CALL), AT.alice));
    expect([handed.message.method, handed.hop.address]).to.deep.equal(['CANCEL', AT.proxy]);

    const sent = await p1.receives(handed.text, P2);
    const [ok, onwards] = [sent.find((s) => !s.message.isRequest), requestIn(sent)];
    expect(hops(onwards)).to.equal(hops(asked));
    expect([onwards.message.method, onwards.message.via.branch]).to.deep.equal(['CANCEL', asked.message.via.branch]);
    const back = await p2.receives(ok?.text ?? '', AT.proxy);
    expect(back.map(({ message, hop }) => [message.status, hop.address])).to.deep.equal([[200, AT.alice]]);
  });

  it('goes where the INVITE went when that proxy is gone, as that proxy would have written it', async () => {
    const { p1, p2, gone } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await isWritten(p1);
    await gone();
    const sent = (await p2.receives(cancel(CALL), AT.alice)).filter((s) => s.message.isRequest);
    const same = sent.find((s) => s.message.via.branch === asked.message.via.branch);
    expect(same?.message.method).to.equal('CANCEL');
    expect(same && hops(same)).to.equal(hops(asked));
    // RFC 3261 17.2.3: the server knows the INVITE by branch and sent-by
    expect(same?.message.via.host).to.equal(asked.message.via.host);
    expect(same?.message.uri).to.equal(asked.message.uri);
  });

  it('is not taken for a copy from elsewhere that came first, and each is answered where it came from', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await p1.receives(respond(asked.message, 180), asked.hop.address);
    await isWritten(p1);
    /** A CANCEL from there, all the way: the answer, and what p1 did. */
    const cancels = async (from: string) => {
      const handed = requestIn(await p2.receives(cancel(CALL), from));
      const sent = await p1.receives(handed.text, P2);
      const answer = sent.find((s) => !s.message.isRequest)?.text ?? '';
      const [back] = await p2.receives(answer, AT.proxy);
      return [back?.message.status, back?.hop.address, ...reached(sent.filter((s) => s.message.isRequest))];
    };
    expect(await cancels(MALLORY)).to.deep.equal([481, MALLORY]);
    expect(await cancels(AT.alice)).to.deep.equal([200, AT.alice, `CANCEL ${asked.hop.address}`]);
    // retransmissions: each gets its own answer again
    for (const [from, status] of [
      [MALLORY, 481],
      [AT.alice, 200],
    ] as const) {
      const again = await p2.receives(cancel(CALL), from);
      expect(again.map(({ message, hop }) => [message.status, hop.address])).to.deep.equal([[status, from]]);
    }
  });

  it('goes to the phone that the INVITE went to, where a server sends it', async () => {
    const { p1, p2, gone } = await twoProxies();
    await p1.registers('bob', AT.bob);
    const leg = { ...CALL, uri: 'sip:bob@example.com', sentBy: `${AT.ss1.primary}:5060` };
    const asked = requestIn(await p1.receives(invite(leg), AT.ss1.primary));
    await isWritten(p1);
    await gone();
    const sent = requestIn(await p2.receives(cancel(leg), AT.ss1.primary));
    expect([hops(sent), sent.message.uri]).to.deep.equal([hops(asked), asked.message.uri]);
    expect(sent.message.via.branch).to.equal(asked.message.via.branch);
  });

  it('goes there too when that proxy lives but says nothing', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await isWritten(p1);
    await p2.receives(cancel(CALL), AT.alice);
    const later = (await p2.passes(750)).filter((s) => s.hop.address !== AT.proxy);
    expect(reached(later)).to.deep.equal([`CANCEL ${asked.hop.address}`]);
    expect(later[0]?.message.via.branch).to.equal(asked.message.via.branch);
  });

  it('is answered though the next hop takes it for the CANCEL that this proxy sent itself before it was started again', async () => {
    const { p1, p2 } = await twoProxies();
    await p1.receives(invite(CALL), AT.alice);
    await isWritten(p1);
    const handed = requestIn(await p2.receives(cancel(CALL), AT.alice));
    // of which there was no Via but that proxy's (RFC 3261 9.1)
    const [ours] = handed.message.values(Header.Via);
    const known = respond(handed.message, 200).replace(/(Via: .*\r\n)+/, `Via: ${ours}\r\n`);
    const [back] = await p2.receives(known, AT.proxy);
    expect([back?.message.status, back?.hop.address]).to.deep.equal([200, AT.alice]);
    expect(back?.message.values(Header.Via)).to.deep.equal(handed.message.values(Header.Via).slice(1));
  });

  it('is answered 481 when nobody knows its call', async () => {
    const { p2 } = await twoProxies();
    expect(await p2.receives(cancel(CALL), AT.alice), 'news of it may be on their way').to.deep.equal([]);
    expect(statuses(await p2.passes(400))).to.deep.equal([481]);
    const alone = await Scene.begin();
    expect(statuses(await alone.receives(cancel(CALL), AT.alice)), 'where nobody else could know').to.deep.equal([481]);
  });

  it('waits for news of its call where it was sent sooner than they come', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await p1.receives(respond(asked.message, 180), asked.hop.address);
    expect(await p2.receives(cancel(CALL), AT.alice)).to.deep.equal([]);
    expect(await p2.receives(cancel(CALL), AT.alice), 'sent again meanwhile').to.deep.equal([]);
    await isWritten(p1);
    const handed = await p2.passes(400);
    expect(reached(handed)).to.deep.equal([`CANCEL ${AT.proxy}`]);
  });

  it('is answered 481 once the call has failed', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await isWritten(p1);
    await p1.receives(respond(asked.message, 486), asked.hop.address);
    await isWritten(p1);
    await p2.receives(cancel(CALL), AT.alice);
    expect(statuses(await p2.passes(400))).to.deep.equal([481]);
  });

  it('is refused by the proxy that it is handed to if that one has no such INVITE: nobody hands it on', async () => {
    const { p1, p2 } = await twoProxies();
    await p1.receives(invite(CALL), AT.alice);
    await isWritten(p1);
    const handed = requestIn(await p2.receives(cancel({ ...CALL, branch: 'z9hG4bKother' }), AT.alice));
    const sent = await p1.receives(handed.text, P2);
    expect([statuses(sent), sent.some((s) => s.message.isRequest)]).to.deep.equal([[430], false]);
  });
});

describe('a response that reaches another proxy than it is for', () => {
  it('is handed over as it came to the proxy that its branch names', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    const ringing = respond(asked.message, 180);
    const [handed] = await p2.receives(ringing, asked.hop.address);
    expect([handed?.text, handed?.hop.address]).to.deep.equal([ringing, AT.proxy]);
    const [back] = await p1.receives(handed?.text ?? '', P2);
    expect([back?.message.status, back?.hop.address]).to.deep.equal([180, AT.alice]);
  });

  it('goes no further from a proxy that it was handed to', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    expect(await p2.receives(respond(asked.message, 180), AT.proxy)).to.deep.equal([]);
  });

  it('is dropped if it is neither from nor for one of ours: that proxy would take it for one that we vouch for', async () => {
    const { p1, p2 } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    expect(await p2.receives(respond(asked.message, 200), '203.0.113.9')).to.deep.equal([]);
  });

  it('goes on its way without state when that proxy is gone', async () => {
    const { p1, p2, gone } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await gone();
    for (const status of [180, 200, 486]) {
      const sent = await p2.receives(respond(asked.message, status), asked.hop.address);
      expect(sent.map(({ message, hop }) => [message.status, hop.address])).to.deep.equal([[status, AT.alice]]);
      expect(sent[0]?.message.values(Header.Via)).to.have.length(1);
    }
  });

  it('is dropped then, if neither its sender nor the next hop is one of ours', async () => {
    const { p1, p2, gone } = await twoProxies();
    const asked = requestIn(await p1.receives(invite(CALL), AT.alice));
    await gone();
    expect(await p2.receives(respond(asked.message, 486), '203.0.113.9')).to.deep.equal([]);
  });
});

describe('a proxy that shares its advertised address with others of its place', () => {
  const ONE_FOR_ALL = '198.51.100.20';

  /** p1 of dc1; q1 and q2 of dc2 behind one address. bob's stream is q1's. */
  async function scenes(): Promise<{ p1: Scene; q1: Scene; q2: Scene }> {
    const p1 = await Scene.begin();
    const far = (n: number) => ({ geoLocation: 'dc2', place: { name: `q${n}`, address: `10.2.0.${n}` } });
    const tcp = [
      { transport: 'UDP', port: 5060, side: 'Both' },
      { transport: 'TCP', port: 5060, side: 'Both' },
    ] as const;
    const q1 = await Scene.begin({ ...far(1), listeners: tcp }, true, p1.cluster);
    const q2 = await Scene.begin({ ...far(2), listeners: tcp }, true, p1.cluster);
    await p1.publishes();
    for (const scene of [q1, q2]) await scene.publishes(ONE_FOR_ALL);
    for (const scene of [p1, q1, q2]) scene.meets();
    const stream = q1.phoneStream(4, AT.bob, 40_000);
    const text = register({ from: 'bob', transport: 'TCP', sentBy: '192.168.1.5:5060' });
    const asked = requestIn(await q1.receives(text, AT.bob, 40_000, 'TCP', stream));
    await q1.receives(respond(asked.message, 200), asked.hop.address);
    await q1.passes(300);
    return { p1, q1, q2 };
  }

  const call = { ...CALL, from: 'ss', uri: 'sip:bob@example.com', sentBy: `${AT.ss1.primary}:5060` };

  it('gets what another data centre hands over by way of whichever proxy is reached, at the second hop', async () => {
    const { p1, q1, q2 } = await scenes();
    const first = requestIn(await p1.receives(invite(call), AT.ss1.primary));
    expect(first.hop.address).to.equal(ONE_FOR_ALL);
    const second = requestIn(await q2.receives(first.text, AT.proxy));
    expect(second.hop.address).to.equal('10.2.0.1');
    const third = requestIn(await q1.receives(second.text, '10.2.0.2'));
    expect([third.hop.address, third.hop.connection?.number]).to.deep.equal([AT.bob, 4]);
    expect(third.message.has(Header.Route)).to.equal(false);
  });

  it('gets what is for a phone over UDP so, too: nobody else gets through its NAT', async () => {
    const { p1, q1, q2 } = await scenes();
    const asked = requestIn(
      await q1.receives(register({ from: 'carol', sentBy: '192.168.1.6:5060' }), AT.alice, 40_006),
    );
    await q1.receives(respond(asked.message, 200), asked.hop.address);
    await q1.passes(300);
    const first = requestIn(await p1.receives(invite({ ...call, uri: 'sip:carol@example.com' }), AT.ss1.primary));
    expect(first.hop.address).to.equal(ONE_FOR_ALL);
    const second = requestIn(await q2.receives(first.text, AT.proxy));
    expect(second.hop.address).to.equal('10.2.0.1');
    const third = requestIn(await q1.receives(second.text, '10.2.0.2'));
    expect([third.hop.address, third.hop.port]).to.deep.equal([AT.alice, 40_006]);
    // its owner says nothing: perhaps there is no NAT after all
    const [direct] = (await q2.passes(750)).filter(
      ({ hop }) => hop.address !== '10.2.0.1' && hop.address !== ONE_FOR_ALL,
    );
    expect([direct?.hop.address, direct?.hop.port]).to.deep.equal([AT.alice, 40_006]);
  });

  it('hands nothing on that has come by two proxies', async () => {
    const { p1, q1, q2 } = await scenes();
    const first = requestIn(await p1.receives(invite(call), AT.ss1.primary));
    const second = requestIn(await q2.receives(first.text, AT.proxy));
    // as if the address within the data centre were shared too, and led to another one
    const sent = await q2.receives(second.text, '10.2.0.1');
    expect([statuses(sent).at(-1), sent.some((s) => s.message.isRequest)]).to.deep.equal([430, false]);
    expect(q1.core.counts.handedOver).to.equal(0);
  });

  it('is handed a phone’s response that reaches the one which handed it the request', async () => {
    const { q1, q2 } = await scenes();
    const first = requestIn(await q2.receives(invite(call), AT.far.primary));
    const second = requestIn(await q1.receives(first.text, '10.2.0.2'));
    expect(second.hop.address).to.equal(AT.bob);
    const [handed] = await q2.receives(respond(second.message, 180), AT.bob);
    expect([handed?.message.status, handed?.hop.address]).to.deep.equal([180, '10.2.0.1']);
  });

  it('is handed a CANCEL the same way', async () => {
    const { p1, q1, q2 } = await scenes();
    const asked = requestIn(await q1.receives(invite(CALL), AT.alice));
    await q1.receives(respond(asked.message, 180), asked.hop.address);
    await isWritten(q1);
    const first = requestIn(await p1.receives(cancel(CALL), AT.alice));
    expect(first.hop.address).to.equal(ONE_FOR_ALL);
    const second = requestIn(await q2.receives(first.text, AT.proxy));
    expect(second.hop.address).to.equal('10.2.0.1');
    const cancelled = requestIn(await q1.receives(second.text, '10.2.0.2'));
    expect([cancelled.message.method, hops(cancelled)]).to.deep.equal(['CANCEL', hops(asked)]);
  });
});
