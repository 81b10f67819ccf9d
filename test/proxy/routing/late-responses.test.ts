import { expect } from 'chai';
import { invite, respond } from '../../builders.ts';
import { AT, requestIn, Scene, type Sent } from './scene.ts';

const LISTENERS = [
  { transport: 'UDP', port: 5060, side: 'Both' },
  { transport: 'TCP', port: 5060, side: 'Both' },
] as const;

const answers = (sent: readonly Sent[]): Sent[] => sent.filter(({ message }) => !message.isRequest);
const places = (sent: readonly Sent[]): string[] =>
  sent.map(({ hop }) => `${hop.transport} ${hop.address}:${hop.port}`);

/** An Sbc's INVITE by a connection that is closed when its answer comes. */
async function answeredLate(scene: Scene, sentBy: string, callId = 'late'): Promise<Sent[]> {
  const connection = scene.phoneStream(1, AT.sbc, 40_000);
  const text = invite({ transport: 'TCP', sentBy, callId, branch: `z9hG4bK${callId}` });
  const asked = requestIn(await scene.receives(text, AT.sbc, 40_000, 'TCP', connection));
  Object.assign(connection, { open: false });
  return answers(await scene.receives(respond(asked.message, 486), asked.hop.address));
}

/** Nothing reaches where `sent`, a response, went; what is sent instead. */
async function fails(scene: Scene, sent: readonly Sent[]): Promise<Sent[]> {
  const hop = sent.at(-1)?.hop;
  if (hop === undefined) throw new Error('no response was sent');
  scene.core.incoming.failed(hop);
  await scene.settled();
  return answers(scene.takes());
}

/** An Sbc's INVITE by UDP whose answer meets an ICMP error; what was sent. */
async function refused(scene: Scene, sentBy: string, from: string = AT.sbc): Promise<Sent[]> {
  const asked = requestIn(await scene.receives(invite({ sentBy }), from));
  return undelivered(scene, answers(await scene.receives(respond(asked.message, 486), asked.hop.address)));
}

/** ICMP says that `sent`, a response, did not arrive; what is sent instead. */
async function undelivered(scene: Scene, sent: readonly Sent[]): Promise<Sent[]> {
  const last = sent.at(-1);
  if (last === undefined) throw new Error('no response was sent');
  scene.core.incoming.undelivered(last.hop, last.text.slice(0, 300));
  await scene.settled();
  return answers(scene.takes());
}

describe('a response that ICMP says did not arrive (RFC 3261 18.2.2, RFC 3263 5)', () => {
  it('goes to each of the targets of its sent-by, and to where it went again at last', async () => {
    const scene = await Scene.begin();
    scene.names.set('sip:sbc.example.net;transport=udp', ['192.0.2.71', AT.sbc, '192.0.2.72']);
    const first = await refused(scene, 'sbc.example.net');
    expect(places(first)).to.deep.equal(['UDP 192.0.2.71:5060']);
    expect(first[0]?.message.status).to.equal(486);
    const second = await undelivered(scene, first);
    expect(places(second)).to.deep.equal(['UDP 192.0.2.72:5060']);
    const third = await undelivered(scene, second);
    expect(places(third)).to.deep.equal([`UDP ${AT.sbc}:5060`]);
    expect(await undelivered(scene, third)).to.deep.equal([]);
    expect(scene.core.counts).to.include({ responsesAnew: 3, responsesLost: 1 });
    expect(scene.errors).to.deep.equal([]);
  });

  it('goes there when it is due again, too', async () => {
    const scene = await Scene.begin();
    scene.names.set('sip:sbc.example.net;transport=udp', ['192.0.2.71']);
    await refused(scene, 'sbc.example.net');
    expect(places(answers(await scene.passes(600)))).to.deep.equal(['UDP 192.0.2.71:5060']);
  });

  it('goes where it went once more where its sent-by leads nowhere', async () => {
    const scene = await Scene.begin();
    const again = await refused(scene, 'nobody.example.net');
    expect(places(again)).to.deep.equal([`UDP ${AT.sbc}:5060`]);
    expect(await undelivered(scene, again)).to.deep.equal([]);
  });

  it('is not looked for on behalf of a phone, whatever its Via says', async () => {
    const scene = await Scene.begin();
    expect(await refused(scene, '192.0.2.99', AT.alice)).to.deep.equal([]);
    expect(scene.core.counts.responsesAnew).to.equal(0);
  });

  it('is looked for a few times a second, whatever is claimed', async () => {
    const scene = await Scene.begin();
    scene.names.set('sip:sbc.example.net;transport=udp', ['192.0.2.71']);
    const hop = scene.hop('UDP', AT.sbc, 5060);
    if (hop === undefined) throw new Error('no UDP listener');
    for (let i = 0; i < 4; i++) scene.core.incoming.undelivered(hop, 'SIP/2.0 200 OK\r\n');
    expect(await refused(scene, 'sbc.example.net')).to.deep.equal([]);
    scene.time += 1000;
    expect(await refused(scene, 'sbc.example.net')).to.have.lengthOf(1);
  });
});

describe('a response to who has ended its own side of the connection', () => {
  it('is still sent over it to a phone, but over a new one to an Sbc', async () => {
    const scene = await Scene.begin({ listeners: LISTENERS });
    for (const [address, sentTo] of [
      [AT.alice, `TCP ${AT.alice}:40000`],
      [AT.sbc, `TCP ${AT.sbc}:5090`],
    ] as const) {
      const connection = scene.phoneStream(1, address, 40_000);
      const text = invite({ transport: 'TCP', sentBy: `${address}:5090` });
      const asked = requestIn(await scene.receives(text, address, 40_000, 'TCP', connection));
      Object.assign(connection, { open: false, lingers: true });
      const sent = answers(await scene.receives(respond(asked.message, 486), asked.hop.address));
      expect(places(sent)).to.deep.equal([sentTo]);
      expect(sent[0]?.hop.connection).to.equal(address === AT.alice ? connection : undefined);
    }
    expect(scene.core.counts.responsesLost).to.equal(0);
  });
});

describe('a response whose connection is closed (RFC 3261 18.2.2, RFC 3263 5)', () => {
  it('goes to the address that the request came from, at the port of its Via', async () => {
    const scene = await Scene.begin({ listeners: LISTENERS });
    expect(places(await answeredLate(scene, `${AT.sbc}:5090`))).to.deep.equal([`TCP ${AT.sbc}:5090`]);
    expect(scene.core.counts.responsesAnew).to.equal(1);
  });

  it('goes anew to a proxy, too, that is known by its certificate alone, as behind a NAT', async () => {
    const scene = await Scene.begin({ listeners: [...LISTENERS, { transport: 'TLS', port: 5061, side: 'Both' }] });
    const connection = {
      ...scene.phoneStream(1, '203.0.113.77', 40_000),
      transport: 'TLS' as const,
      certificateNames: ['proxies.example.com'],
    };
    const text = invite({ transport: 'TLS', sentBy: '10.2.0.1:5061' });
    const asked = requestIn(await scene.receives(text, '203.0.113.77', 40_000, 'TLS', connection));
    connection.open = false;
    const sent = answers(await scene.receives(respond(asked.message, 486), asked.hop.address));
    expect(places(sent)).to.deep.equal(['TLS 203.0.113.77:5061']);
  });

  it('goes to each of the targets of its sent-by where that can not be reached', async () => {
    const scene = await Scene.begin({ listeners: LISTENERS });
    scene.names.set('sip:sbc.example.net;transport=tcp', ['192.0.2.71', AT.sbc, '192.0.2.72']);
    const first = await answeredLate(scene, 'sbc.example.net');
    expect(places(first)).to.deep.equal([`TCP ${AT.sbc}:5060`]);
    const second = await fails(scene, first);
    expect(places(second)).to.deep.equal(['TCP 192.0.2.71:5060']);
    const third = await fails(scene, second);
    expect(places(third)).to.deep.equal(['TCP 192.0.2.72:5060']);
    expect(await fails(scene, third)).to.deep.equal([]);
    expect(scene.core.counts.responsesLost).to.equal(1);
    expect(scene.errors).to.deep.equal([]);
  });

  it('goes to its sent-by where that is an IPv6 address', async () => {
    const scene = await Scene.begin({ listeners: LISTENERS });
    scene.names.set('sip:[2001:db8::71]:5090;transport=tcp', ['192.0.2.71']);
    const sent = await fails(scene, await answeredLate(scene, '[2001:db8::71]:5090'));
    expect(places(sent)).to.deep.equal(['TCP 192.0.2.71:5060']);
  });

  it('goes nowhere where its sent-by leads nowhere', async () => {
    const scene = await Scene.begin({ listeners: LISTENERS });
    const sent = await answeredLate(scene, 'nobody.example.net:5090');
    expect(await fails(scene, sent)).to.deep.equal([]);
    expect(scene.core.counts.responsesLost).to.equal(1);
  });

  it('is no more sent when a connection ends long afterwards', async () => {
    const scene = await Scene.begin({ listeners: LISTENERS });
    scene.names.set('sip:sbc.example.net;transport=tcp', ['192.0.2.71']);
    const sent = await answeredLate(scene, 'sbc.example.net');
    scene.time += 10_000;
    expect(await fails(scene, sent)).to.deep.equal([]);
  });

  it('is remembered with 255 others at the most', async () => {
    const scene = await Scene.begin({ listeners: LISTENERS });
    scene.names.set('sip:sbc.example.net;transport=tcp', ['192.0.2.71']);
    let sent: Sent[] = [];
    for (let i = 0; i < 260; i++) sent = await answeredLate(scene, 'sbc.example.net', `late-${i}`);
    expect(await fails(scene, sent)).to.have.length(256);
  });
});
