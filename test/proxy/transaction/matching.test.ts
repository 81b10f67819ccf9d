import { expect } from 'chai';
import { ack, cancel, invite, options, respond } from '../../builders.ts';
import { branchOfBeginning } from '../../../proxy/transaction/matching.ts';
import { hopTo, Scene } from './scene.ts';

const SAME = { branch: 'z9hG4bKcall', sentBy: '127.0.0.1:5060', callId: 'call-1', fromTag: 'alice-1' };
/** A Via as elements of RFC 2543 make it. */
const OLD = { via: ['SIP/2.0/UDP 127.0.0.1:5060'], callId: 'call-1', fromTag: 'alice-1', uri: 'sip:bob@example.com' };

describe('matching requests to server transactions', () => {
  describe('by branch, sent-by and method', () => {
    it('takes the same branch from another sent-by for another transaction', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(invite({ ...SAME, sentBy: '127.0.0.2:5060' }));
      scene.receive(invite({ ...SAME, sentBy: '127.0.0.1:5070' }));
      expect(scene.told).to.deep.equal(['request INVITE', 'request INVITE', 'request INVITE']);
    });

    it('takes the same branch with another method for another transaction', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(options(SAME));
      expect(scene.told).to.deep.equal(['request INVITE', 'request OPTIONS']);
    });

    it('takes it for the same from wherever it comes again', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(invite({ ...SAME, uri: 'sip:carol@example.com' }), hopTo('UDP', '127.0.0.8', 9999));
      expect(scene.told).to.deep.equal(['request INVITE']);
    });

    it('tells apart what has one branch but another Call-ID, number or transport', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(invite({ ...SAME, callId: 'call-2' }));
      scene.receive(invite({ ...SAME, cseq: 9 }));
      scene.receive(invite(SAME), hopTo('TCP', '127.0.0.1', 5060));
      expect(scene.told).to.deep.equal(Array.from({ length: 4 }, () => 'request INVITE'));
    });

    it('takes an ACK with another branch and To tag for that of a 2xx', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 486), 486);
      scene.receive(ack({ ...SAME, branch: 'z9hG4bKother', toTag: 'to-2' }));
      expect(scene.server.state.name).to.equal('Completed');
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });
  });

  describe('by branch alone where a NAT has written another sent-by', () => {
    const REWRITTEN = { ...SAME, sentBy: '192.0.2.1:61001' };

    it('knows the INVITE that a CANCEL is about', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(REWRITTEN));
      expect(scene.told).to.deep.equal(['request INVITE', 'cancel']);
      expect(scene.wire).to.deep.equal([200]);
    });

    it('knows the ACK of a failure', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 486), 486);
      scene.receive(ack(REWRITTEN));
      expect(scene.server.state.name).to.equal('Confirmed');
    });

    it('knows it among others', () => {
      const scene = new Scene();
      for (const number of [1, 2, 3]) scene.receive(invite({ ...SAME, branch: `z9hG4bKcall-${number}` }));
      scene.servers.forEach((server) => server.respond(respond(invite(SAME), 486), 486));
      scene.receive(ack({ ...REWRITTEN, branch: 'z9hG4bKcall-2' }));
      expect(scene.servers.map(({ state }) => state.name)).to.deep.equal(['Completed', 'Confirmed', 'Completed']);
    });

    it('takes the first of several, and no other once that one is over', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(invite({ ...SAME, sentBy: '127.0.0.1:5070' }));
      const [first, second] = scene.servers;
      second?.drop();
      scene.receive(cancel(REWRITTEN));
      expect(scene.told.at(-1)).to.equal('cancel');
      first?.drop();
      scene.receive(cancel({ ...REWRITTEN, sentBy: '192.0.2.1:61002' }));
      expect(scene.told.at(-1)).to.equal('unmatchedCancel');
    });

    it('is only for what has an INVITE', () => {
      const scene = new Scene();
      scene.receive(options(SAME));
      scene.receive(cancel(REWRITTEN));
      expect(scene.told.at(-1)).to.equal('unmatchedCancel');
    });

    it('prefers the INVITE whose sent-by is the same', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(invite(REWRITTEN));
      scene.servers[0]?.respond(respond(invite(SAME), 486), 486);
      scene.servers[1]?.respond(respond(invite(REWRITTEN), 486), 486);
      scene.receive(ack(REWRITTEN));
      expect(scene.servers.map(({ state }) => state.name)).to.deep.equal(['Completed', 'Confirmed']);
    });

    for (const [what, change] of Object.entries({
      branch: { branch: 'z9hG4bKother' },
      'Call-ID': { callId: 'call-2' },
      'CSeq number': { cseq: 9 },
    })) {
      it(`does not take another ${what} for the same`, () => {
        const scene = new Scene();
        scene.receive(invite(SAME));
        scene.receive(cancel({ ...REWRITTEN, ...change }));
        expect(scene.told).to.deep.equal(['request INVITE', 'unmatchedCancel']);
      });
    }

    it('believes it from where the INVITE came only, and by its transport', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.receive(cancel(REWRITTEN), hopTo('UDP', '127.0.0.8', 5060));
      scene.receive(cancel({ ...REWRITTEN, sentBy: '192.0.2.1:61002' }), hopTo('TCP'));
      expect(scene.told).to.deep.equal(['request INVITE', 'unmatchedCancel', 'unmatchedCancel']);
    });

    it('forgets an INVITE that is over', () => {
      const scene = new Scene();
      scene.receive(invite(SAME));
      scene.server.respond(respond(invite(SAME), 486), 486);
      scene.advance(64 * 500 + 1);
      scene.receive(cancel(REWRITTEN));
      expect(scene.told.at(-1)).to.equal('unmatchedCancel');
    });
  });

  describe('without the magic cookie (RFC 2543)', () => {
    it('knows a retransmission by Request-URI, tags, Call-ID, CSeq and top Via', () => {
      const scene = new Scene();
      scene.receive(invite(OLD));
      scene.receive(invite(OLD));
      expect(scene.told).to.deep.equal(['request INVITE']);
    });

    for (const [what, change] of Object.entries({
      'Request-URI': { uri: 'sip:carol@example.com' },
      'From tag': { fromTag: 'alice-2' },
      'To tag': { toTag: 'bob-1' },
      'Call-ID': { callId: 'call-2' },
      'CSeq number': { cseq: 2 },
      'top Via': { via: ['SIP/2.0/UDP 127.0.0.2:5060'] },
      branch: { via: ['SIP/2.0/UDP 127.0.0.1:5060;branch=2'] },
    })) {
      it(`takes another ${what} for another transaction`, () => {
        const scene = new Scene();
        scene.receive(invite(OLD));
        scene.receive(invite({ ...OLD, ...change }));
        expect(scene.told).to.deep.equal(['request INVITE', 'request INVITE']);
      });
    }

    it('takes a branch of the cookie alone for none (RFC 4475 3.2.1)', () => {
      const scene = new Scene();
      const via = ['SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK'];
      scene.receive(invite({ ...OLD, via }));
      scene.receive(invite({ ...OLD, via, uri: 'sip:carol@example.com' }));
      expect(scene.told).to.deep.equal(['request INVITE', 'request INVITE']);
    });

    it('looks at the top Via only', () => {
      const scene = new Scene();
      scene.receive(invite({ ...OLD, via: [...OLD.via, 'SIP/2.0/UDP 127.0.0.7'] }));
      scene.receive(invite({ ...OLD, via: [...OLD.via, 'SIP/2.0/UDP 127.0.0.8'] }));
      expect(scene.told).to.deep.equal(['request INVITE']);
    });

    it('knows the ACK by the To tag of the response that was sent', () => {
      const scene = new Scene();
      scene.receive(invite(OLD));
      scene.server.respond(respond(invite(OLD), 486, { toTag: 'bob-1' }), 486);
      scene.receive(ack({ ...OLD, toTag: 'someone-else' }));
      expect(scene.server.state.name).to.equal('Completed');
      scene.receive(ack({ ...OLD, toTag: 'bob-1' }));
      expect(scene.server.state.name).to.equal('Confirmed');
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('knows the ACK of an INVITE within a dialog', () => {
      const scene = new Scene();
      scene.receive(invite({ ...OLD, toTag: 'bob-1' }));
      scene.server.respond(respond(invite({ ...OLD, toTag: 'bob-1' }), 488), 488);
      scene.receive(ack({ ...OLD, toTag: 'bob-1' }));
      expect(scene.server.state.name).to.equal('Confirmed');
    });

    it('gives the ACK of a 2xx to the user', () => {
      const scene = new Scene();
      scene.receive(invite(OLD));
      scene.server.respond(respond(invite(OLD), 200, { toTag: 'bob-1' }), 200);
      scene.receive(ack({ ...OLD, toTag: 'bob-1' }));
      expect(scene.told).to.deep.equal(['request INVITE', 'ack']);
    });

    it('knows the INVITE that a CANCEL is about', () => {
      const scene = new Scene();
      scene.receive(invite(OLD));
      scene.receive(cancel(OLD));
      scene.receive(cancel({ ...OLD, cseq: 7 }));
      expect(scene.told).to.deep.equal(['request INVITE', 'cancel', 'unmatchedCancel']);
    });
  });
});

describe('the branch of a message of which ICMP quotes the beginning', () => {
  const line = 'INVITE sip:bob@example.com SIP/2.0';
  for (const [quoted, branch] of [
    ['Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n', 'z9hG4bK1'],
    ['v:SIP/2.0/UDP h;rport \t; \tBRANCH \t= \tz9hG4bK1;x', 'z9hG4bK1'],
    ['To: <sip:b@h>\r\nVIA \t: SIP/2.0/UDP h;branch=z9hG4bK1 ,', 'z9hG4bK1'],
    ['Via: SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2\r\n', '1'],
    ['Via: SIP/2.0/UDP a;branch=1\r\nVia: SIP/2.0/UDP b;branch=2\r\n', '1'],
    // it may go on
    ['Via: SIP/2.0/UDP h;branch=z9hG4bK1', undefined],
    ['Via: SIP/2.0/UDP h;branch=', undefined],
    ['Via: SIP/2.0/UDP h;branch=;x', undefined],
    ['Via: SIP/2.0/UDP h;xbranch=1;x', undefined],
    ['Via: SIP/2.0/UDP h;branchx=1;x', undefined],
    ['Via: SIP/2.0/UDP h\r\nFrom: a;branch=1;x', undefined],
    ['X-Via: SIP/2.0/UDP h;branch=1;x', undefined],
    ['Viar: SIP/2.0/UDP h;branch=1;x', undefined],
    ['To: <sip:b@h>', undefined],
    // whoever can send ICMP writes what he likes
    [`Via: ${'x'.repeat(399)};branch=${'b'.repeat(200)};`, 'b'.repeat(200)],
    [`Via: ${'x'.repeat(400)};branch=1;`, undefined],
    [`Via: x;branch=${'b'.repeat(201)};`, undefined],
  ] as const)
    it(`is ${branch ?? 'not known'} in ${JSON.stringify(quoted).slice(0, 70)}`, () => {
      expect(branchOfBeginning(`${line}\r\n${quoted}`)).to.equal(branch);
    });

  it('is not looked for in the start line', () => {
    expect(branchOfBeginning('Via: SIP/2.0/UDP h;branch=1;x')).to.equal(undefined);
  });
});
