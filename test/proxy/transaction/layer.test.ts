import { expect } from 'chai';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { ack, cancel, invite, options, respond } from '../../builders.ts';
import { connection, hopTo, Owner, Scene } from './scene.ts';

const SAME = { branch: 'z9hG4bKcall', sentBy: '127.0.0.1:5060', callId: 'call-1', fromTag: 'alice-1' };

describe('the transaction layer', () => {
  describe('when ICMP says that a request was not delivered', () => {
    const hop = hopTo('UDP', '127.0.0.2');
    const begin = (text: string, bytes = 520): string => text.slice(0, bytes);

    it('fails the one that is quoted, at once', () => {
      const scene = new Scene();
      const [gone, other] = [new Owner(), new Owner()];
      const text = invite();
      scene.send(text, gone, hop);
      scene.send(invite(), other, hop);
      scene.layer.undelivered(hop, begin(text));
      expect([gone.heard, other.heard]).to.deep.equal([['unreachable'], []]);
    });

    it('knows the INVITE from its CANCEL, which has the same branch', () => {
      const scene = new Scene();
      const owner = new Owner();
      const text = invite();
      const transaction = scene.send(text, owner, hop);
      scene.receive(respond(text, 100), hop);
      transaction.cancel();
      scene.layer.undelivered(hop, begin(scene.sent.at(-1)?.text ?? ''));
      expect(scene.wire).to.deep.equal(['INVITE', 'CANCEL']);
      expect(owner.heard).to.deep.equal([100]);
      expect(scene.layer.counts.clients).to.equal(1);
    });

    it('fails no call that rings, and nothing that has any response', () => {
      const scene = new Scene();
      for (const [text, status] of [
        [invite(), 180],
        [invite(), 100],
        [options(), 100],
      ] as const) {
        const owner = new Owner();
        scene.send(text, owner, hop);
        scene.receive(respond(text, status), hop);
        scene.layer.undelivered(hop, begin(text));
        scene.layer.undelivered(hop, '');
        scene.advance(1000);
        scene.layer.undelivered(hop, begin(text));
        scene.layer.undelivered(hop, '');
        expect(owner.heard).to.deep.equal([status]);
      }
    });

    it('believes neither another text with that branch nor another address', () => {
      const scene = new Scene();
      const owner = new Owner();
      const text = options({ branch: 'z9hG4bKguessed' });
      scene.send(text, owner, hop);
      scene.advance(600);
      scene.layer.undelivered(hop, begin(options({ branch: 'z9hG4bKguessed', uri: 'sip:guessed@example.com' })));
      scene.layer.undelivered(hop, begin(options({ branch: 'z9hG4bKother' })));
      scene.layer.undelivered(hopTo('UDP', '127.0.0.2', 5070), begin(text));
      scene.layer.undelivered(hopTo('UDP', '127.0.0.3'), begin(text));
      scene.layer.undelivered(hopTo('UDP', '127.0.0.3'), '');
      expect(owner.heard).to.deep.equal([]);
    });

    for (const [what, quoted] of [
      ['nothing', 0],
      ['no more than the start line', 30],
    ] as const)
      it(`fails what was sent again without an answer where ${what} is quoted`, () => {
        const scene = new Scene();
        const [old, young] = [new Owner(), new Owner()];
        const text = options({ uri: 'sip:bob@example.com' });
        scene.send(text, old, hop);
        scene.layer.undelivered(hop, begin(text, quoted));
        expect(old.heard).to.deep.equal([]);
        scene.advance(500);
        scene.send(options({ uri: 'sip:bob@example.com' }), young, hop);
        scene.layer.undelivered(hop, begin(text, quoted));
        expect([old.heard, young.heard]).to.deep.equal([['unreachable'], []]);
      });

    it('fails what was sent again with the one that is quoted: hosts send few such errors', () => {
      const scene = new Scene();
      const [old, quoted] = [new Owner(), new Owner()];
      const text = options();
      scene.send(invite(), old, hop);
      scene.advance(500);
      scene.send(text, quoted, hop);
      scene.layer.undelivered(hop, begin(text));
      expect([old.heard, quoted.heard]).to.deep.equal([['unreachable'], ['unreachable']]);
    });

    it('survives whatever is quoted', () => {
      const scene = new Scene();
      scene.send(options(), new Owner(), hop);
      for (const sent of ['\0', 'x'.repeat(576), '\r\nVia:;branch=', `\r\nVia: ${';branch= '.repeat(60)}`])
        scene.layer.undelivered(hop, sent);
      expect(scene.layer.counts.clients).to.equal(1);
    });
  });

  describe('when ICMP says that a response was not delivered', () => {
    const from = hopTo('UDP', '127.0.0.2');

    it('has it sent another way, and those to come', () => {
      const scene = new Scene();
      const request = options({ sentBy: '127.0.0.2:5060' });
      scene.receive(request, from);
      scene.server.respond(respond(request, 404), 404);
      const answer = scene.sent.at(-1)?.text ?? '';
      scene.layer.responseUndelivered(from, answer.slice(0, 200));
      expect(scene.told).to.deep.equal(['request OPTIONS', 'connectionGone']);
      scene.receive(request, from);
      scene.layer.responseUndelivered(from, answer.slice(0, 200));
      expect(scene.told).to.deep.equal(['request OPTIONS', 'connectionGone', 'connectionGone']);
      expect(scene.wire).to.deep.equal([404]);
    });

    it('knows a 2xx to INVITE by its branch: the next one goes another way', () => {
      const scene = new Scene();
      const request = invite({ sentBy: '127.0.0.2:5060' });
      scene.receive(request, from);
      scene.server.respond(respond(request, 200), 200);
      scene.layer.responseUndelivered(from, scene.sent.at(-1)?.text.slice(0, 200) ?? '');
      expect(scene.told).to.deep.equal(['request INVITE']);
      scene.server.respond(respond(request, 200), 200);
      expect(scene.told).to.deep.equal(['request INVITE', 'connectionGone']);
    });

    it('believes neither another text nor another address', () => {
      const scene = new Scene();
      const request = options({ sentBy: '127.0.0.2:5060' });
      scene.receive(request, from);
      scene.server.respond(respond(request, 404), 404);
      const answer = scene.sent.at(-1)?.text ?? '';
      scene.layer.responseUndelivered(hopTo('UDP', '127.0.0.2', 5070), answer.slice(0, 200));
      scene.layer.responseUndelivered(from, answer.slice(0, 200).replace('404', '405'));
      scene.layer.responseUndelivered(from, answer.slice(0, 20));
      expect(scene.told).to.deep.equal(['request OPTIONS']);
    });
  });

  describe('on a CANCEL', () => {
    it('answers 200 to the one of a known INVITE and tells the user, once for all retransmissions', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME));
      scene.receive(cancel(SAME));
      expect(scene.told).to.deep.equal(['request INVITE', 'cancel']);
      expect(scene.sent.map(({ message }) => `${message.status} ${message.method}`)).to.deep.equal([
        '200 CANCEL',
        '200 CANCEL',
      ]);
      expect(scene.sent[0]?.text).to.equal(scene.sent[1]?.text);
    });

    it('answers to where the CANCEL came from', () => {
      const scene = new Scene();
      const from = hopTo('UDP', '127.0.0.1', 33_000);
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME), from);
      expect(scene.sent.at(-1)?.hop).to.equal(from);
    });

    it('only answers when it crosses the 200 of the INVITE', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 200), 200);
      scene.receive(cancel(SAME));
      expect(scene.wire).to.deep.equal([200, 200]);
      expect(scene.told).to.deep.equal(['request INVITE']);
    });

    it('gives one that matches no INVITE to the user, to be answered', () => {
      const scene = new Scene();
      scene.receive(cancel(SAME));
      scene.receive(cancel(SAME));
      expect(scene.told).to.deep.equal(['unmatchedCancel']);
      scene.server.respond(respond(cancel(SAME), 481), 481);
      scene.receive(cancel(SAME));
      expect(scene.wire).to.deep.equal([481, 481]);
    });

    it('says OK to it', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME));
      expect(scene.sent[0]?.text).to.match(/^SIP\/2.0 200 OK\r\n/);
    });

    it('finds the INVITE by the Via that lies below those of proxies which handed it over', () => {
      const scene = new Scene();
      const [above, below] = ['SIP/2.0/UDP 127.0.0.7;branch=z9hG4bKp', 'SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKcall'];
      scene.receive(invite(SAME));
      const handedOver = parseMessage(cancel({ ...SAME, via: [above, below] }));
      expect(scene.layer.inviteBelow(handedOver, 1)).to.equal(scene.server);
      expect(scene.layer.inviteBelow(handedOver, 0)).to.equal(undefined);
      expect(scene.layer.inviteBelow(handedOver, 2)).to.equal(undefined);
    });

    it('sends 487 and absorbs its ACK when the user cancels the INVITE', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME));
      scene.server.respond(respond(invite(SAME), 487), 487);
      scene.receive(ack(SAME));
      scene.advance(64_000);
      expect(scene.wire).to.deep.equal([200, 487]);
      expect(scene.layer.idle).to.equal(true);
    });
  });

  describe('on the ACK of a failure that has a branch of its own, as many a script writes it', () => {
    const another = { ...SAME, branch: 'z9hG4bKanother' };
    const refused = (): Scene => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 486), 486);
      return scene;
    };

    it('absorbs it, and sends the failure no more', () => {
      const scene = refused();
      scene.receive(ack(another));
      scene.advance(64_000);
      expect(scene.wire).to.deep.equal([486]);
      expect(scene.told).to.deep.equal(['request INVITE']);
      expect(scene.layer.idle).to.equal(true);
    });

    for (const [what, given] of [
      ['another To tag', { toTag: 'to-2' }],
      ['another Call-ID', { callId: 'call-2' }],
      ['another CSeq number', { cseq: 2 }],
    ] as const) {
      it(`leaves one with ${what} to the user`, () => {
        const scene = refused();
        scene.receive(ack({ ...another, ...given }));
        expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
      });
    }

    it('leaves one from elsewhere to the user', () => {
      const scene = refused();
      scene.receive(ack(another), hopTo('UDP', '127.0.0.9', 5060));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('leaves that of a 2xx to the user', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 200), 200);
      scene.receive(ack(another));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('leaves it to the user inside a dialog, where the 2xx of another copy has the same To tag', () => {
      const scene = new Scene();
      const inside = { ...SAME, toTag: 'to-1' };
      scene.receive(invite(inside));
      scene.server.respond(respond(invite(inside), 482), 482);
      scene.receive(ack({ ...another, toTag: 'to-1' }));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('forgets the INVITE when it is over', () => {
      const scene = refused();
      scene.advance(64_000);
      scene.receive(ack(another));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });
  });

  describe('on a response', () => {
    it('finds the client transaction whatever address it comes from', () => {
      const scene = new Scene();
      const owner = new Owner();
      const request = options();
      scene.send(request, owner);
      scene.receive(respond(request, 200), hopTo('UDP', '127.0.0.77', 7777));
      expect(owner.heard).to.deep.equal([200]);
    });

    it('takes it from elsewhere only if the user does', () => {
      const scene = new Scene();
      const owner = new Owner();
      const request = options();
      scene.send(request, owner);
      scene.believed = ['127.0.0.77'];
      scene.receive(respond(request, 200), hopTo('UDP', '127.0.0.78'));
      expect(owner.heard).to.deep.equal([]);
      scene.receive(respond(request, 200), hopTo('UDP', '127.0.0.77'));
      expect(owner.heard).to.deep.equal([200]);
    });

    it('takes it from where its request went, without asking', () => {
      const scene = new Scene();
      const owner = new Owner();
      const request = options();
      scene.send(request, owner);
      scene.believed = [];
      scene.receive(respond(request, 200));
      expect(owner.heard).to.deep.equal([200]);
    });

    it('knows whose request it answers, if anybody’s', () => {
      const scene = new Scene();
      const owner = new Owner();
      const request = options();
      scene.send(request, owner);
      expect(scene.layer.ownerOf(parseMessage(respond(request, 200)))).to.equal(owner);
      expect(scene.layer.ownerOf(parseMessage(respond(options(), 200)))).to.equal(undefined);
    });

    it('gives one that nobody waits for to the user', () => {
      const scene = new Scene();
      scene.receive(respond(invite(), 200));
      scene.receive(respond(cancel(), 200));
      expect(scene.told).to.deep.equal(['stray 200', 'stray 200']);
    });
  });

  describe('on a transport error', () => {
    it('fails what waits for that hop and nothing else', () => {
      const scene = new Scene();
      const owners = new Map<string, Owner>();
      const flow = connection(1);
      const other = connection(2);
      for (const [name, hop] of Object.entries({
        'same hop': hopTo('UDP'),
        'other port': hopTo('UDP', '127.0.0.1', 5070),
        'other address': hopTo('UDP', '127.0.0.2'),
        'other transport': hopTo('TCP', '127.0.0.1', 5060, flow),
        'same hop again': hopTo('UDP'),
        'other connection': hopTo('TCP', '127.0.0.1', 5060, other),
      })) {
        const owner = new Owner();
        owners.set(name, owner);
        scene.send(options(), owner, hop);
      }
      const failed = () => [...owners].filter(([, owner]) => owner.heard[0] === 'unreachable').map(([name]) => name);
      scene.layer.transportError(hopTo('UDP'));
      expect(failed()).to.deep.equal(['same hop', 'same hop again']);
      scene.layer.transportError(hopTo('TCP', '127.0.0.1', 5060, flow));
      expect(failed()).to.deep.equal(['same hop', 'other transport', 'same hop again']);
    });

    it('fails what left its connection to the transport when any to that address is gone', () => {
      const scene = new Scene();
      const owner = new Owner();
      scene.send(options(), owner, hopTo('TCP'));
      scene.layer.transportError(hopTo('TCP', '127.0.0.1', 5060, connection(5)));
      expect(owner.heard).to.deep.equal(['unreachable']);
    });

    it('lets an owner try the next hop, or the same one, at once', () => {
      const scene = new Scene();
      const second = new Owner();
      scene.send(options(), { response() {}, timeout() {}, unreachable: () => scene.send(options(), second) });
      scene.layer.transportError(hopTo('UDP'));
      expect(second.heard).to.deep.equal([]);
      expect(scene.layer.counts.clients).to.equal(1);
      scene.layer.transportError(hopTo('UDP'));
      expect(second.heard).to.deep.equal(['unreachable']);
      expect(scene.layer.idle).to.equal(true);
    });

    it('fails nothing that has its final response', () => {
      const scene = new Scene();
      const [answered, rejected] = [new Owner(), new Owner()];
      const [first, second] = [invite({ branch: 'z9hG4bK1' }), invite({ branch: 'z9hG4bK2' })];
      scene.send(first, answered);
      scene.send(second, rejected);
      scene.receive(respond(first, 200));
      scene.receive(respond(second, 486));
      scene.layer.transportError(hopTo('UDP'));
      expect([answered.heard, rejected.heard]).to.deep.equal([[200], [486]]);
      expect(scene.logged).to.deep.equal([]);
    });

    it('says in the log where to and how many', () => {
      const scene = new Scene();
      scene.send(options(), new Owner());
      scene.layer.transportError(hopTo('UDP'));
      expect(JSON.parse(scene.logged[0] ?? '{}')).to.include({ transport: 'UDP', port: 5060, transactions: 1 });
    });

    it('tells nothing to an owner that has given up in the meantime', () => {
      const scene = new Scene();
      const second = new Owner();
      const first = {
        response() {},
        timeout() {},
        unreachable: () => later.abandon(),
      };
      scene.send(options(), first);
      const later = scene.send(options(), second);
      scene.layer.transportError(hopTo('UDP'));
      expect(second.heard).to.deep.equal([]);
    });
  });

  describe('with as many transactions as it may have', () => {
    it('answers 503 to a new request without a transaction, counts it, and tells the user nothing', () => {
      const scene = new Scene({ transactions: 2 });
      scene.receive(options());
      scene.receive(options());
      scene.receive(options());
      expect(scene.told).to.have.length(2);
      expect(scene.wire).to.deep.equal([503]);
      expect(scene.layer.counts).to.include({ servers: 2, refused: 1 });
    });

    it('counts client transactions, too, but never refuses to start one', () => {
      const scene = new Scene({ transactions: 2 });
      scene.receive(options());
      scene.send(options(), new Owner());
      scene.send(options(), new Owner());
      scene.receive(options());
      expect(scene.wire).to.deep.equal(['OPTIONS', 'OPTIONS', 503]);
    });

    it('still answers retransmissions and takes the CANCEL that ends an INVITE', () => {
      const scene = new Scene({ transactions: 1 });
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 180), 180);
      scene.receive(invite(SAME));
      scene.receive(cancel(SAME));
      expect(scene.wire).to.deep.equal([180, 180, 200]);
      expect(scene.told).to.deep.equal(['request INVITE', 'cancel']);
    });

    it('keeps the ACK of that 503 from the user', () => {
      const scene = new Scene({ transactions: 0 });
      scene.receive(invite(SAME));
      const refusal = parseMessage(scene.sent.at(-1)?.text ?? '');
      scene.receive(ack({ ...SAME, toTag: refusal.toTag }));
      expect(scene.told).to.deep.equal([]);
    });

    it('says so in the status line, and in the log every ten seconds', () => {
      const scene = new Scene({ transactions: 0 });
      for (const [ms, logged] of [
        [0, 1],
        [9_999, 1],
        [1, 2],
        [1, 2],
      ] as const) {
        scene.advance(ms);
        scene.receive(options());
        expect(scene.logged).to.have.length(logged);
      }
      expect(scene.sent[0]?.text).to.match(/^SIP\/2.0 503 Service Unavailable\r\n/);
      expect(JSON.parse(scene.logged[1] ?? '{}')).to.include({ limit: 0, refused: 3 });
    });

    it('has room again when one has ended, and forgets it altogether', () => {
      const scene = new Scene({ transactions: 1 });
      for (let i = 0; i < 5; i++) {
        const request = options({ branch: `z9hG4bK${i}` });
        scene.receive(request);
        scene.server.respond(respond(request, 200), 200);
        scene.receive(options());
        scene.advance(32_000);
      }
      expect(scene.told).to.have.length(5);
      expect(scene.layer.counts).to.include({ servers: 0, refused: 5 });
      expect(scene.timers.size).to.equal(0);
    });
  });

  it('is idle when it has transactions of neither kind', () => {
    const scene = new Scene();
    expect(scene.layer.idle).to.equal(true);
    scene.receive(options());
    expect(scene.layer.idle).to.equal(false);
    scene.server.drop();
    expect(scene.layer.idle).to.equal(true);
    scene.send(options(), new Owner());
    expect(scene.layer.idle).to.equal(false);
  });

  it('takes what comes again after its transaction is over for a new request', () => {
    const scene = new Scene();
    const request = options({ branch: 'z9hG4bKagain' });
    scene.receive(request);
    scene.server.respond(respond(request, 200), 200);
    scene.advance(32_000);
    scene.receive(request);
    expect(scene.told).to.deep.equal(['request OPTIONS', 'request OPTIONS']);
  });

  it('counts what it sends again', () => {
    const scene = new Scene();
    const request = options({ branch: 'z9hG4bKagain' });
    scene.receive(request);
    scene.server.respond(respond(request, 200), 200);
    scene.receive(request);
    scene.send(options(), new Owner());
    scene.advance(500);
    expect(scene.layer.counts.resent).to.equal(2);
  });

  it('lets a later request with the same branch have the responses, and forgets both', () => {
    const scene = new Scene();
    const first = new Owner();
    const second = new Owner();
    const request = options({ branch: 'z9hG4bKsame' });
    scene.send(request, first);
    scene.advance(20_000);
    scene.send(request, second);
    scene.advance(12_000);
    scene.receive(respond(request, 200));
    expect(first.heard).to.deep.equal(['timeout']);
    expect(second.heard).to.deep.equal([200]);
    scene.advance(5000);
    expect(scene.layer.idle).to.equal(true);
  });
});
