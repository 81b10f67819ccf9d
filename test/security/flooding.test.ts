import { expect } from 'chai';
import { register, request } from '../builders.ts';
import { AT, invite, requestIn, respond, Scene, statuses } from '../proxy/routing/scene.ts';
import { DEFAULT_LIMITS } from '../../proxy/limits.ts';
import { MALLORY, PRIMARIES } from './attacks.ts';

const at = { sentBy: `${MALLORY}:5060` };

describe('one endpoint that floods', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  const BAD = {
    'malformed messages': () => invite(at).replace('CSeq: 1 INVITE', 'CSeq: 1 BYE'),
    'messages without hops left': () => invite({ ...at, maxForwards: 0 }),
    'Routes past us': () => request('MESSAGE', { ...at, route: ['<sip:203.0.113.66;lr>'] }),
    'CANCELs of nothing': () => request('CANCEL', at),
    'required extensions': () => request('MESSAGE', { ...at, headers: ['Proxy-Require: x'] }),
    Paths: () => register({ ...at, headers: ['Path: <sip:203.0.113.66;lr>'] }),
  };

  /** Sends so many without a pause, and returns what was answered. */
  async function flood(count: number, make: () => string, who = MALLORY, port = 5060): Promise<number[]> {
    const hop = scene.hop('UDP', who, port);
    if (hop === undefined) throw new Error('no listener');
    for (let i = 0; i < count; i++) scene.core.incoming.receive(make(), hop);
    await scene.settled();
    return statuses(scene.takes());
  }

  for (const [what, make] of Object.entries(BAD)) {
    it(`with ${what} is answered for a while, then not, and takes up nothing`, async () => {
      expect(await flood(1_000, make)).to.have.length(200);
      expect(scene.core.counts.badUnanswered).to.equal(800);
      expect(scene.layer.counts.servers).to.be.at.most(200);
    });
  }

  it('is answered as often as is configured', async () => {
    scene = await Scene.begin({ limits: { ...DEFAULT_LIMITS, badMessagesPerSecond: 5 } });
    expect(await flood(100, BAD['malformed messages'])).to.have.length(20);
  });

  it('is still served where it sends something good', async () => {
    await flood(300, BAD['malformed messages']);
    const ping = request('OPTIONS', { ...at, uri: 'sip:example.com' });
    expect(statuses(await scene.receives(ping, MALLORY))).to.deep.equal([200]);
    expect(PRIMARIES).to.include(requestIn(await scene.receives(invite(at), MALLORY)).hop.address);
  });

  it('takes nothing from the phone beside it, behind the same NAT', async () => {
    await flood(300, BAD['malformed messages'], MALLORY, 40_000);
    expect(statuses(await scene.receives(BAD['malformed messages'](), MALLORY, 40_001))).to.deep.equal([400]);
  });

  it('is answered without end where it is a server, a proxy or an SBC', async () => {
    await scene.hasProxy('q1', 'dc2', AT.farProxy);
    for (const who of [AT.ss1.primary, AT.farProxy, AT.sbc]) {
      expect(await flood(300, BAD['malformed messages'], who), who).to.have.length(300);
    }
  });

  /** One REGISTER of mallory's for `user`, answered so by its server; whether it got to one. */
  function registers(user: string, callId: string, status: number): boolean {
    const hop = scene.hop('UDP', MALLORY, 5060);
    if (hop === undefined) throw new Error('no listener');
    const contact = `<sip:${user}@${MALLORY}>`;
    scene.core.incoming.receive(register({ ...at, from: user, callId, contact }), hop);
    const asked = scene.takes().find(({ message }) => message.isRequest);
    if (asked === undefined) return false;
    scene.core.incoming.receive(respond(asked.message, status), asked.hop);
    return true;
  }

  it('with REGISTERs that are refused gets no more of them to a server, and its calls still', async () => {
    let asked = 0;
    for (let i = 0; i < 1_200; i++) if (registers('bob', `r${i}`, 403)) asked++;
    expect(asked).to.equal(1_000);
    expect(PRIMARIES).to.include(requestIn(await scene.receives(invite(at), MALLORY)).hop.address);
    await scene.passes(2_000);
    expect(registers('bob', 'later', 403)).to.equal(true);
  }).timeout(60_000);

  it('is not taken for one that registers thousands of phones, each challenged first', () => {
    for (let i = 0; i < 1_500; i++) for (const status of [401, 200]) registers(`u${i}`, `r${i}`, status);
    expect(scene.core.counts.registersCapped).to.equal(0);
  }).timeout(60_000);
});
