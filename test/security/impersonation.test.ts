import { expect } from 'chai';
import { Header } from '../../proxy/sip/header.ts';
import { request } from '../builders.ts';
import { AT, invite, requestIn, respond, Scene, statuses } from '../proxy/routing/scene.ts';
import { MALLORY, PRIMARIES, reached, signed } from './attacks.ts';

const BOTH_SIDES = {
  listeners: [
    { transport: 'UDP' as const, port: 5060, side: 'External' as const },
    { transport: 'TCP' as const, port: 5060, side: 'External' as const },
  ],
};

describe('posing as somebody else', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
    await scene.registers('bob', AT.bob);
  });

  /** What only a server may do: reach bob without going through a pair. */
  const toBob = (more: Parameters<typeof invite>[0]) => invite({ from: 'mallory', to: 'bob', ...more });

  for (const [what, more] of [
    ["a server's address in the Via", { sentBy: `${AT.ss1.primary}:5060` }],
    [
      "a server's address in From and Contact",
      { from: `<sip:ss1@${AT.ss1.primary}>`, contact: `<sip:${AT.ss1.primary}>` },
    ],
    [
      "a server's received in the Via",
      { via: [`SIP/2.0/UDP ${AT.ss1.primary}:5060;received=${AT.ss1.primary};rport=5060;branch=z9hG4bKm`] },
    ],
    [
      "a server's Via below its own",
      { via: [`SIP/2.0/UDP ${MALLORY}:5060;branch=z9hG4bKm`, `SIP/2.0/UDP ${AT.ss1.primary}:5060;branch=z9hG4bKs`] },
    ],
    ['a Record-Route of ours', { headers: ['Record-Route: <sip:proxies.example.com;lr>'] }],
    ["X-Genesys-Route that names the server's own address", { headers: [`X-Genesys-Route: <sip:${AT.ss1.primary}>`] }],
    ['a P-Asserted-Identity', { headers: ['P-Asserted-Identity: <sip:ss1@example.com>'] }],
  ] as const) {
    it(`makes nobody a server: ${what}`, async () => {
      const sent = await scene.receives(toBob(more), MALLORY);
      const forwarded = requestIn(sent);
      expect(PRIMARIES).to.include(forwarded.hop.address);
      expect(reached(sent)).to.not.include(AT.bob);
    });
  }

  it('makes nobody a server over a stream: an address in the Via does not, only that of the connection', async () => {
    const streams = await Scene.begin({
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TCP', port: 5060, side: 'Both' },
      ],
    });
    await streams.registers('bob', AT.bob);
    const text = toBob({ transport: 'TCP', sentBy: `${AT.ss1.primary}:5060` });
    const phone = streams.phoneStream(3, MALLORY, 40_000);
    expect(PRIMARIES).to.include(requestIn(await streams.receives(text, MALLORY, 40_000, 'TCP', phone)).hop.address);
  });

  it("makes nobody a server on the side that servers are not on, not even by the server's own address", async () => {
    const external = await Scene.begin(BOTH_SIDES);
    await external.registers('bob', AT.bob);
    const sent = await external.receives(toBob({ sentBy: `${AT.ss1.primary}:5060` }), AT.ss1.primary);
    expect(PRIMARIES).to.include(requestIn(sent).hop.address);
    expect(requestIn(sent).message.uri).to.equal('sip:bob@example.com');
  });

  it('makes nobody a server by coming from another port of its address', async () => {
    const sent = requestIn(await scene.receives(toBob({ sentBy: `${AT.ss1.primary}:40000` }), AT.ss1.primary, 40_000));
    expect(PRIMARIES).to.include(sent.hop.address);
  });

  it('does not get an asserted identity, a route of its own choice or a Path past us', async () => {
    const headers = [
      'P-Asserted-Identity: <sip:boss@example.com>',
      'p-asserted-identity: <tel:+15551234>',
      'X-Genesys-Route: <sip:203.0.113.66>',
      'x-genesys-route: <sip:203.0.113.66>',
    ];
    const { message } = requestIn(await scene.receives(toBob({ headers }), MALLORY));
    for (const id of [Header.PAssertedIdentity, Header.XGenesysRoute]) expect(message.has(id)).to.equal(false);
    expect(message.text).to.not.match(/asserted-identity|genesys/i);
  });

  it('does not get an asserted identity past us in what it answers, and a server does', async () => {
    const headers = ['P-Asserted-Identity: <sip:boss@example.com>', 'p-asserted-identity : <tel:+15551234>'];
    const call = { from: 'carol', to: 'bob', sentBy: `${AT.ss1.primary}:5060` };
    const asked = requestIn(await scene.receives(invite(call), AT.ss1.primary));
    for (const status of [180, 200, 200]) {
      const sent = await scene.receives(respond(asked.message, status, { toTag: 'b', headers }), AT.bob);
      const [answer] = sent;
      expect([answer?.message.status, answer?.hop.address]).to.deep.equal([status, AT.ss1.primary]);
      expect(answer?.text).to.not.match(/asserted-identity/i);
    }
    const other = requestIn(await scene.receives(invite({ ...call, callId: 'refused' }), AT.ss1.primary));
    const refused = await scene.receives(respond(other.message, 486, { toTag: 'b', headers }), AT.bob);
    expect(refused.map(({ text }) => text).join('')).to.not.match(/asserted-identity/i);

    const toServer = requestIn(await scene.receives(invite({ from: 'bob', sentBy: `${AT.bob}:5060` }), AT.bob));
    const [fromServer] = await scene.receives(
      respond(toServer.message, 180, { toTag: 's', headers }),
      toServer.hop.address,
    );
    expect(fromServer?.message.values(Header.PAssertedIdentity)).to.have.length(2);
  });

  it("makes nobody a proxy: a proxy's own hand-over, replayed from elsewhere, is refused", async () => {
    await scene.hasProxy('q1', 'dc2', AT.farProxy);
    const token = signed(
      scene,
      {
        use: 'handover',
        caller: { kind: 'open' },
        callee: { kind: 'udp', address: AT.bob, port: 5060 },
        callerTag: 0,
      },
      'replayed',
    );
    const text = toBob({ callId: 'replayed', route: [`<sip:${token}@${AT.proxy};lr>`] });
    const sent = await scene.receives(text, MALLORY);
    expect([statuses(sent), reached(sent)]).to.deep.equal([[430], [MALLORY]]);
  });

  it("makes nobody a proxy: from a proxy's address without a hand-over one is what else one is", async () => {
    await scene.hasProxy('q1', 'dc2', AT.farProxy);
    const sent = requestIn(await scene.receives(toBob({ sentBy: `${AT.farProxy}:5060` }), AT.farProxy));
    expect(PRIMARIES).to.include(sent.hop.address);
  });

  it('makes a request of any method no more than a phone\u2019s', async () => {
    for (const method of ['SUBSCRIBE', 'MESSAGE', 'NOTIFY', 'PUBLISH', 'INFO', 'NEWMETHOD']) {
      const text = request(method, { to: 'bob', sentBy: `${AT.ss1.primary}:5060` });
      expect(PRIMARIES, method).to.include(requestIn(await scene.receives(text, MALLORY)).hop.address);
    }
  });
});
