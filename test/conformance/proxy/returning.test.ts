import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { bye, invite, request, respond } from '../../builders.ts';
import {
  AT,
  aliceCalls,
  answered,
  answers,
  requestIn,
  requests,
  rings,
  type Scene,
  type Sent,
  stage,
  statusesOf,
} from '../cast.ts';

const sentBy = `${AT.alice}:5060`;
const lengthless = (text: string): string => text.replace(/Content-Length: \d+\r\n/, '');

describe('RFC 3261 16.7: a response on its way back', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  it('loses our Via and nothing else', async () => {
    const asked = await aliceCalls(scene);
    const odd = ['X-Odd :  kept  as it is', 'cONTACT:<sip:bob@192.0.2.12>', 'Record-Route: <sip:a;lr>,<sip:b;lr>'];
    const text = respond(asked.message, 183, { headers: odd, body: 'v=0\r\n\0binary\r\n\r\n' });
    const [answer] = answers(await scene.receives(text, asked.hop.address));
    expect(answer?.text).to.equal(text.replace(/Via: .*\r\n/, ''));
  });

  it('loses our Via alone where several share a line', async () => {
    const asked = await aliceCalls(scene);
    const vias = asked.message.values(Header.Via);
    const text = respond(asked.message, 200).replace(/(Via: .*\r\n)+/, `v: ${vias.join(' , ')}\r\n`);
    const [answer] = answers(await scene.receives(text, asked.hop.address));
    expect(answer?.message.values(Header.Via)).to.deep.equal(vias.slice(1));
  });

  const unreadable = ['X Odd: 1', 'no colon', ': no name', 'P-Asserted-Identity\0: <sip:boss@example.com>'];

  it('keeps lines that nobody can read, where all that matters can be read: else a call would be lost for them', async () => {
    const asked = await aliceCalls(scene);
    const text = respond(asked.message, 200, { headers: unreadable, body: 'v=0\r\n' });
    const [answer] = answers(await scene.receives(text, asked.hop.address));
    expect(answer?.text).to.equal(text.replace(/Via: .*\r\n/, ''));
  });

  it('loses such lines where it comes from a phone: others may read in them whose call that is (RFC 3325)', async () => {
    await scene.registers('bob', AT.bob);
    const [asked] = (await rings(scene)) as [Sent];
    const clean = respond(asked.message, 200, { headers: ['X-Odd: 1'], body: 'v=0\r\n' });
    const text = clean.replace('X-Odd', () => `${unreadable.join('\r\n')}\r\nX-Odd`);
    const [answer] = answers(await scene.receives(text, AT.bob));
    expect(answer?.text).to.equal(clean.replace(/Via: .*\r\n/, ''));
  });

  it('is dropped where its lines end as no line does, or what matters can not be read', async () => {
    const asked = await aliceCalls(scene);
    const text = respond(asked.message, 200, { headers: ['no colon'] });
    for (const bad of [
      text.replace('no colon', 'no\rcolon'),
      text.replace('CSeq:', 'CSeq'),
      text.replace('CSeq:', 'C Seq:'),
    ])
      expect(await scene.receives(bad, asked.hop.address)).to.deep.equal([]);
  });

  it('keeps whatever tags its user agent made of To: SIPp adds its own to the one that is there', async () => {
    const asked = await aliceCalls(scene);
    for (const [status, tags] of [
      [180, ';tag=b;tag=b'],
      [183, ';tag=b;tag=c'],
      [486, ';tag='],
    ] as const) {
      const text = respond(asked.message, status, { toTag: 'b' }).replace(';tag=b', tags);
      const [answer] = answers(await scene.receives(text, asked.hop.address));
      expect(answer?.text, tags).to.equal(text.replace(/Via: .*\r\n/, ''));
    }
  });

  const alone = (text: string): string => text.replace(/(Via: .*\r\n)+/, (vias) => `${vias.split('\r\n')[0]}\r\n`);

  it('gets the Vias of its request where only ours has come back (step 3)', async () => {
    const asked = await aliceCalls(scene);
    for (const status of [180, 200, 200]) {
      const whole = respond(asked.message, status, { toTag: 'bob' });
      const sent = answers(await scene.receives(alone(whole), asked.hop.address));
      expect(statusesOf(sent)).to.deep.equal([status]);
      expect(sent[0]?.message.values(Header.Via)).to.deep.equal(asked.message.values(Header.Via).slice(1));
    }
    expect(scene.core.counts.viasGivenBack).to.equal(3);
  });

  it('goes no further with our Via alone where it answers nothing (step 3)', async () => {
    const asked = await aliceCalls(scene);
    const stray = alone(respond(asked.message, 200)).replace(/branch=\S+/, 'branch=z9hG4bKnobody');
    expect(await scene.receives(stray, asked.hop.address)).to.deep.equal([]);
    expect(scene.core.counts.strayResponses).to.equal(1);
  });

  it('gets its length where it goes on by a stream, which can be cut by nothing else (18.3)', async () => {
    const connection = scene.phoneStream(5, AT.alice, 40_000);
    const text = invite({ sentBy, transport: 'TCP' });
    const asked = requestIn(await scene.receives(text, AT.alice, 40_000, 'TCP', connection));
    const response = lengthless(respond(asked.message, 200, { body: 'v=0\r\n' }));
    const [answer] = answers(await scene.receives(response, asked.hop.address));
    expect(answer?.message.value(Header.ContentLength)).to.equal('5');
    expect(answer?.message.body).to.equal('v=0\r\n');
  });

  it('keeps having none where it goes on by datagrams', async () => {
    const asked = await aliceCalls(scene);
    const response = lengthless(respond(asked.message, 200));
    const [answer] = answers(await scene.receives(response, asked.hop.address));
    expect(answer?.message.has(Header.ContentLength)).to.equal(false);
  });

  it('is matched by its branch, whatever address it comes from', async () => {
    const asked = await aliceCalls(scene);
    expect(statusesOf(await scene.receives(respond(asked.message, 180), '203.0.113.7', 9999))).to.deep.equal([180]);
  });

  it('with another method than its request is nobody’s', async () => {
    const asked = await aliceCalls(scene);
    const other = respond(asked.message, 200).replace('1 INVITE', '1 BYE');
    expect(await scene.receives(other, asked.hop.address)).to.deep.equal([]);
  });

  it('of a branch that never was is dropped', async () => {
    const asked = await aliceCalls(scene);
    const text = respond(asked.message, 180).replace(asked.message.via.branch, 'z9hG4bKnever');
    expect(await scene.receives(text, asked.hop.address)).to.deep.equal([]);
  });

  it('of 101 to 199 is passed on, 100 is not', async () => {
    const asked = await aliceCalls(scene);
    for (const status of [180, 181, 182, 183, 199])
      expect(statusesOf(await answered(scene, asked, status))).to.deep.equal([status]);
    expect(await answered(scene, asked, 100)).to.deep.equal([]);
  });

  it('of a class that nobody has heard of the members of is passed on as it is', async () => {
    const asked = await aliceCalls(scene);
    const [answer] = answers(await answered(scene, asked, 499, { reason: 'Odd' }));
    expect([answer?.message.status, answer?.message.reason]).to.deep.equal([499, 'Odd']);
  });

  describe('as a 2xx to INVITE', () => {
    it('is passed on each time that it comes again', async () => {
      const asked = await aliceCalls(scene);
      for (let i = 0; i < 3; i++) expect(statusesOf(await answered(scene, asked, 200))).to.deep.equal([200]);
    });

    it('is passed on without state when its transaction is long gone (16.7 step 1)', async () => {
      const asked = await aliceCalls(scene);
      await answered(scene, asked, 200);
      await scene.passes(70_000);
      expect(scene.layer.idle).to.equal(true);
      const [late] = answers(await answered(scene, asked, 200));
      expect([late?.message.status, late?.hop.address, late?.hop.port]).to.deep.equal([200, AT.alice, 5060]);
    });
  });

  describe('as a failure of an INVITE', () => {
    it('is acknowledged at once, with its To tag, and again when it comes again', async () => {
      const asked = await aliceCalls(scene);
      const sent = await answered(scene, asked, 486, { toTag: 'busy' });
      const [acknowledged] = requests(sent, 'ACK');
      expect(acknowledged?.message).to.include({ toTag: 'busy', cseq: 1, uri: asked.message.uri });
      expect(acknowledged?.message.via.branch).to.equal(asked.message.via.branch);
      expect(acknowledged?.hop).to.equal(asked.hop);
      const again = await answered(scene, asked, 486, { toTag: 'busy' });
      expect([statusesOf(again), requests(again, 'ACK').length]).to.deep.equal([[], 1]);
    });

    it('is sent again to a UDP phone until that acknowledges it, for 32 s', async () => {
      const given = { sentBy, callId: 'c', fromTag: 'f', branch: 'z9hG4bKone' };
      const asked = await aliceCalls(scene, given);
      await answered(scene, asked, 486);
      expect(statusesOf(await scene.passes(4_000))).to.deep.equal([486, 486, 486]);
      await scene.receives(request('ACK', { ...given, toTag: 'to-1' }), AT.alice);
      expect(await scene.passes(40_000)).to.deep.equal([]);
    });
  });

  describe('of another method', () => {
    it('is passed on once, and sent again when the request comes again', async () => {
      const text = request('MESSAGE', { sentBy });
      const asked = requestIn(await scene.receives(text, AT.alice));
      expect(statusesOf(await answered(scene, asked, 202))).to.deep.equal([202]);
      expect(statusesOf(await answered(scene, asked, 202))).to.deep.equal([]);
      expect(statusesOf(await scene.receives(text, AT.alice))).to.deep.equal([202]);
    });

    it('is never a 408, whoever says it: its sender has given up at the same time (RFC 4320 4.2)', async () => {
      const asked = requestIn(await scene.receives(request('MESSAGE', { sentBy }), AT.alice));
      expect(await answered(scene, asked, 408)).to.deep.equal([]);
      await scene.receives(request('MESSAGE', { sentBy }), AT.alice);
      expect(statusesOf(await scene.passes(64_000)).filter((status) => status >= 200)).to.deep.equal([]);
    });

    it('is not a 1xx, but a 100 of our own after 3.5 s (RFC 4320 4.1)', async () => {
      const asked = requestIn(await scene.receives(request('MESSAGE', { sentBy }), AT.alice));
      expect(await answered(scene, asked, 183)).to.deep.equal([]);
      const sent = await scene.passes(3_600);
      expect(sent.filter((s) => !s.message.isRequest).map((s) => s.message.status)).to.deep.equal([100]);
    });

    it('is not sent after 32 s: it would match nothing (RFC 4321)', async () => {
      const asked = requestIn(await scene.receives(bye({ sentBy, toTag: 'x' }), AT.alice));
      await scene.passes(33_000);
      expect(await answered(scene, asked, 200)).to.deep.equal([]);
    });
  });
});
