import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { request } from '../../builders.ts';
import {
  AT,
  aliceCalls,
  answered,
  answers,
  bobRegisters,
  requestIn,
  requests,
  rings,
  type Scene,
  stage,
  statusesOf,
} from '../cast.ts';

const alice = { sentBy: `${AT.alice}:5060` };
const server = { sentBy: `${AT.ss1.primary}:5060` };

describe('RFC 3261 9 and 16.10: CANCEL', () => {
  let scene: Scene;
  const given = { ...alice, callId: 'c', fromTag: 'f', branch: 'z9hG4bKc', to: 'bob', uri: 'sip:bob@example.com' };
  const cancel = (headers: readonly string[] = []): string => request('CANCEL', { ...given, headers });
  beforeEach(async () => {
    scene = await stage();
  });

  it('is answered 200 at once, and the INVITE 487 when the pair has said so', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const sent = await scene.receives(cancel(), AT.alice);
    expect(statusesOf(sent)).to.deep.equal([200]);
    expect(answers(sent)[0]?.message.method).to.equal('CANCEL');
    const final = await answered(scene, asked, 487);
    expect([statusesOf(final), answers(final)[0]?.message.method]).to.deep.equal([[487], 'INVITE']);
  });

  it('goes on with the branch, Request-URI, tags and number of its INVITE, and a Via alone', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const [sent] = requests(await scene.receives(cancel(), AT.alice), 'CANCEL');
    expect(sent?.hop).to.equal(asked.hop);
    expect(sent?.message).to.include({ uri: asked.message.uri, callId: 'c', fromTag: 'f', toTag: '', cseq: 1 });
    expect(sent?.message.values(Header.Via)).to.deep.equal(asked.message.values(Header.Via).slice(0, 1));
  });

  it('has the Reason on that it came with (RFC 3326)', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const reasons = ['Q.850;cause=16;text="Terminated"', 'SIP ;cause=600 ;text="Busy Everywhere"'];
    const [sent] = requests(await scene.receives(cancel(reasons.map((r) => `Reason: ${r}`)), AT.alice), 'CANCEL');
    expect(sent?.message.values(Header.Reason)).to.deep.equal(reasons);
  });

  it('waits for a provisional response, and has its Reason still', async () => {
    const asked = await aliceCalls(scene, given);
    expect(requests(await scene.receives(cancel(['Reason: SIP;cause=487']), AT.alice), 'CANCEL')).to.deep.equal([]);
    const [sent] = requests(await answered(scene, asked, 100), 'CANCEL');
    expect(sent?.message.value(Header.Reason)).to.equal('SIP;cause=487');
  });

  it('that crosses a 200 changes nothing: the call is up, and the phone must hang up', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    await scene.receives(cancel(), AT.alice);
    expect(statusesOf(await answered(scene, asked, 200))).to.deep.equal([200]);
  });

  it('that comes after the 200 is answered 200 and goes nowhere', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 200);
    const sent = await scene.receives(cancel(), AT.alice);
    expect([statusesOf(sent), requests(sent)]).to.deep.equal([[200], []]);
  });

  it('is absorbed when it comes again', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    await scene.receives(cancel(), AT.alice);
    const again = await scene.receives(cancel(), AT.alice);
    expect([statusesOf(again), requests(again)]).to.deep.equal([[200], []]);
  });

  it('that nobody answers still ends the call with 487, after 32 s', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const [ok] = answers(await scene.receives(cancel(), AT.alice));
    const ended = answers(await scene.passes(33_000));
    expect(new Set(statusesOf(ended))).to.deep.equal(new Set([487]));
    // RFC 3261 9.2
    expect(ended[0]?.message.toTag).to.equal(ok?.message.toTag);
  });

  for (const [dialog, toTag] of [
    ['a new call', ''],
    ['a re-INVITE', 'bob-tag'],
  ] as const)
    it(`of ${dialog} that turns out not to have got to its pair sends it to no other server`, async () => {
      const asked = await aliceCalls(scene, { ...given, toTag });
      await scene.receives(request('CANCEL', { ...given, toTag }), AT.alice);
      scene.layer.transportError(asked.hop);
      await scene.settled();
      const sent = scene.takes();
      expect([statusesOf(sent), requests(sent)]).to.deep.equal([[487], []]);
    });

  it('ends at once what has gone nowhere yet, since its next hop is still being looked up', async () => {
    const trunk = 'sip:bob@trunk.example.net';
    scene.names.set(trunk, ['198.51.100.21']);
    const call = { ...given, uri: trunk, to: 'bob', sentBy: `${AT.ss1.primary}:5060` };
    const hop = scene.hop('UDP', AT.ss1.primary, 5060) as Hop;
    scene.core.incoming.receive(request('INVITE', call), hop);
    scene.core.incoming.receive(request('CANCEL', call), hop);
    const sent = answers(scene.takes());
    expect(sent.map(({ message }) => `${message.status} ${message.method}`)).to.deep.equal([
      '200 CANCEL',
      '487 INVITE',
    ]);
    await scene.settled();
    expect(requests(scene.takes())).to.deep.equal([]);
  });

  it('cancels every phone that rings', async () => {
    await bobRegisters(scene, 3);
    const call = { ...given, ...server };
    const forks = await rings(scene, call);
    for (const fork of forks) await answered(scene, fork, 180);
    const sent = await scene.receives(request('CANCEL', call), AT.ss1.primary);
    expect(requests(sent, 'CANCEL').map((s) => s.hop.address)).to.have.members(forks.map((s) => s.hop.address));
  });

  it('of an INVITE of RFC 2543 is matched without a branch', async () => {
    const via = [`SIP/2.0/UDP ${AT.alice}:5060`];
    const asked = await aliceCalls(scene, { ...given, via });
    await answered(scene, asked, 180);
    const sent = await scene.receives(request('CANCEL', { ...given, via }), AT.alice);
    expect([statusesOf(sent), requests(sent, 'CANCEL').length]).to.deep.equal([[200], 1]);
  });

  it('is not passed on to anything but an INVITE', async () => {
    const message = { ...given, cseq: 1 };
    const asked = requestIn(await scene.receives(request('MESSAGE', message), AT.alice));
    expect(statusesOf(await scene.receives(cancel(), AT.alice))).to.deep.equal([481]);
    expect(statusesOf(await answered(scene, asked, 200))).to.deep.equal([200]);
  });
});
