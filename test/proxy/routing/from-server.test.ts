import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { saved } from '../store/records.ts';
import { memberOf } from './call-up.ts';
import { AT, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

describe('the core with a call from a server', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

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

  it('says 404 for what is ours and names nobody, which would come back to the server (RFC 3261 16.5)', async () => {
    for (const uri of [`sip:${AT.proxy}:5060`, 'sip:example.com', 'sips:example.com'])
      expect(statuses(await scene.receives(fromServer(uri), AT.ss1.primary)), uri).to.deep.equal([404]);
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
