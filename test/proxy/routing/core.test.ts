import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { NOWHERE, type Timer } from '../../../proxy/transaction/timers.ts';
import { ack, cancel, options, register, request } from '../../builders.ts';
import { saved } from '../store/records.ts';
import { AT, bye, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

const recordRoute = (sent: Sent): string => sent.message.value(Header.RecordRoute) ?? '';
const memberOf = (sent: Sent): string => sent.hop.address;
const primaries: string[] = [AT.ss1.primary, AT.ss2.primary];
const backupOf = (primary: string): string => (primary === AT.ss1.primary ? AT.ss1.backup : AT.ss2.backup);
const pairOf = (primary: string): 'ss1' | 'ss2' => (primary === AT.ss1.primary ? 'ss1' : 'ss2');

/** alice calls, her server answers: the call as both sides know it. */
async function callUp(scene: Scene) {
  const asked = requestIn(
    await scene.receives(invite({ callId: 'call-1', fromTag: 'a', sentBy: `${AT.alice}:5060` }), AT.alice),
  );
  await scene.receives(respond(asked.message, 200, { toTag: 'b', contact: '<sip:ss@10.1.1.1>' }), asked.hop.address);
  const dialog = { callId: 'call-1', fromTag: 'a', toTag: 'b', route: [recordRoute(asked)] };
  return { server: asked.hop.address, dialog };
}

describe('the core', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  describe('with a new call from a phone', () => {
    it('answers 100 at once and sends it to the primary of a local pair', async () => {
      const sent = await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(statuses(sent)).to.deep.equal([100]);
      expect(primaries).to.include(memberOf(requestIn(sent)));
    });

    it('adds a Via and a Record-Route with a token, takes one from Max-Forwards, and touches nothing else', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060`, headers: ['X-Odd :  kept  as it is', 'sUBJECT:é'] });
      const { message } = requestIn(await scene.receives(text, AT.alice));
      expect(message.values(Header.Via)).to.have.length(2);
      expect(recordRoute({ message } as Sent)).to.match(/^<sip:[A-Za-z0-9_-]{20,64}@proxies\.example\.com;lr>$/);
      expect(recordRoute({ message } as Sent).length).to.be.at.most(128);
      expect(message.value(Header.MaxForwards)).to.equal('69');
      expect(message.text).to.include('\r\nX-Odd :  kept  as it is\r\n').and.to.include('\r\nsUBJECT:é\r\n');
      expect(message.body).to.equal(text.slice(text.indexOf('\r\n\r\n') + 4));
    });

    it('keeps a retransmission to itself', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060` });
      await scene.receives(text, AT.alice);
      const again = await scene.receives(text, AT.alice);
      expect(again.filter((s) => s.message.isRequest)).to.deep.equal([]);
    });

    it('refuses it with Retry-After when no pair is in service', async () => {
      for (const pair of ['ss1', 'ss2'] as const) scene.pinged(pair, 'primary', 'Timeout');
      const [answer] = await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(answer?.message.status).to.equal(503);
      expect(answer?.message.value(Header.RetryAfter)).to.match(/^\d+$/);
    });

    it('offers it to one other pair when the first answers 503, and says 500 when that one does too', async () => {
      const first = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      const sent = await scene.receives(respond(first.message, 503), memberOf(first));
      const second = requestIn(sent.filter((s) => s.message.method === 'INVITE'));
      expect([memberOf(first), memberOf(second)]).to.have.members(primaries);
      expect(statuses(await scene.receives(respond(second.message, 503), memberOf(second)))).to.deep.equal([500]);
    });

    it('cancels it where it went', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060`, callId: 'c', fromTag: 'a', branch: 'z9hG4bKone' });
      const asked = requestIn(await scene.receives(text, AT.alice));
      await scene.receives(respond(asked.message, 180), memberOf(asked));
      const sent = await scene.receives(
        cancel({ sentBy: `${AT.alice}:5060`, callId: 'c', fromTag: 'a', branch: 'z9hG4bKone' }),
        AT.alice,
      );
      expect(statuses(sent)).to.deep.equal([200]);
      const cancelled = requestIn(sent);
      expect(cancelled.message.method).to.equal('CANCEL');
      expect(cancelled.message.via.branch).to.equal(asked.message.via.branch);
      const end = await scene.receives(respond(asked.message, 487), memberOf(asked));
      expect(statuses(end)).to.deep.equal([487]);
    });

    it('says 487 of a cancelled call even if its server never says a word', async () => {
      const dialog = { sentBy: `${AT.alice}:5060`, callId: 'c', fromTag: 'a', branch: 'z9hG4bKone' };
      await scene.receives(invite(dialog), AT.alice);
      expect(statuses(await scene.receives(cancel(dialog), AT.alice))).to.deep.equal([200]);
      expect(statuses(await scene.passes(33_000))[0]).to.equal(487);
    });

    it('says 481 to a CANCEL of nothing', async () => {
      expect(statuses(await scene.receives(cancel({ sentBy: `${AT.alice}:5060` }), AT.alice))).to.deep.equal([481]);
    });
  });

  describe('inside a dialog', () => {
    it('sends a BYE with a valid token to the pair of the call, whatever its Request-URI', async () => {
      const { server, dialog } = await callUp(scene);
      const sent = requestIn(
        await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060`, uri: 'sip:other@203.0.113.9' }), AT.alice),
      );
      expect(memberOf(sent)).to.equal(server);
      expect(sent.message.has(Header.Route)).to.equal(false);
      expect(sent.message.has(Header.RecordRoute)).to.equal(false);
    });

    it('passes the ACK of a 2xx on without state', async () => {
      const { server, dialog } = await callUp(scene);
      const sent = requestIn(await scene.receives(ack({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice));
      expect([sent.message.method, memberOf(sent)]).to.deep.equal(['ACK', server]);
    });

    it('sends a BYE from the server to the phone, by the token alone', async () => {
      const { server, dialog } = await callUp(scene);
      const text = bye({
        callId: 'call-1',
        fromTag: 'b',
        toTag: 'a',
        route: dialog.route,
        uri: 'sip:alice@10.9.9.9',
        sentBy: `${server}:5060`,
      });
      const sent = requestIn(await scene.receives(text, server));
      expect(memberOf(sent)).to.equal(AT.alice);
    });

    it('keeps a forged token from deciding anything, and counts it', async () => {
      const { dialog } = await callUp(scene);
      const forged = dialog.route.map((route) =>
        route.replace(/sip:(.)/, (_, c: string) => `sip:${c === 'E' ? 'F' : 'E'}`),
      );
      const sent = requestIn(
        await scene.receives(bye({ ...dialog, route: forged, sentBy: `${AT.alice}:5060` }), AT.alice),
      );
      expect(scene.core.counts.forgedTokens).to.equal(1);
      // call data still knows the pair
      expect(primaries).to.include(memberOf(sent));
    });

    it('follows the pair to its backup', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'backup', 200);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      const sent = requestIn(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice));
      expect(memberOf(sent)).to.equal(backupOf(server));
    });

    it('waits for the backup to be promoted, at most 16 s', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      expect(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice)).to.deep.equal([]);
      await scene.passes(5000);
      scene.pinged(pairOf(server), 'backup', 200);
      expect(memberOf(requestIn(scene.takes()))).to.equal(backupOf(server));
    });

    it('waits as long when the clock is set back meanwhile', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice);
      scene.clockStep = -3600_000;
      expect(statuses(await scene.passes(16_100)).filter((status) => status > 100)).to.deep.equal([503]);
    });

    it('says 503 when nobody was promoted in 16 s', async () => {
      const { server, dialog } = await callUp(scene);
      scene.pinged(pairOf(server), 'primary', 'Timeout');
      await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(statuses(await scene.passes(15_900)).filter((status) => status > 100)).to.deep.equal([]);
      expect(statuses(await scene.passes(200))).to.deep.equal([503]);
    });
  });

  describe('when a pair switches', () => {
    it('sends what has no answer yet to the new active member, once, on a new branch', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      const pair = pairOf(memberOf(asked));
      scene.pinged(pair, 'backup', 200);
      scene.pinged(pair, 'primary', 'Timeout');
      const again = requestIn(scene.takes());
      expect(memberOf(again)).to.equal(backupOf(memberOf(asked)));
      expect(again.message.via.branch).to.not.equal(asked.message.via.branch);
      expect(statuses(await scene.receives(respond(again.message, 200), memberOf(again)))).to.deep.equal([200]);
    });

    it('leaves a ringing call where it is', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      await scene.receives(respond(asked.message, 180), memberOf(asked));
      scene.pinged(pairOf(memberOf(asked)), 'backup', 200);
      scene.pinged(pairOf(memberOf(asked)), 'primary', 'Timeout');
      expect(scene.takes().filter((s) => s.message.isRequest)).to.deep.equal([]);
    });

    it('takes a 482 to the second try as a sign that the first is known, and keeps waiting', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      scene.pinged(pairOf(memberOf(asked)), 'backup', 200);
      scene.pinged(pairOf(memberOf(asked)), 'primary', 'Timeout');
      const again = requestIn(scene.takes());
      const merged = await scene.receives(respond(again.message, 482), memberOf(again));
      expect(statuses(merged)).to.deep.equal([]);
      // the backup answers what the primary had begun, on the first branch
      expect(statuses(await scene.receives(respond(asked.message, 200), memberOf(again)))).to.deep.equal([200]);
    });
  });

  describe('with a REGISTER', () => {
    it('stores the contact on 200 and on nothing else', async () => {
      for (const status of [401, 403, 500, 302]) {
        const asked = requestIn(
          await scene.receives(
            request('REGISTER', {
              uri: 'sip:example.com',
              from: 'bob',
              to: 'bob',
              contact: `<sip:bob@${AT.bob}>`,
              callId: `r${status}`,
            }),
            AT.bob,
          ),
        );
        expect(statuses(await scene.receives(respond(asked.message, status), memberOf(asked)))).to.deep.equal([status]);
        expect(scene.replica.bindings('bob@example.com', scene.time)).to.deep.equal([]);
      }
      expect((await scene.registers('bob', AT.bob))?.message.status).to.equal(200);
      expect(scene.replica.bindings('bob@example.com', scene.time).map((b) => b.contact)).to.deep.equal([
        `sip:bob@${AT.bob}:5060`,
      ]);
    });

    it('stores nothing when the server does not answer', async () => {
      await scene.receives(
        request('REGISTER', { uri: 'sip:example.com', from: 'bob', to: 'bob', contact: `<sip:bob@${AT.bob}>` }),
        AT.bob,
      );
      await scene.passes(40_000);
      expect(scene.replica.counts(scene.time).bindings).to.equal(0);
    });

    it('sends the Request-URI, Authorization and body to the server as they came', async () => {
      const authorization = 'Authorization: Digest username="bob",  realm="r", response="0a"';
      const sent = requestIn(
        await scene.receives(
          request('REGISTER', {
            uri: 'sip:example.com;x=y',
            from: 'bob',
            to: 'bob',
            headers: [authorization],
            body: 'odd',
          }),
          AT.bob,
        ),
      );
      expect(sent.message.text).to.match(/^REGISTER sip:example\.com;x=y SIP\/2\.0\r\n/);
      expect(sent.message.text).to.include(`\r\n${authorization}\r\n`);
      expect(sent.message.body).to.equal('odd');
      expect(sent.message.has(Header.RecordRoute)).to.equal(false);
    });

    it('removes the contact on Expires 0', async () => {
      await scene.registers('bob', AT.bob, { callId: 'r', cseq: 1 });
      await scene.registers('bob', AT.bob, { callId: 'r', cseq: 2, expires: 0 });
      expect(scene.replica.bindings('bob@example.com', scene.time)).to.deep.equal([]);
    });

    it('removes all contacts on *', async () => {
      await scene.registers('bob', AT.bob, { callId: 'r', cseq: 1 });
      await scene.registers('bob', AT.bob, { callId: 'r', cseq: 2, expires: 0, contacts: ['*'] });
      expect(scene.replica.bindings('bob@example.com', scene.time)).to.deep.equal([]);
    });

    it('tells a phone that asks for outbound that its flow is kept, and for how long in silence', async () => {
      const contact = `<sip:bob@${AT.bob}>;reg-id=1;+sip.instance="<urn:uuid:0001>"`;
      const answer = await scene.registers('bob', AT.bob, {
        contacts: [contact],
        headers: ['Supported: path, outbound'],
      });
      expect(answer?.message.values(Header.Require)).to.deep.equal(['outbound']);
      expect(answer?.message.value(Header.FlowTimer)).to.equal('30');
      const plain = await scene.registers('alice', AT.alice);
      expect([plain?.message.has(Header.Require), plain?.message.has(Header.FlowTimer)]).to.deep.equal([false, false]);
    });

    it('refuses less than minExpires before the server sees it', async () => {
      const answer = await scene.registers('bob', AT.bob, { expires: 10 });
      expect(answer?.message.status).to.equal(423);
      expect(answer?.message.value(Header.MinExpires)).to.equal('60');
    });

    it('lowers a grant above maxExpires in the 200 and in the store alike', async () => {
      const answer = await scene.registers('bob', AT.bob, { expires: 86_400 });
      expect(answer?.message.status).to.equal(200);
      const [binding] = scene.replica.bindings('bob@example.com', scene.time);
      expect(binding?.expires).to.equal(scene.time + 3600_000);
    });

    it('answers when the store has been silent for 250 ms', async () => {
      scene.cluster.setAvailable('dc1', false);
      const asked = requestIn(
        await scene.receives(
          request('REGISTER', { uri: 'sip:example.com', from: 'bob', to: 'bob', contact: `<sip:bob@${AT.bob}>` }),
          AT.bob,
        ),
      );
      expect(statuses(await scene.receives(respond(asked.message, 200), memberOf(asked)))).to.deep.equal([]);
      expect(statuses(await scene.passes(300))).to.deep.equal([200]);
      expect(scene.replica.bindings('bob@example.com', scene.time)).to.have.length(1);
    });

    it('forwards one for a foreign domain like any request, and never stores it', async () => {
      const text = request('REGISTER', {
        uri: 'sip:elsewhere.test',
        from: '<sip:bob@elsewhere.test>',
        to: '<sip:bob@elsewhere.test>',
        contact: `<sip:bob@${AT.bob}>`,
      });
      const asked = requestIn(await scene.receives(text, AT.bob));
      expect(primaries).to.include(memberOf(asked));
      expect(statuses(await scene.receives(respond(asked.message, 200), memberOf(asked)))).to.deep.equal([200]);
      expect(scene.replica.counts(scene.time).bindings).to.equal(0);
    });
  });

  describe('with a call from a server', () => {
    const fromServer = (uri: string, more = {}) =>
      invite({ from: 'carol', to: 'bob', uri, sentBy: `${AT.ss1.primary}:5060`, ...more });

    it('reaches a phone by its AOR, at its registered contact', async () => {
      await scene.registers('bob', AT.bob);
      const sent = requestIn(await scene.receives(fromServer('sip:bob@example.com'), AT.ss1.primary));
      expect([memberOf(sent), sent.message.uri]).to.deep.equal([AT.bob, `sip:bob@${AT.bob}:5060`]);
    });

    it('reaches a phone by its contact', async () => {
      await scene.registers('bob', AT.bob);
      const sent = requestIn(await scene.receives(fromServer(`sip:bob@${AT.bob}:5060`), AT.ss1.primary));
      expect(memberOf(sent)).to.equal(AT.bob);
    });

    it('says 480 for an AOR without contacts', async () => {
      expect(statuses(await scene.receives(fromServer('sip:nobody@example.com'), AT.ss1.primary))).to.deep.equal([480]);
    });

    it('reaches a phone that another data centre registered', async () => {
      await scene.hasProxy('q1', 'dc2', AT.farProxy);
      await scene.registers('bob', AT.bob);
      const sent = requestIn(await scene.receives(fromServer('sip:bob@example.com'), AT.ss1.primary));
      expect(memberOf(sent)).to.equal(AT.bob);
    });

    it('forks to every contact, passes the first 200 back and cancels the other', async () => {
      await scene.registers('bob', AT.bob, { callId: 'r1' });
      await scene.registers('bob', '192.0.2.13', { callId: 'r2' });
      const forks = (await scene.receives(fromServer('sip:bob@example.com'), AT.ss1.primary)).filter(
        (s) => s.message.isRequest,
      );
      expect(forks.map(memberOf)).to.have.members([AT.bob, '192.0.2.13']);
      const [first, second] = forks as [Sent, Sent];
      await scene.receives(respond(second.message, 180), memberOf(second));
      const sent = await scene.receives(respond(first.message, 200), memberOf(first));
      expect(statuses(sent)).to.deep.equal([200]);
      const cancelled = requestIn(sent);
      expect([cancelled.message.method, memberOf(cancelled)]).to.deep.equal(['CANCEL', memberOf(second)]);
    });

    it('waits for all forks before it passes the best failure back', async () => {
      await scene.registers('bob', AT.bob, { callId: 'r1' });
      await scene.registers('bob', '192.0.2.13', { callId: 'r2' });
      const forks = (await scene.receives(fromServer('sip:bob@example.com'), AT.ss1.primary)).filter(
        (s) => s.message.isRequest,
      );
      const [first, second] = forks as [Sent, Sent];
      expect(statuses(await scene.receives(respond(first.message, 486), memberOf(first)))).to.deep.equal([]);
      expect(statuses(await scene.receives(respond(second.message, 404), memberOf(second)))).to.deep.equal([404]);
    });

    it("hands it to the proxy that holds the phone's connection", async () => {
      const owner = await scene.hasProxy('q1', 'dc1', '10.1.0.2', 'boot9');
      await saved(scene.replica, {
        aor: 'bob@example.com',
        id: 'sip:bob@192.168.1.5',
        contact: 'sip:bob@192.168.1.5;transport=tcp',
        q: 1000,
        transport: 'TCP',
        sourceAddress: AT.bob,
        sourcePort: 40_000,
        owner: owner.name,
        boot: owner.boot,
        flow: 4,
        expires: scene.time + 60_000,
        stamp: { first: scene.time, callId: 'r', cseq: 1, commit: scene.time },
      });
      const sent = requestIn(await scene.receives(fromServer('sip:bob@example.com'), AT.ss1.primary));
      expect(memberOf(sent)).to.equal('10.1.0.2');
      expect(sent.message.uri).to.equal('sip:bob@192.168.1.5;transport=tcp');
      expect(sent.message.value(Header.Route)).to.match(/^<sip:[A-Za-z0-9_-]+@10\.1\.0\.2:5060;lr>$/);
    });

    it('tries another proxy of the data centre when the one it was handed to says nothing, and passes that one by from then on', async () => {
      const far = `sip:ss@${AT.far.primary}`;
      await scene.hasProxy('q1', 'dc2', '10.2.0.1');
      await scene.hasProxy('q2', 'dc2', '10.2.0.2');
      const first = requestIn(await scene.receives(fromServer(far, { callId: 'x' }), AT.ss1.primary));
      const second = requestIn((await scene.passes(750)).filter((s) => s.hop.address !== first.hop.address));
      expect([memberOf(first), memberOf(second)]).to.have.members(['10.2.0.1', '10.2.0.2']);
      expect(statuses(await scene.receives(respond(second.message, 200), memberOf(second)))).to.deep.equal([200]);
      for (let i = 0; i < 5; i++) {
        const next = requestIn(await scene.receives(fromServer(far, { callId: `y${i}` }), AT.ss1.primary));
        expect(memberOf(next)).to.equal(memberOf(second));
      }
    });

    it('goes where X-Genesys-Route says, and takes that header off', async () => {
      const text = fromServer('sip:5551234@trunk.example.net', {
        headers: ['X-Genesys-Route: <sip:203.0.113.8:5080>'],
      });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([memberOf(sent), sent.hop.port, sent.message.uri]).to.deep.equal([
        '203.0.113.8',
        5080,
        'sip:5551234@trunk.example.net',
      ]);
      expect(sent.message.has(Header.XGenesysRoute)).to.equal(false);
    });
  });

  describe('against attacks', () => {
    it('lets no phone relay to a foreign host: whatever the Request-URI, a pair gets it', async () => {
      const sent = requestIn(
        await scene.receives(invite({ uri: 'sip:victim@203.0.113.66', sentBy: `${AT.alice}:5060` }), AT.alice),
      );
      expect(primaries).to.include(memberOf(sent));
    });

    it('refuses a Route past us from a phone', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060`, route: ['<sip:proxies.example.com;lr>', '<sip:10.1.1.9;lr>'] });
      expect(statuses(await scene.receives(text, AT.alice))).to.deep.equal([403]);
    });

    it('lets a phone go by the Record-Routes of a server and an SBC that stay on the route, and by none else', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      const [ours = ''] = asked.message.values(Header.RecordRoute);
      const dialog = { callId: asked.message.callId, fromTag: asked.message.fromTag, sentBy: `${AT.alice}:5060` };
      const server = `<sip:${asked.hop.address};lr>`;
      const route = [ours, server, '<sip:proxies.example.com;lr>', `<sip:${AT.sbc};lr>`];
      const sent = requestIn(await scene.receives(bye({ ...dialog, route }), AT.alice));
      expect([sent.hop.address, sent.message.values(Header.Route)]).to.deep.equal([asked.hop.address, route.slice(1)]);

      const past = [ours, server, '<sip:10.1.1.9;lr>'];
      expect(statuses(await scene.receives(bye({ ...dialog, cseq: 3, route: past }), AT.alice))).to.deep.equal([403]);
      const without = ['<sip:proxies.example.com;lr>', server];
      expect(statuses(await scene.receives(bye({ ...dialog, cseq: 4, route: without }), AT.alice))).to.deep.equal([
        403,
      ]);
    });

    it('takes a Route of ours without a token as any phone with an outbound proxy sends it', async () => {
      const sent = requestIn(
        await scene.receives(invite({ sentBy: `${AT.alice}:5060`, route: ['<sip:proxies.example.com;lr>'] }), AT.alice),
      );
      expect(sent.message.has(Header.Route)).to.equal(false);
    });

    it('takes X-Genesys-Route and P-Asserted-Identity off what a phone sends', async () => {
      const headers = ['X-Genesys-Route: <sip:203.0.113.8>', 'P-Asserted-Identity: <sip:boss@example.com>'];
      const { message, hop } = requestIn(
        await scene.receives(invite({ sentBy: `${AT.alice}:5060`, headers }), AT.alice),
      );
      expect(primaries).to.include(hop.address);
      expect([message.has(Header.XGenesysRoute), message.has(Header.PAssertedIdentity)]).to.deep.equal([false, false]);
    });

    it('does not take a phone for a server because of its Via', async () => {
      await scene.registers('bob', AT.bob);
      const sent = requestIn(
        await scene.receives(invite({ uri: 'sip:bob@example.com', sentBy: `${AT.ss1.primary}:5060` }), AT.alice),
      );
      expect(primaries).to.include(memberOf(sent));
    });

    it("does not believe a hand-over from who is no proxy, nor takes it for a phone's: it goes another way", async () => {
      const token = scene.core.signer.sign(
        {
          use: 'handover',
          caller: { kind: 'open' },
          callee: { kind: 'udp', address: '203.0.113.66', port: 5060 },
          callerTag: 0,
        },
        'c9',
        scene.time,
      );
      const text = invite({ callId: 'c9', sentBy: `${AT.alice}:5060`, route: [`<sip:${token ?? ''}@${AT.proxy};lr>`] });
      expect(statuses(await scene.receives(text, AT.alice))).to.deep.equal([430]);
    });

    it('says 430 to a proxy whose hand-over it can not verify: that one has a key which did not get here yet', async () => {
      await scene.hasProxy('q1', 'dc2', AT.farProxy);
      const route = [`<sip:${'I'.repeat(40)}@${AT.proxy};lr>`];
      const text = bye({ callId: 'c9', toTag: 'b', sentBy: `${AT.farProxy}:5060`, route });
      expect(statuses(await scene.receives(text, AT.farProxy))).to.deep.equal([430]);
    });

    it('says 430 to a proxy whose flow is gone, and delivers on one that is there', async () => {
      await scene.hasProxy('q1', 'dc2', AT.farProxy);
      const stream = await Scene.begin({
        listeners: [
          { transport: 'UDP', port: 5060, side: 'Both' },
          { transport: 'TCP', port: 5060, side: 'Both' },
        ],
      });
      await stream.hasProxy('q1', 'dc2', AT.farProxy);
      stream.phoneStream(7, AT.bob, 40_001);
      const { flowEnd, OPEN } = await import('../../../proxy/routing/token.ts');
      const handOver = (flow: number, callId: string): string => {
        const token = stream.core.signer.sign(
          { use: 'handover', caller: OPEN, callee: flowEnd('p1', 'boot1', flow), callerTag: 0 },
          callId,
          stream.time,
        );
        return invite({
          callId,
          uri: 'sip:bob@192.168.1.5',
          sentBy: `${AT.farProxy}:5060`,
          route: [`<sip:${token ?? ''}@${AT.proxy};lr>`],
        });
      };
      const delivered = requestIn(await stream.receives(handOver(7, 'h1'), AT.farProxy));
      expect([delivered.hop.connection?.number, delivered.message.has(Header.RecordRoute)]).to.deep.equal([7, false]);
      expect(statuses(await stream.receives(handOver(8, 'h2'), AT.farProxy)).filter((s) => s > 100)).to.deep.equal([
        430,
      ]);
    });

    it('lets nobody bounce responses off it to a third party by a branch that looks like its own', async () => {
      const asked = requestIn(await scene.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice));
      const { branch } = asked.message.via;
      const stray = (next: string): string =>
        respond(
          invite({
            via: [
              `SIP/2.0/UDP ${AT.proxy}:5060;branch=${branch.slice(0, -4)}zzzz`,
              `SIP/2.0/UDP ${next}:5060;branch=z9hG4bKx`,
            ],
          }),
          200,
        );
      expect(await scene.receives(stray('203.0.113.66'), '203.0.113.9')).to.deep.equal([]);
      // from a server, or to one, it is the late 2xx of a call that began before a restart (RFC 3261 16.7)
      expect((await scene.receives(stray(AT.alice), AT.ss1.primary)).map(memberOf)).to.deep.equal([AT.alice]);
      expect((await scene.receives(stray(AT.ss1.primary), AT.bob)).map(memberOf)).to.deep.equal([AT.ss1.primary]);
    });

    it('drops a response that nobody asked for', async () => {
      const stray = respond(invite({ sentBy: '203.0.113.9:5060' }), 200);
      expect(await scene.receives(stray, '203.0.113.9')).to.deep.equal([]);
      expect(scene.core.counts.strayResponses).to.equal(1);
    });
  });

  describe('with what is not routed', () => {
    it('answers OPTIONS to itself: 200 when a new call could be placed, else 503', async () => {
      expect(statuses(await scene.receives(options({ sentBy: `${AT.sbc}:5060` }), AT.sbc))).to.deep.equal([200]);
      scene.core.draining = true;
      expect(statuses(await scene.receives(options({ sentBy: `${AT.sbc}:5060` }), AT.sbc))).to.deep.equal([503]);
    });

    it('answers 483 when Max-Forwards is used up', async () => {
      expect(
        statuses(await scene.receives(invite({ maxForwards: 0, sentBy: `${AT.alice}:5060` }), AT.alice)),
      ).to.deep.equal([483]);
    });

    it('answers 420 with what it does not support of Proxy-Require', async () => {
      const [answer] = await scene.receives(
        invite({ headers: ['Proxy-Require: foo, bar'], sentBy: `${AT.alice}:5060` }),
        AT.alice,
      );
      expect([answer?.message.status, answer?.message.value(Header.Unsupported)]).to.deep.equal([420, 'foo, bar']);
    });

    it('forwards methods that it has never heard of', async () => {
      const sent = requestIn(await scene.receives(request('NEWMETHOD', { sentBy: `${AT.alice}:5060` }), AT.alice));
      expect([sent.message.method, primaries.includes(memberOf(sent))]).to.deep.equal(['NEWMETHOD', true]);
    });

    it('answers 500 where it is wrong itself, says so in the log, and goes on', async () => {
      const broken = await Scene.begin();
      broken.core.identity = undefined as unknown as Scene['core']['identity'];
      expect(statuses(await broken.receives(register({ sentBy: `${AT.alice}:5060` }), AT.alice))).to.deep.equal([500]);
      expect(broken.core.counts.internalErrors).to.equal(1);
    });

    it('survives a timer that is wrong, says so in the log, and runs the others', async () => {
      let ran = 0;
      class Wrong implements Timer {
        place = NOWHERE;
        expire(): void {
          ran++;
          throw new Error('planted');
        }
      }
      for (const timer of [new Wrong(), new Wrong()]) scene.timers.schedule(timer, scene.time + 10);
      await scene.passes(200);
      expect([ran, scene.core.counts.internalErrors]).to.deep.equal([2, 2]);
    });

    it('answers a malformed request with the defect, and drops what it cannot answer', async () => {
      const text = invite({ sentBy: `${AT.alice}:5060` });
      const [answer] = await scene.receives(text.replace('CSeq: 1 INVITE', 'CSeq: 1 BYE'), AT.alice);
      expect([answer?.message.status, answer?.message.reason]).to.deep.equal([400, 'CSeq Method Mismatch']);
      expect(await scene.receives('complete nonsense\r\n\r\n', AT.alice)).to.deep.equal([]);
    });
  });

  describe('before its store has been loaded', () => {
    it('refuses what is new, and leaves dialogs to their sender, who repeats or goes elsewhere', async () => {
      const { dialog } = await callUp(scene);
      const early = await Scene.begin({}, false);
      const new503 = await early.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(statuses(new503)).to.deep.equal([503]);
      expect(await early.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice)).to.deep.equal([]);
      expect(await early.receives(ack({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice)).to.deep.equal([]);
    });

    it('answers an SBC at the port of its Via, from whichever it sends (RFC 3261 18.2.2)', async () => {
      const early = await Scene.begin({}, false);
      const text = invite({ via: [`SIP/2.0/UDP ${AT.sbc}:5060;branch=z9hG4bKsbc`] });
      const sent = await early.receives(text, AT.sbc, 40_000);
      expect(sent.map(({ hop }) => hop.port)).to.deep.equal([5060]);
    });
  });

  describe('under overload', () => {
    it('refuses REGISTERs above the limit, each told when to come again, and no call for them', async () => {
      const limited = await Scene.begin({ overload: { registersPerSecond: 5 } });
      const answers: Sent[] = [];
      for (let i = 0; i < 8; i++) {
        const text = register({ from: `u${i}`, callId: `r${i}`, branch: `z9hG4bKr${i}`, sentBy: `${AT.alice}:5060` });
        answers.push(...(await limited.receives(text, AT.alice)));
      }
      expect(answers.filter(({ message }) => message.isRequest)).to.have.length(5);
      expect(statuses(answers)).to.deep.equal([503, 503, 503]);
      for (const { message } of answers.slice(5)) expect(Number(message.value(Header.RetryAfter))).to.be.at.least(5);
      expect(limited.core.counts.overload).to.equal(3);
      const call = await limited.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice);
      expect(primaries).to.include(memberOf(requestIn(call)));
    });

    it('refuses new calls above the limit, and nothing inside dialogs', async () => {
      const limited = await Scene.begin({ overload: { invitesPerSecond: 2 } });
      const answers: number[] = [];
      for (let i = 0; i < 4; i++)
        answers.push(...statuses(await limited.receives(invite({ sentBy: `${AT.alice}:5060` }), AT.alice)));
      expect(answers).to.deep.equal([100, 100, 503, 503]);
      const { server, dialog } = await callUp(scene);
      expect(
        memberOf(requestIn(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice))),
      ).to.equal(server);
    });
  });

  it('leaves nothing behind when every transaction has ended', async () => {
    const { dialog } = await callUp(scene);
    const byeSent = requestIn(await scene.receives(bye({ ...dialog, sentBy: `${AT.alice}:5060` }), AT.alice));
    await scene.receives(respond(byeSent.message, 200), memberOf(byeSent));
    await scene.passes(70_000);
    expect(scene.layer.idle).to.equal(true);
    expect(scene.core.pendingCopies).to.equal(0);
  });
});
