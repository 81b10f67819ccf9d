import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { ack, bye, cancel, invite, register, request, respond } from '../../builders.ts';
import {
  AT,
  answered,
  answers,
  bobRegisters,
  requestIn,
  requests,
  type Scene,
  type Sent,
  stage,
  statusesOf,
} from '../cast.ts';

const atAlice = `${AT.alice}:5060`;

describe('RFC 3665 2: registration', () => {
  let scene: Scene;
  const phone = { from: 'bob', sentBy: `${AT.bob}:5060`, callId: 'reg', fromTag: 'r' };
  const challenge = 'Digest realm="example.com", nonce="ea9c8e88df84f1cec4341ae6cbe5a359", opaque="", qop="auth"';
  const contactsOf = (): string[] => scene.replica.bindings('bob@example.com', scene.time).map((b) => b.contact);
  const asks = async (given: Parameters<typeof register>[0]): Promise<Sent> =>
    requestIn(await scene.receives(register({ ...phone, ...given }), AT.bob));
  beforeEach(async () => {
    scene = await stage();
  });

  it('2.1 is challenged, repeated with credentials and granted', async () => {
    const first = await asks({ cseq: 1 });
    const [refused] = answers(await answered(scene, first, 401, { headers: [`WWW-Authenticate: ${challenge}`] }));
    expect(refused?.message.value(Header.WwwAuthenticate)).to.equal(challenge);
    expect(contactsOf()).to.deep.equal([]);
    const credentials = 'Digest username="bob", realm="example.com", nonce="ea", uri="sip:example.com", response="x"';
    const second = await asks({ cseq: 2, headers: [`Authorization: ${credentials}`] });
    expect(second.message.value(Header.Authorization)).to.equal(credentials);
    expect(second.hop.address, 'the same pair, which knows its nonce').to.equal(first.hop.address);
    expect(statusesOf(await answered(scene, second, 200))).to.deep.equal([200]);
    expect(contactsOf()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
  });

  it('2.2 adds a second contact beside the first, and one that is no telephone is for the server alone', async () => {
    await answered(scene, await asks({ cseq: 1 }), 200);
    await answered(scene, await asks({ cseq: 2, contacts: ['<mailto:bob@example.com>'] }), 200);
    await answered(scene, await asks({ cseq: 3, contacts: [`<sip:bob-mobile@${AT.bob}:5060>;q=0.5`] }), 200);
    expect(contactsOf()).to.have.members([`sip:bob@${AT.bob}:5060`, `sip:bob-mobile@${AT.bob}:5060`]);
  });

  it('2.3 asks what is registered, which changes nothing', async () => {
    await answered(scene, await asks({ cseq: 1 }), 200);
    const headers = [`Contact: <sip:bob@${AT.bob}:5060>;expires=3600`];
    const sent = await answered(scene, await asks({ cseq: 2, contacts: [] }), 200, { headers });
    expect(answers(sent)[0]?.message.values(Header.Contact)).to.have.length(1);
    expect(contactsOf()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
  });

  it('2.4 is cancelled by *', async () => {
    await answered(scene, await asks({ cseq: 1 }), 200);
    await answered(scene, await asks({ cseq: 2, contacts: ['*'], expires: 0 }), 200);
    expect(contactsOf()).to.deep.equal([]);
  });

  it('2.5 is refused for good with 403 or 404', async () => {
    for (const status of [403, 404]) {
      const asked = await asks({ cseq: status });
      expect(statusesOf(await answered(scene, asked, status))).to.deep.equal([status]);
    }
    expect(contactsOf()).to.deep.equal([]);
  });
});

/** alice calls through the proxy, and her server, a B2BUA, calls bob through it; `heard` is what alice's phone gets. */
class Call {
  readonly scene: Scene;
  readonly alice = { callId: 'leg-a', fromTag: 'a', sentBy: atAlice, branch: 'z9hG4bKa' };
  readonly bob: { callId: string; fromTag: string; sentBy: string; branch: string };
  readonly toServer: Sent;
  readonly toBob: Sent;

  private constructor(scene: Scene, toServer: Sent, toBob: Sent, bob: Call['bob']) {
    this.scene = scene;
    this.toServer = toServer;
    this.toBob = toBob;
    this.bob = bob;
  }

  static async begin(scene: Scene, given: Parameters<typeof invite>[0] = {}): Promise<Call> {
    const alice = { callId: 'leg-a', fromTag: 'a', sentBy: atAlice, branch: 'z9hG4bKa' };
    const toServer = requestIn(
      await scene.receives(invite({ ...alice, uri: 'sip:bob@example.com', ...given }), AT.alice),
    );
    const member = toServer.hop.address;
    const bob = { callId: 'leg-b', fromTag: 'b', sentBy: `${member}:5060`, branch: 'z9hG4bKb' };
    const toBob = requestIn(
      await scene.receives(invite({ ...bob, uri: 'sip:bob@example.com', from: 'alice', ...given }), member),
    );
    return new Call(scene, toServer, toBob, bob);
  }

  get member(): string {
    return this.toServer.hop.address;
  }

  /** bob answers, and the server passes it on to alice, whose ACK comes to bob the same way. */
  async up(): Promise<void> {
    const { scene } = this;
    await answered(scene, this.toBob, 200, { contact: `<sip:bob@${AT.bob}:5060>` });
    const answer = await answered(scene, this.toServer, 200, { contact: `<sip:ss@${this.member}:5060>` });
    expect(statusesOf(answer)).to.deep.equal([200]);
    const toServer = await scene.receives(ack({ ...this.fromAlice(), branch: 'z9hG4bKack-a' }), AT.alice);
    expect(requestIn(toServer).hop.address).to.equal(this.member);
    const toBob = await scene.receives(ack({ ...this.fromServer(), branch: 'z9hG4bKack-b' }), this.member);
    expect(requestIn(toBob).hop.address).to.equal(AT.bob);
  }

  /** A later request of alice's. */
  fromAlice(): Parameters<typeof request>[1] {
    const route = this.toServer.message.values(Header.RecordRoute);
    const { callId, fromTag, sentBy } = this.alice;
    return { callId, fromTag, toTag: 'to-1', sentBy, uri: `sip:ss@${this.member}:5060`, route };
  }

  /** A later request of the server's to bob. */
  fromServer(): Parameters<typeof request>[1] {
    const route = this.toBob.message.values(Header.RecordRoute);
    const { callId, fromTag, sentBy } = this.bob;
    return { callId, fromTag, toTag: 'to-1', sentBy, from: 'alice', uri: `sip:bob@${AT.bob}:5060`, route };
  }

  /** A later request of bob's to the server: From and To change sides. */
  fromBob(): Parameters<typeof request>[1] {
    const route = this.toBob.message.values(Header.RecordRoute);
    return {
      callId: this.bob.callId,
      from: 'bob',
      fromTag: 'to-1',
      to: 'alice',
      toTag: this.bob.fromTag,
      sentBy: `${AT.bob}:5060`,
      uri: `sip:ss@${this.member}:5060`,
      route,
    };
  }
}

describe('RFC 3665 3: sessions', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
    await bobRegisters(scene, 1);
  });

  it('3.1 are set up, ringing first, and ended by either side', async () => {
    const call = await Call.begin(scene);
    expect(call.toBob.hop.address).to.equal(AT.bob);
    expect(statusesOf(await answered(scene, call.toBob, 180))).to.deep.equal([180]);
    expect(statusesOf(await answered(scene, call.toServer, 180))).to.deep.equal([180]);
    await call.up();
    const ended = requestIn(await scene.receives(bye(call.fromBob()), AT.bob));
    expect(ended.hop.address).to.equal(call.member);
    expect(statusesOf(await answered(scene, ended, 200))).to.deep.equal([200]);
    const hungUp = requestIn(await scene.receives(bye(call.fromAlice()), AT.alice));
    expect(hungUp.hop.address).to.equal(call.member);
  });

  it('3.3 are challenged by 407, acknowledged here, and tried again with credentials', async () => {
    const first = requestIn(
      await scene.receives(
        invite({ sentBy: atAlice, callId: 'p', fromTag: 'f', cseq: 1, branch: 'z9hG4bKp' }),
        AT.alice,
      ),
    );
    const headers = ['Proxy-Authenticate: Digest realm="ss", nonce="n"'];
    const sent = await answered(scene, first, 407, { headers });
    expect([statusesOf(sent), requests(sent).map((s) => s.message.method)]).to.deep.equal([[407], ['ACK']]);
    expect(answers(sent)[0]?.message.value(Header.ProxyAuthenticate)).to.equal('Digest realm="ss", nonce="n"');
    const acknowledged = ack({ sentBy: atAlice, callId: 'p', fromTag: 'f', cseq: 1, branch: 'z9hG4bKp' });
    expect(await scene.receives(acknowledged, AT.alice)).to.deep.equal([]);
    const credentials = 'Proxy-Authorization: Digest username="alice", realm="ss", nonce="n", response="x"';
    const text = invite({ sentBy: atAlice, callId: 'p', fromTag: 'f', cseq: 2, headers: [credentials] });
    const second = requestIn(await scene.receives(text, AT.alice));
    expect([second.hop.address, second.text.includes(credentials)]).to.deep.equal([first.hop.address, true]);
  });

  it('3.6 go elsewhere by 302, which is for the caller to follow', async () => {
    const call = await Call.begin(scene);
    const headers = ['Contact: <sip:bob@elsewhere.example.org>;q=0.7'];
    const [answer] = answers(await answered(scene, call.toServer, 302, { headers }));
    expect(answer?.message.values(Header.Contact)).to.deep.equal(['<sip:bob@elsewhere.example.org>;q=0.7']);
  });

  it('3.7 are changed by a re-INVITE from either side', async () => {
    const call = await Call.begin(scene);
    await call.up();
    const changed = requestIn(
      await scene.receives(request('INVITE', { ...call.fromAlice(), cseq: 2, body: 'v=0\r\n' }), AT.alice),
    );
    expect([changed.hop.address, changed.message.has(Header.RecordRoute)]).to.deep.equal([call.member, false]);
    expect(statusesOf(await answered(scene, changed, 200))).to.deep.equal([200]);
    const back = requestIn(await scene.receives(request('INVITE', { ...call.fromServer(), cseq: 2 }), call.member));
    expect(back.hop.address).to.equal(AT.bob);
  });

  it('3.8 are given up by the caller before an answer', async () => {
    const call = await Call.begin(scene);
    await answered(scene, call.toBob, 180);
    await answered(scene, call.toServer, 180);
    const given = { ...call.alice, uri: 'sip:bob@example.com' };
    const [toServer] = requests(await scene.receives(cancel(given), AT.alice), 'CANCEL');
    expect(toServer?.hop.address).to.equal(call.member);
    const [toBob] = requests(
      await scene.receives(cancel({ ...call.bob, uri: 'sip:bob@example.com', from: 'alice' }), call.member),
      'CANCEL',
    );
    expect(toBob?.hop.address).to.equal(AT.bob);
    expect(statusesOf(await answered(scene, call.toServer, 487))).to.deep.equal([487]);
  });

  for (const [section, status, what] of [
    ['3.9', 486, 'is busy'],
    ['3.11', 480, 'is away'],
    ['3.10', 408, 'does not answer'],
    ['', 603, 'declines'],
  ] as const)
    it(`${section} fail where bob ${what}: ${status} all the way`, async () => {
      const call = await Call.begin(scene);
      const back = await answered(scene, call.toBob, status);
      expect([statusesOf(back), answers(back)[0]?.hop.address]).to.deep.equal([[status], call.member]);
      expect(statusesOf(await answered(scene, call.toServer, status))).to.deep.equal([status]);
    });

  it('have reliable provisionals: PRACK goes the way of the dialog before it is up (RFC 3262)', async () => {
    const call = await Call.begin(scene, { headers: ['Require: 100rel'] });
    const headers = ['Require: 100rel', 'RSeq: 988789'];
    const [rang] = answers(await answered(scene, call.toServer, 180, { headers }));
    expect(rang?.text).to.contain('RSeq: 988789');
    const text = request('PRACK', { ...call.fromAlice(), cseq: 2, headers: ['RAck: 988789 1 INVITE'] });
    const prack = requestIn(await scene.receives(text, AT.alice));
    expect(prack.hop.address).to.equal(call.member);
    expect(statusesOf(await answered(scene, prack, 200))).to.deep.equal([200]);
  });

  it('are updated before they are up (RFC 3311)', async () => {
    const call = await Call.begin(scene);
    await answered(scene, call.toServer, 183);
    const update = requestIn(await scene.receives(request('UPDATE', { ...call.fromAlice(), cseq: 2 }), AT.alice));
    expect(update.hop.address).to.equal(call.member);
  });

  it('end in order where a re-INVITE and a BYE cross', async () => {
    const call = await Call.begin(scene);
    await call.up();
    const changed = requestIn(await scene.receives(request('INVITE', { ...call.fromAlice(), cseq: 2 }), AT.alice));
    const ended = requestIn(await scene.receives(bye({ ...call.fromBob(), cseq: 1 }), AT.bob));
    expect([changed.hop.address, ended.hop.address]).to.deep.equal([call.member, call.member]);
    expect(statusesOf(await answered(scene, ended, 200))).to.deep.equal([200]);
    expect(statusesOf(await answered(scene, changed, 481))).to.deep.equal([481]);
  });

  it('take an ACK that comes late, and an ACK that is lost and comes with the 200 again', async () => {
    const call = await Call.begin(scene);
    await answered(scene, call.toServer, 200);
    await scene.passes(20_000);
    expect(statusesOf(await answered(scene, call.toServer, 200))).to.deep.equal([200]);
    const late = requestIn(await scene.receives(ack(call.fromAlice()), AT.alice));
    expect([late.message.method, late.hop.address]).to.deep.equal(['ACK', call.member]);
  });

  it('carry a long SDP and UTF-8 as they are', async () => {
    const body = `v=0\r\n${'a=rtpmap:99 héllo/8000 ☎\r\n'.repeat(400)}`;
    const bytes = Buffer.from(body, 'utf8').toString('latin1');
    const from = Buffer.from('"Zoë ☎" <sip:alice@example.com>', 'utf8').toString('latin1');
    const sent = requestIn(await scene.receives(invite({ sentBy: atAlice, body: bytes, from }), AT.alice));
    expect(sent.message.body).to.equal(bytes);
    expect(sent.text).to.contain(from);
  });

  it('are transferred: REFER goes in the dialog, and so do its NOTIFYs', async () => {
    const call = await Call.begin(scene);
    await call.up();
    const headers = ['Refer-To: <sip:carol@example.com>'];
    const refer = requestIn(await scene.receives(request('REFER', { ...call.fromBob(), cseq: 1, headers }), AT.bob));
    expect(refer.hop.address).to.equal(call.member);
    const notify = request('NOTIFY', { ...call.fromServer(), cseq: 5, headers: ['Event: refer'] });
    expect(requestIn(await scene.receives(notify, call.member)).hop.address).to.equal(AT.bob);
  });

  it('are watched: a NOTIFY that overtakes the 200 to its SUBSCRIBE finds the phone', async () => {
    const given = { sentBy: atAlice, callId: 'sub', fromTag: 's', headers: ['Event: presence'] };
    const asked = requestIn(await scene.receives(request('SUBSCRIBE', given), AT.alice));
    const notify = request('NOTIFY', {
      sentBy: `${asked.hop.address}:5060`,
      callId: 'sub',
      from: 'bob',
      fromTag: 'n',
      to: 'alice',
      toTag: 's',
      uri: `sip:alice@${atAlice}`,
      route: asked.message.values(Header.RecordRoute),
    });
    expect(requestIn(await scene.receives(notify, asked.hop.address)).hop.address).to.equal(AT.alice);
    expect(statusesOf(await scene.receives(respond(asked.message, 200), asked.hop.address))).to.deep.equal([200]);
  });
});
