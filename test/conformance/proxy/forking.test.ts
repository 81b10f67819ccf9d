import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { ack, bye, register, request, respond } from '../../builders.ts';
import {
  AT,
  BOB_AT,
  answered,
  answers,
  bobRegisters,
  callToBob,
  distinct,
  requestIn,
  requests,
  rings,
  Scene,
  type Sent,
  stage,
  statusesOf,
} from '../cast.ts';

const server = { sentBy: `${AT.ss1.primary}:5060` };

type Two = [Sent, Sent];
type Three = [Sent, Sent, Sent];

describe('RFC 3261 16.7: forking in parallel', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  it('rings every phone at once, each by a branch of its own', async () => {
    await bobRegisters(scene, 3);
    const forks = await rings(scene);
    expect(forks.map((s) => s.hop.address)).to.have.members([...BOB_AT]);
    expect(new Set(forks.map((s) => s.message.via.branch)).size).to.equal(3);
    expect(forks.map((s) => s.message.uri)).to.have.members(BOB_AT.map((at) => `sip:bob@${at}:5060`));
  });

  /** A phone with an instance of its own, whose Contact is what it has at home. */
  async function registersFromHome(instance: number, at: string): Promise<void> {
    const contact = `<sip:bob@192.168.1.10:5060>;+sip.instance="<urn:uuid:0000000${instance}>";reg-id=1`;
    await scene.registers('bob', at, { contact, callId: `home-${instance}`, headers: ['Supported: outbound'] });
  }

  it('tells two phones apart that have one Contact, each behind its own NAT (16.6 step 8)', async () => {
    for (const [i, at] of BOB_AT.entries()) await registersFromHome(i, at);
    const forks = (await rings(scene)) as Three;
    expect(new Set(forks.map((s) => s.message.via.branch)).size).to.equal(3);
    for (const fork of forks) await answered(scene, fork, 180);
    const sent = await answered(scene, forks[0], 200);
    expect(requests(sent, 'CANCEL').map((s) => s.hop.address)).to.have.members(
      forks.slice(1).map((s) => s.hop.address),
    );
  });

  it('and those whose flows another proxy holds', async () => {
    const other = await Scene.begin({ place: { name: 'p2', address: '10.1.0.2' } }, true, scene.cluster);
    const home = scene;
    scene = other;
    // the last one is the first one, set up anew
    for (const [i, at] of [...BOB_AT, AT.bob].entries()) await registersFromHome(i, at);
    scene = home;
    await scene.hasProxy('p2', 'dc1', '10.1.0.2', 'boot1');
    const forks = await rings(scene);
    expect(forks.map((s) => s.hop.address)).to.deep.equal(['10.1.0.2', '10.1.0.2', '10.1.0.2']);
    expect(new Set(forks.map((s) => s.message.via.branch)).size).to.equal(3);
  });

  it('and those behind one SBC, by the rest of their Path', async () => {
    for (const i of [0, 1]) {
      const contact = `<sip:bob@192.168.1.10:5060>;+sip.instance="<urn:uuid:0000000${i}>";reg-id=1`;
      const path = `Path: <sip:${AT.sbc};lr;ob>, <sip:edge-${i}@192.0.2.50;lr;ob>`;
      const headers = [path, 'Supported: outbound, path'];
      await scene.registers('bob', AT.sbc, { contact, callId: `home-${i}`, headers });
    }
    const forks = await rings(scene);
    expect(forks.map((s) => s.hop.address)).to.deep.equal([AT.sbc, AT.sbc]);
    expect(new Set(forks.map((s) => s.message.via.branch)).size).to.equal(2);
  });

  it('and sends what follows in a dialog to the one that has it, whose flow the token names', async () => {
    const streams = BOB_AT.map((at, i) => scene.phoneStream(i + 1, at, 40_000));
    for (const [i, at] of BOB_AT.entries()) {
      const contact = `<sip:bob@192.168.1.10:5060;transport=tcp>;+sip.instance="<urn:uuid:0000000${i}>";reg-id=1`;
      const given = { from: 'bob', contact, callId: `home-${i}`, headers: ['Supported: outbound'], transport: 'TCP' };
      const asked = await scene.receives(register({ ...given, sentBy: `${at}:40000` }), at, 40_000, 'TCP', streams[i]);
      await scene.receives(respond(requestIn(asked).message, 200), requestIn(asked).hop.address);
    }
    const forks = await rings(scene, { callId: 'call', fromTag: 'f' });
    expect(forks.map((s) => s.hop.connection)).to.have.members(streams);
    for (const [i, { message, hop }] of forks.entries()) {
      const given = { callId: 'call', fromTag: 'f', toTag: `t${i}`, route: message.values(Header.RecordRoute) };
      const text = bye({ ...server, ...given, cseq: i + 2, uri: message.uri, to: 'bob' });
      expect(requestIn(await scene.receives(text, AT.ss1.primary)).hop.connection).to.equal(hop.connection);
    }
  });

  it('rings a phone once that has registered under a new instance from where the old one was (16.5)', async () => {
    for (const i of [1, 2]) await registersFromHome(i, AT.bob);
    const forks = await rings(scene);
    expect(forks.map((s) => s.hop.address)).to.deep.equal([AT.bob]);
    expect(statusesOf(await answered(scene, forks[0] as Sent, 486))).to.deep.equal([486]);
  });

  for (const [contact, called] of [
    ['sip:bob@192.0.2.12:5060?Subject=x', 'sip:bob@192.0.2.12:5060'],
    ['sip:bob@192.0.2.12;line=2;Method=BYE;x?Route=%3Csip:sip.example.com%3E', 'sip:bob@192.0.2.12;line=2;x'],
  ] as const)
    it(`calls the contact ${contact} without what a Request-URI may not have (16.6 step 2)`, async () => {
      await scene.registers('bob', AT.bob, { contact: `<${contact}>` });
      expect((await rings(scene)).map((s) => s.message.uri)).to.deep.equal([called]);
    });

  it('passes every provisional on but 100', async () => {
    await bobRegisters(scene, 2);
    const [first, second] = (await rings(scene)) as Two;
    expect(await answered(scene, first, 100)).to.deep.equal([]);
    expect(statusesOf(await answered(scene, first, 180, { toTag: 'a' }))).to.deep.equal([180]);
    expect(statusesOf(await answered(scene, second, 183, { toTag: 'b' }))).to.deep.equal([183]);
    expect(statusesOf(await answered(scene, first, 199, { toTag: 'a' }))).to.deep.equal([199]);
  });

  it('waits for all before it passes a failure on', async () => {
    await bobRegisters(scene, 2);
    const [first, second] = (await rings(scene)) as Two;
    expect(statusesOf(await answered(scene, first, 486))).to.deep.equal([]);
    expect(statusesOf(await answered(scene, second, 480))).to.deep.equal([480]);
  });

  it('passes the first 2xx on at once and cancels what still rings, saying why (RFC 3326)', async () => {
    await bobRegisters(scene, 3);
    const [first, second, third] = (await rings(scene)) as Three;
    await answered(scene, second, 180);
    await answered(scene, third, 180);
    const sent = await answered(scene, first, 200);
    expect(statusesOf(sent)).to.deep.equal([200]);
    const cancels = requests(sent, 'CANCEL');
    expect(cancels.map((s) => s.hop.address)).to.have.members([second.hop.address, third.hop.address]);
    for (const { message } of cancels) expect(message.value(Header.Reason)).to.match(/^SIP ?; ?cause=200\b/);
  });

  it('passes a second 2xx on too: both phones were picked up, and the caller must hang one up', async () => {
    await bobRegisters(scene, 2);
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, first, 200, { toTag: 'a' });
    expect(statusesOf(await answered(scene, second, 200, { toTag: 'b' }))).to.deep.equal([200]);
  });

  describe('has nobody rung any more by then', () => {
    const edge = 'sip:edge.example.net;lr';
    beforeEach(async () => {
      await bobRegisters(scene, 1);
      const headers = [`Path: <${edge}>`, 'Supported: path'];
      await scene.registers('bob', AT.sbc, { callId: 'sbc', contact: '<sip:bob@10.99.0.1>', headers });
      scene.names.set(edge, ['198.51.100.21', '198.51.100.22']);
    });

    it('whose name was still being looked up', async () => {
      const hop = scene.hop('UDP', AT.ss1.primary, 5060) as Hop;
      scene.core.incoming.receive(callToBob(), hop);
      const [first, ...others] = requests(scene.takes()) as [Sent];
      expect(others).to.deep.equal([]);
      expect(requests(await answered(scene, first, 200))).to.deep.equal([]);
    });

    it('at the next address of a name, if the first one says 503 to the CANCEL’s INVITE', async () => {
      const [first, second] = (await rings(scene)) as Two;
      await answered(scene, second, 100);
      expect(requests(await answered(scene, first, 200)).map((s) => s.message.method)).to.deep.equal(['CANCEL']);
      expect(requests(await answered(scene, second, 503)).map((s) => s.message.method)).to.deep.equal(['ACK']);
    });
  });

  it('says nothing more to a failure that comes after a 2xx', async () => {
    await bobRegisters(scene, 2);
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, first, 200);
    const sent = await answered(scene, second, 486);
    expect([statusesOf(sent), requests(sent).map((s) => s.message.method)]).to.deep.equal([[], ['ACK']]);
  });

  it('is ended by a 6xx: the others are cancelled, and the 6xx goes back when they have answered', async () => {
    await bobRegisters(scene, 2);
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, second, 180);
    const sent = await answered(scene, first, 603);
    const [cancelled] = requests(sent, 'CANCEL');
    expect([statusesOf(sent), cancelled?.hop.address]).to.deep.equal([[], second.hop.address]);
    expect(cancelled?.message.value(Header.Reason)).to.match(/cause=603\b/);
    expect(statusesOf(await answered(scene, second, 487))).to.deep.equal([603]);
  });

  it('is ended by a 6xx at once where the other is still being looked up: that one is not rung any more', async () => {
    await bobRegisters(scene, 1);
    const headers = ['Path: <sip:edge.example.net;lr>', 'Supported: path'];
    await scene.registers('bob', AT.sbc, { callId: 'sbc', contact: '<sip:bob@10.99.0.1>', headers });
    scene.names.set('sip:edge.example.net;lr', ['198.51.100.21']);
    scene.core.incoming.receive(callToBob(), scene.hop('UDP', AT.ss1.primary, 5060) as Hop);
    const [first] = requests(scene.takes()) as [Sent];
    scene.core.incoming.receive(respond(first.message, 603), first.hop);
    const sent = scene.takes();
    expect([statusesOf(sent), requests(sent).map((s) => s.message.method)]).to.deep.equal([[603], ['ACK']]);
    await scene.settled();
    expect(scene.takes()).to.deep.equal([]);
    expect(scene.core.pendingCopies).to.equal(0);
  });

  it('takes a 2xx even after a 6xx', async () => {
    await bobRegisters(scene, 2);
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, second, 180);
    await answered(scene, first, 600);
    expect(statusesOf(await answered(scene, second, 200))).to.deep.equal([200]);
  });

  const better: readonly (readonly [worse: number, best: number, why: string])[] = [
    [486, 404, 'the lowest of a class'],
    [500, 486, '4xx before 5xx'],
    [302, 486, '3xx before 4xx'],
    [302, 401, '3xx before a challenge, too'],
    [486, 487, 'what was not asked for by CANCEL counts as any other'],
    [404, 401, 'a challenge before what only says no'],
    [404, 407, "a proxy's challenge before what only says no"],
    [404, 415, 'what the caller can change'],
    [480, 484, 'an address to complete'],
    [486, 603, '6xx before all'],
    [503, 500, 'anything before 503'],
  ];
  for (const [one, other, why] of better) {
    const best = one === 302 || other === 487 ? one : other;
    for (const order of [
      [one, other],
      [other, one],
    ] as const) {
      it(`of ${order[0]} and then ${order[1]} passes ${best} on: ${why}`, async () => {
        await bobRegisters(scene, 2);
        const forks = (await rings(scene)) as Two;
        const first = await answered(scene, forks[0], order[0]);
        const second = await answered(scene, forks[1], order[1]);
        expect(statusesOf([...first, ...second])).to.deep.equal([best]);
      });
    }
  }

  it('makes 500 of a 503 that is all there is: its next hop would think that it meant the proxy (16.7 step 6)', async () => {
    await bobRegisters(scene, 2);
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, first, 503);
    expect(statusesOf(await answered(scene, second, 503))).to.deep.equal([500]);
  });

  it('passes the 487 on that was asked for by CANCEL, whoever was busy or wanted credentials', async () => {
    await bobRegisters(scene, 3);
    const given = { callId: 'c', fromTag: 'f', branch: 'z9hG4bKc' };
    const forks = (await rings(scene, given)) as Three;
    await answered(scene, forks[0], 486);
    await answered(scene, forks[1], 401);
    await answered(scene, forks[2], 180);
    await scene.receives(request('CANCEL', { ...given, uri: 'sip:bob@example.com', ...server }), AT.ss1.primary);
    expect(statusesOf(await answered(scene, forks[2], 487))).to.deep.equal([487]);
  });

  it('adds up the challenges of all branches in a 401 or 407, as they came (16.7 step 7)', async () => {
    await bobRegisters(scene, 3);
    const [first, second, third] = (await rings(scene)) as Three;
    const digest = (realm: string): string => `Digest realm="${realm}", nonce="n,${realm}"`;
    await answered(scene, first, 401, { headers: [`WWW-Authenticate: ${digest('a')}`] });
    await answered(scene, second, 407, {
      headers: [`Proxy-Authenticate: ${digest('b')}`, `WWW-Authenticate: ${digest('c')}`],
    });
    const [answer] = answers(await answered(scene, third, 401, { headers: [`www-authenticate:  ${digest('d')}`] }));
    expect(answer?.message.status).to.equal(401);
    expect(answer?.message.values(Header.WwwAuthenticate)).to.have.members(['a', 'c', 'd'].map(digest));
    expect(answer?.message.values(Header.ProxyAuthenticate)).to.deep.equal([digest('b')]);
  });

  it('adds no challenge to an answer that is none', async () => {
    await bobRegisters(scene, 3);
    const forks = (await rings(scene)) as Three;
    const challenge = { headers: ['WWW-Authenticate: Digest realm="a", nonce="n"'] };
    await answered(scene, forks[0], 401, challenge);
    await answered(scene, forks[1], 401, challenge);
    const [answer] = answers(await answered(scene, forks[2], 600));
    expect([answer?.message.status, answer?.message.has(Header.WwwAuthenticate)]).to.deep.equal([600, false]);
  });

  it('counts a phone that says nothing in 32 s as 408', async () => {
    await bobRegisters(scene, 2);
    const [first] = (await rings(scene)) as Two;
    await answered(scene, first, 486);
    expect(statusesOf(await scene.passes(32_200))).to.deep.equal([408]);
  });

  it('sends MESSAGE to every phone and passes one 2xx on', async () => {
    await bobRegisters(scene, 2);
    const text = request('MESSAGE', { uri: 'sip:bob@example.com', sentBy: `${AT.ss1.primary}:5060` });
    const [first, second] = requests(await scene.receives(text, AT.ss1.primary)) as Two;
    expect(statusesOf(await answered(scene, first, 200))).to.deep.equal([200]);
    expect(statusesOf(await answered(scene, second, 200))).to.deep.equal([]);
  });
});

describe('RFC 3261 16.6: forking in sequence', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
    scene = await stage({ registration: { ...scene.config.registration, forking: 'Sequential' } });
  });
  const at = (sent: readonly Sent[]): string[] => requests(sent, 'INVITE').map((s) => s.hop.address);

  it('rings by q, the highest first, one at a time', async () => {
    await bobRegisters(scene, 3, ['0.1', '0.9', '0.5']);
    const first = await rings(scene);
    expect(at(first)).to.deep.equal([BOB_AT[1]]);
    const second = await answered(scene, first[0] as Sent, 486);
    expect([at(second), statusesOf(second)]).to.deep.equal([[BOB_AT[2]], []]);
    const third = await answered(scene, requests(second, 'INVITE')[0] as Sent, 480);
    expect(at(third)).to.deep.equal([BOB_AT[0]]);
    expect(statusesOf(await answered(scene, requests(third, 'INVITE')[0] as Sent, 404))).to.deep.equal([404]);
  });

  it('goes on to the next when one rings for 20 s: that one is cancelled', async () => {
    await bobRegisters(scene, 2, ['0.9', '0.5']);
    const [first] = (await rings(scene)) as [Sent];
    await answered(scene, first, 180);
    expect(await scene.passes(19_000)).to.deep.equal([]);
    const sent = distinct(await scene.passes(1_500));
    expect(at(sent)).to.deep.equal([BOB_AT[1]]);
    expect(requests(sent, 'CANCEL').map((s) => s.hop.address)).to.deep.equal([BOB_AT[0]]);
    expect(statusesOf(sent)).to.deep.equal([]);
  });

  it('goes on to the next when one does not even say 100', async () => {
    await bobRegisters(scene, 2, ['0.9', '0.5']);
    await rings(scene);
    expect(at(await scene.passes(20_500))).to.include(BOB_AT[1]);
  });

  it('lets the last one ring', async () => {
    await bobRegisters(scene, 2, ['0.9', '0.5']);
    const [first] = (await rings(scene)) as [Sent];
    const [last] = requests(await answered(scene, first, 486), 'INVITE') as [Sent];
    await answered(scene, last, 180);
    expect(statusesOf(await scene.passes(60_000))).to.deep.equal([]);
    expect(statusesOf(await answered(scene, last, 200))).to.deep.equal([200]);
  });

  it('takes the 200 of one that was picked up as it was given up, and cancels the next', async () => {
    await bobRegisters(scene, 2, ['0.9', '0.5']);
    const [first] = (await rings(scene)) as [Sent];
    await answered(scene, first, 180);
    const next = requests(await scene.passes(20_500), 'INVITE')[0] as Sent;
    await answered(scene, next, 180);
    const sent = await answered(scene, first, 200);
    expect(statusesOf(sent)).to.deep.equal([200]);
    expect(requests(sent, 'CANCEL').map((s) => s.hop.address)).to.deep.equal([next.hop.address]);
  });

  it('ends with a 6xx: nobody else is rung', async () => {
    await bobRegisters(scene, 2, ['0.9', '0.5']);
    const [first] = (await rings(scene)) as [Sent];
    const sent = await answered(scene, first, 603);
    expect([at(sent), statusesOf(sent)]).to.deep.equal([[], [603]]);
  });

  it('ends with a CANCEL: nobody else is rung', async () => {
    await bobRegisters(scene, 2, ['0.9', '0.5']);
    const given = { callId: 'c', fromTag: 'f', branch: 'z9hG4bKc' };
    const [first] = (await rings(scene, given)) as [Sent];
    await answered(scene, first, 180);
    const cancel = callToBob(given)
      .replace(/^INVITE/, 'CANCEL')
      .replace('1 INVITE', '1 CANCEL');
    await scene.receives(cancel, AT.ss1.primary);
    const sent = await answered(scene, first, 487);
    expect([at(sent), statusesOf(sent)]).to.deep.equal([[], [487]]);
  });

  it('tries the next phone for a MESSAGE while its sender still waits', async () => {
    await bobRegisters(scene, 2, ['0.9', '0.5']);
    const text = request('MESSAGE', { uri: 'sip:bob@example.com', sentBy: `${AT.ss1.primary}:5060` });
    await scene.receives(text, AT.ss1.primary);
    const next = requests(await scene.passes(12_000), 'MESSAGE').find((s) => s.hop.address === BOB_AT[1]);
    expect(statusesOf(await answered(scene, next as Sent, 200))).to.deep.equal([200]);
  });

  it('with Newest rings the phone that registered last, and no other', async () => {
    scene = await stage({ registration: { ...scene.config.registration, forking: 'Newest' } });
    await bobRegisters(scene, 1);
    await scene.passes(1_000);
    await scene.registers('bob', BOB_AT[1], { callId: 'later', contact: `<sip:bob@${BOB_AT[1]}:5060>` });
    const forks = await rings(scene);
    expect(at(forks)).to.deep.equal([BOB_AT[1]]);
    expect(statusesOf(await answered(scene, forks[0] as Sent, 486))).to.deep.equal([486]);
  });
});

describe('RFC 3261 16.8: Timer C', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
    await bobRegisters(scene, 2);
  });

  it('ends what rang for three minutes without another word: CANCEL, and 408 to the caller', async () => {
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, second, 486);
    await answered(scene, first, 180);
    expect(await scene.passes(180_000)).to.deep.equal([]);
    const sent = distinct(await scene.passes(6_000));
    expect(statusesOf(sent)).to.deep.equal([408]);
    expect(requests(sent, 'CANCEL').map((s) => s.hop.address)).to.deep.equal([first.hop.address]);
    const late = await answered(scene, first, 487);
    expect([statusesOf(late), requests(late).map((s) => s.message.method)]).to.deep.equal([[], ['ACK']]);
  });

  for (const seconds of [1, 20])
    it(`passes on the 2xx of a phone that was picked up as it was given up, ${seconds} s after the 408`, async () => {
      const given = { callId: 'late', fromTag: 'f', branch: 'z9hG4bKlate' };
      const [first, second] = (await rings(scene, given)) as Two;
      await answered(scene, second, 486);
      await answered(scene, first, 180);
      const refused = answers(await scene.passes(186_000))[0] as Sent;
      const toTag = refused.message.toTag;
      await scene.receives(
        ack({ ...given, ...server, uri: 'sip:bob@example.com', to: 'bob', toTag, cseq: 1 }),
        AT.ss1.primary,
      );
      await scene.passes(seconds * 1_000);
      expect(statusesOf(await answered(scene, first, 200))).to.deep.equal([200]);
      expect(statusesOf(await answered(scene, first, 200))).to.deep.equal([200]);
    });

  it('begins again with every provisional but 100', async () => {
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, second, 486);
    await answered(scene, first, 180);
    await scene.passes(150_000);
    await answered(scene, first, 182);
    expect(requests(await scene.passes(150_000))).to.deep.equal([]);
    await answered(scene, first, 100);
    expect(statusesOf(distinct(await scene.passes(40_000)))).to.deep.equal([408]);
  });

  it('runs for each phone apart: one that keeps saying 182 does not keep another ringing', async () => {
    const [first, second] = (await rings(scene)) as Two;
    await answered(scene, second, 180);
    const cancelled: string[] = [];
    for (let i = 0; i < 3; i++) {
      await answered(scene, first, 182);
      cancelled.push(...requests(await scene.passes(70_000), 'CANCEL').map((s) => s.hop.address));
    }
    expect(new Set(cancelled)).to.deep.equal(new Set([second.hop.address]));
    expect(statusesOf(await answered(scene, first, 200))).to.deep.equal([200]);
  });
});
