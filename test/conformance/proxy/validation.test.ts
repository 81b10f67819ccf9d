import { expect } from 'chai';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { ack, invite, options, register, request, respond } from '../../builders.ts';
import { AT, aliceCalls, answers, requestIn, requests, type Scene, stage, statusesOf } from '../cast.ts';

const sentBy = `${AT.alice}:5060`;

/** The pairs of the scene, their members reached by TCP. */
function overTcp({ config }: Scene): ProxyConfig['servers'] {
  return config.servers.map((pair) => ({
    ...pair,
    members: pair.members.map((member) => ({ ...member, transport: 'TCP' as const })),
  }));
}

describe('RFC 3261 16.3: what is taken in at all', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  /** Status and phrase of the answer that alice's phone gets; 'forwarded' or 'dropped' if there is none. */
  async function verdict(text: string): Promise<string> {
    const sent = await scene.receives(text, AT.alice);
    const [answer] = answers(sent);
    if (answer !== undefined) return `${answer.message.status} ${answer.message.reason}`;
    return requests(sent).length > 0 ? 'forwarded' : 'dropped';
  }

  describe('the Request-URI', () => {
    for (const uri of ['tel:+15551234', 'urn:service:sos', 'sips:bob@example.com', 'SIP:bob@example.com'])
      it(`${uri} from a phone goes to a pair, as it is`, async () => {
        expect((await aliceCalls(scene, { uri })).message.uri).to.equal(uri);
      });

    for (const uri of [
      'nobodyKnowsThisScheme:totallyopaquecontent',
      'soap.beep://192.0.2.103:3002',
      'http://example.com',
    ])
      it(`${uri} is answered 416`, async () => {
        expect(await verdict(invite({ sentBy, uri }))).to.equal('416 Unsupported URI Scheme');
      });

    it('of no known scheme is answered 416 to an SBC and to a server as well', async () => {
      for (const at of [AT.sbc, AT.ss1.primary]) {
        const sent = await scene.receives(invite({ uri: 'foo:bar', sentBy: `${at}:5060` }), at);
        expect(statusesOf(sent)).to.deep.equal([416]);
      }
    });

    it('may be anything where a server says by Route who understands it', async () => {
      const text = invite({ uri: 'tel:911', sentBy: `${AT.ss1.primary}:5060`, route: ['<sip:203.0.113.8;lr>'] });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([sent.hop.address, sent.message.uri]).to.deep.equal(['203.0.113.8', 'tel:911']);
    });

    it('with headers in it is answered 400', async () => {
      const uri = 'sip:bob@example.com?Subject=x';
      expect(await verdict(invite({ sentBy, uri, to: 'bob' }))).to.equal('400 Bad Request-URI');
    });

    it('too long to be one is answered 414', async () => {
      expect(await verdict(invite({ sentBy, uri: `sip:${'b'.repeat(5000)}@example.com`, to: 'bob' }))).to.equal(
        '414 Request-URI Too Long',
      );
    });
  });

  describe('Max-Forwards', () => {
    it('of 0 is answered 483, of 1 goes on as 0', async () => {
      expect(await verdict(invite({ sentBy, maxForwards: 0 }))).to.equal('483 Too Many Hops');
      expect((await aliceCalls(scene, { maxForwards: 1 })).message.maxForwards).to.equal(0);
    });

    it('of 0 in OPTIONS is answered 200: that is how traceroute works (11)', async () => {
      expect(await verdict(options({ sentBy, uri: 'sip:bob@example.com', maxForwards: 0 }))).to.equal('200 OK');
    });

    it('of 0 in OPTIONS gets what a proxy says of itself, without Allow (11.2)', async () => {
      const [answer] = answers(await scene.receives(options({ sentBy, maxForwards: 0 }), AT.alice));
      const said = ['Accept', 'Accept-Encoding', 'Accept-Language', 'Supported', 'Allow'];
      expect(said.filter((name) => answer?.text.includes(`\r\n${name}: `))).to.deep.equal(said.slice(0, 4));
    });

    it('is 70 where a phone of RFC 2543 sends none', async () => {
      const text = invite({ sentBy }).replace(/Max-Forwards: \d+\r\n/, '');
      expect(requestIn(await scene.receives(text, AT.alice)).message.maxForwards).to.equal(70);
    });

    it('that is no number is answered 400', async () => {
      expect(await verdict(invite({ sentBy }).replace('Max-Forwards: 70', 'Max-Forwards: many'))).to.equal(
        '400 Bad Max-Forwards',
      );
    });
  });

  describe('Proxy-Require', () => {
    it('is answered 420 with what it names', async () => {
      const sent = await scene.receives(
        invite({ sentBy, headers: ['Proxy-Require: foo', 'proxy-require: bar , sec-agree'] }),
        AT.alice,
      );
      const [answer] = answers(sent);
      expect([answer?.message.status, answer?.message.value(Header.Unsupported)]).to.deep.equal([
        420,
        'foo, bar, sec-agree',
      ]);
    });

    it('that names nothing asks for nothing', async () => {
      expect(await verdict(invite({ sentBy, headers: ['Proxy-Require:'] }))).to.equal('forwarded');
    });

    it('in a BYE is answered too, in an ACK it is passed by: those are never answered', async () => {
      const given = { sentBy, toTag: 'x', headers: ['Proxy-Require: foo'] };
      expect(await verdict(request('BYE', given))).to.equal('420 Bad Extension');
      expect(await verdict(ack(given))).to.equal('forwarded');
    });
  });

  describe('Require', () => {
    it('is for the user agent at the end, and passes', async () => {
      expect(await verdict(invite({ sentBy, headers: ['Require: 100rel, nothing-known'] }))).to.equal('forwarded');
    });

    it('in an OPTIONS to the proxy itself is answered 420: there it is the user agent (8.2.2.3)', async () => {
      const [answer] = answers(
        await scene.receives(options({ sentBy, headers: ['Require: nothing-known'] }), AT.alice),
      );
      expect([answer?.message.status, answer?.message.value(Header.Unsupported)]).to.deep.equal([420, 'nothing-known']);
    });

    it('in an OPTIONS to the proxy itself may name what that says it supports', async () => {
      expect(await verdict(options({ sentBy, headers: ['Require: Path, outbound'] }))).to.equal('200 OK');
      const text = options({ sentBy, headers: ['Require: path, foo', 'Require: bar'] });
      const [answer] = answers(await scene.receives(text, AT.alice));
      expect(answer?.message.value(Header.Unsupported)).to.equal('foo, bar');
    });
  });

  it('asks for the scheme first, then for hops, then for loops, then for extensions', async () => {
    const all = { sentBy, maxForwards: 0, headers: ['Proxy-Require: foo'] };
    expect(await verdict(invite({ ...all, uri: 'foo:bar' }))).to.match(/^416/);
    expect(await verdict(invite(all))).to.match(/^483/);
    expect(await verdict(invite({ ...all, maxForwards: 1 }))).to.match(/^420/);
  });

  describe('a method', () => {
    for (const method of ['PUBLISH', 'INFO', 'PRACK', 'UPDATE', 'REFER', 'NOTIFY', 'MESSAGE', 'FOO', 'invite'])
      it(`${method} is forwarded: 405 and 501 are no proxy's to say`, async () => {
        expect(await verdict(request(method, { sentBy }))).to.equal('forwarded');
      });
  });

  describe('what has a defect', () => {
    const whole = invite({ sentBy, toTag: 'x' });
    const defects: readonly (readonly [change: string, by: string | RegExp, to: string, said: string])[] = [
      ['no From', /From: .*\r\n/, '', '400 Missing From'],
      ['no To', /To: .*\r\n/, '', '400 Missing To'],
      ['no Call-ID', /Call-ID: .*\r\n/, '', '400 Missing Call-ID'],
      ['no CSeq', /CSeq: .*\r\n/, '', '400 Missing CSeq'],
      ['a From without its closing bracket', /From: <(.*)>/, 'From: <$1', '400 Bad From'],
      ['a To with an open quote', /To: </, 'To: "bob <', '400 Bad To'],
      ['a space inside the address', /To: <sip:bob@/, 'To: < sip:bob@', '400 Bad To'],
      ['two different Call-IDs', /Call-ID: /, 'Call-ID: other\r\nCall-ID: ', '400 Repeated Call-ID'],
      ['the CSeq of another method', 'CSeq: 1 INVITE', 'CSeq: 1 BYE', '400 CSeq Method Mismatch'],
      ['a CSeq above 32 bits', 'CSeq: 1 ', 'CSeq: 4294967296 ', '400 Bad CSeq'],
      ['a negative Content-Length', /Content-Length: \d+/, 'Content-Length: -1', '400 Bad Content-Length'],
      ['a Content-Length above its body', /Content-Length: \d+/, 'Content-Length: 999', '400 Bad Content-Length'],
      ['a header field without a colon', 'Max-Forwards: 70', 'Max-Forwards 70', '400 Bad Header Field'],
      ['a lone line feed', '\r\nFrom', '\nFrom', '400 Bad Line End'],
      ['another version', 'SIP/2.0\r\nVia', 'SIP/3.0\r\nVia', '505 Version Not Supported'],
      ['no version', ' SIP/2.0\r\nVia', '\r\nVia', '400 Bad Request-Line'],
      ['a Request-URI in brackets', /^INVITE (\S+)/, 'INVITE <$1>', '400 Bad Request-URI'],
      ['two spaces in the Request-Line', 'INVITE ', 'INVITE  ', '400 Bad Request-URI'],
      ['a Via that is none', /Via: SIP\/2.0\/UDP \S+?;/, 'Via: SIP/2.0/UDP ;;,;,', '400 Bad Via'],
      ['a Route that is none', 'Max-Forwards', 'Route: <sip:>\r\nMax-Forwards', '400 Bad Route'],
    ];
    for (const [change, by, to, said] of defects)
      it(`${change}, is answered ${said}`, async () => {
        const text = whole.replace(by, to);
        expect(text).to.not.equal(whole);
        expect(await verdict(text)).to.equal(said);
      });

    it('is not answered if it is a response or an ACK', async () => {
      const response = respond(whole, 200).replace('CSeq: 1', 'CSeq: one');
      expect(await verdict(response)).to.equal('dropped');
      expect(await verdict(ack({ sentBy }).replace('CSeq: 1', 'CSeq: one'))).to.equal('dropped');
      expect(await verdict(ack({ sentBy, uri: 'foo:bar', to: 'bob' }))).to.equal('dropped');
    });

    it('is not answered if it has no Via: nothing would lead the answer to its transaction', async () => {
      expect(await verdict(whole.replace(/Via: .*\r\n/, ''))).to.equal('dropped');
    });

    it('is counted by its defect', async () => {
      await verdict(whole.replace('CSeq: 1 ', 'CSeq: one '));
      await verdict(whole.replace('CSeq: 1 ', 'CSeq: one '));
      await verdict('(nonsense)\r\n\r\n');
      expect(scene.core.defects['Bad CSeq']).to.equal(2);
      expect(scene.core.defects['Bad Start Line']).to.equal(1);
      expect(scene.core.counts.unparseable).to.equal(3);
    });

    it('is refused without state: the ACK of an INVITE that was goes no further, whatever branch it has', async () => {
      const given = { sentBy, callId: 'refused', fromTag: 'f', branch: 'z9hG4bKrefused' };
      const faulty = invite({ ...given, headers: ['Max-Forwards: 70'] });
      for (const branch of [given.branch, 'z9hG4bKanother']) {
        const [answer] = answers(await scene.receives(faulty, AT.alice));
        expect(answer?.message.status).to.equal(400);
        const acknowledged = ack({ ...given, branch, toTag: answer?.message.toTag ?? '' });
        expect(await scene.receives(acknowledged, AT.alice)).to.deep.equal([]);
      }
    });

    it('is answered with a To tag, and with received and rport filled in', async () => {
      const text = whole.replace('CSeq: 1 ', 'CSeq: one ').replace(`${AT.alice}:5060`, '10.9.9.9:5060');
      const [answer] = answers(await scene.receives(text, AT.alice, 40_000));
      expect(answer?.text).to.contain(`;rport=40000;received=${AT.alice}`);
    });
  });

  describe('limits', () => {
    it('256 header fields are taken, one more is answered 400', async () => {
      const fields = (count: number): string => {
        const text = invite({ sentBy });
        const has = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n').length - 1;
        return text.replace('Max-Forwards', `${'X: 1\r\n'.repeat(count - has)}Max-Forwards`);
      };
      expect(await verdict(fields(256))).to.equal('forwarded');
      expect(await verdict(fields(257))).to.equal('400 Too Many Header Fields');
    });

    /** An INVITE of so many bytes. */
    const size = (bytes: number): string => {
      const given = { sentBy, callId: 'large', fromTag: 'large', branch: 'z9hG4bKlarge' };
      const head = invite({ ...given, body: 'x'.repeat(60_000) }).length - 60_000;
      return invite({ ...given, body: 'x'.repeat(bytes - head) });
    };

    it('64 KiB are taken, one byte more is answered 513', async () => {
      expect([size(65_536).length, size(65_537).length]).to.deep.equal([65_536, 65_537]);
      scene = await stage({ servers: overTcp(scene) });
      expect(await verdict(size(65_536))).to.equal('forwarded');
      expect(await verdict(size(65_537))).to.equal('513 Message Too Large');
    });

    it('what fits in no datagram with what we add to it is answered 513, too', async () => {
      const added = requestIn(await scene.receives(size(60_000), AT.alice)).text.length - 60_000;
      scene = await stage();
      expect(await verdict(size(65_507 - added))).to.equal('forwarded');
      scene = await stage();
      expect(await verdict(size(65_508 - added))).to.equal('513 Message Too Large');
      await scene.passes(33_000);
      expect(scene.core.pendingCopies + scene.core.unanswered).to.equal(0);
    });

    it('a phone that takes it by a stream rings, though another has no room for it', async () => {
      await scene.registers('bob', AT.bob, { callId: 'by-udp' });
      const stream = scene.phoneStream(7, '192.0.2.13', 5060);
      const given = { from: 'bob', callId: 'by-tcp', sentBy: '192.0.2.13:5060', transport: 'TCP' };
      const asked = requestIn(await scene.receives(register(given), '192.0.2.13', 5060, 'TCP', stream));
      await scene.receives(respond(asked.message, 200), asked.hop.address);
      const text = size(65_500).replace(AT.alice, AT.ss1.primary);
      const rung = requests(await scene.receives(text, AT.ss1.primary));
      expect(rung.map(({ hop }) => hop.transport)).to.deep.equal(['TCP']);
    });
  });

  it('a REGISTER is judged no milder than the rest', async () => {
    expect(await verdict(register({ sentBy, maxForwards: 0 }))).to.equal('483 Too Many Hops');
    expect(await verdict(register({ sentBy, headers: ['Proxy-Require: path'] }))).to.equal('420 Bad Extension');
  });
});
