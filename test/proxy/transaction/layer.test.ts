import { expect } from 'chai';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { ack, cancel, invite, options, respond } from '../../builders.ts';
import { connection, hopTo, Owner, Scene } from './scene.ts';

const SAME = { branch: 'z9hG4bKcall', sentBy: '127.0.0.1:5060', callId: 'call-1', fromTag: 'alice-1' };

describe('the transaction layer', () => {
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
        scene.receive(options());
        scene.server.respond(respond(request, 200), 200);
        scene.advance(32_000);
      }
      expect(scene.told).to.have.length(5);
      expect(scene.layer.counts).to.include({ servers: 0, refused: 5 });
      expect(scene.timers.size).to.equal(0);
    });
  });

  describe('with more transactions that linger than may', () => {
    /** An INVITE that was answered so, or OPTIONS that were. */
    function answered(scene: Scene, branch: string, status: number, make = options): string {
      const request = make({ branch });
      scene.receive(request);
      scene.server.respond(respond(request, status), status);
      return request;
    }

    it('still takes new requests, and ends what has lingered longest', () => {
      const scene = new Scene({ transactions: 2 });
      const requests = [];
      for (let i = 0; i < 5; i++) {
        requests.push(answered(scene, `z9hG4bK${i}`, 200));
        scene.advance(1000);
      }
      expect(scene.told).to.have.length(5);
      expect(scene.layer.counts).to.include({ servers: 3, lingering: 3, endedEarly: 2, refused: 0 });
      // the third is still answered again, the second is new
      scene.receive(requests[2] ?? '');
      expect(scene.told).to.have.length(5);
      scene.receive(requests[1] ?? '');
      expect(scene.told).to.have.length(6);
      scene.advance(40_000);
      expect(scene.layer.counts).to.include({ servers: 0, clients: 0, lingering: 0 });
      expect(scene.timers.size).to.equal(0);
    });

    it('ends none that waits for an answer, an ACK, or only for what the network holds back', () => {
      const scene = new Scene({ transactions: 4 });
      scene.receive(invite({ branch: 'z9hG4bKrings' }));
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 486), 486);
      const owner = new Owner();
      const sent = options();
      scene.send(sent, owner);
      scene.receive(respond(sent, 200));
      scene.advance(100);
      for (let i = 0; i < 20; i++) answered(scene, `z9hG4bK${i}`, 200);
      expect(scene.layer.counts).to.include({ servers: 7, clients: 1, lingering: 5, endedEarly: 15, refused: 0 });
      scene.receive(ack({ ...SAME, toTag: parseMessage(respond(invite(SAME), 486)).toTag }));
      expect(scene.told.filter((what) => what === 'ack')).to.deep.equal([]);
    });

    it('ends INVITEs and client transactions as well', () => {
      const scene = new Scene({ transactions: 1 });
      for (let i = 0; i < 4; i++) {
        answered(scene, `z9hG4bK${i}`, 200, invite);
        const sent = invite({ branch: `z9hG4bKsent${i}` });
        scene.send(sent, new Owner());
        scene.receive(respond(sent, 200));
        scene.advance(1);
      }
      expect(scene.layer.counts.refused).to.equal(0);
      expect(scene.layer.counts.clients + scene.layer.counts.servers).to.be.at.most(4);
    });

    it('says so in the log every ten seconds', () => {
      const scene = new Scene({ transactions: 0 });
      const linger = (branch: string): void => {
        const sent = invite({ branch });
        scene.send(sent, new Owner());
        scene.receive(respond(sent, 200));
      };
      linger('z9hG4bK1');
      scene.receive(options());
      linger('z9hG4bK2');
      scene.receive(options());
      const lines = (): string[] => scene.logged.filter((line) => line.includes('linger'));
      expect(lines()).to.have.length(1);
      expect(JSON.parse(lines()[0] ?? '{}')).to.include({ limit: 0, endedEarly: 1 });
      scene.advance(10_000);
      linger('z9hG4bK3');
      scene.receive(options());
      expect(lines()).to.have.length(2);
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
