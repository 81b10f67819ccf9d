import { expect } from 'chai';
import { invite, options, respond } from '../../builders.ts';
import { hopTo, Owner, Scene } from './scene.ts';

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
});
