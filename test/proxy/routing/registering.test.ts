import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { request } from '../../builders.ts';
import { memberOf, primaries } from './call-up.ts';
import { AT, requestIn, respond, Scene, statuses } from './scene.ts';

describe('the core with a REGISTER', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

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
