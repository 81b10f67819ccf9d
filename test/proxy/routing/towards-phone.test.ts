import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import type { Binding } from '../../../proxy/store/records.ts';
import { bye, register } from '../../builders.ts';
import { saved } from '../store/records.ts';
import { AT, invite, requestIn, respond, Scene, statuses, type Sent } from './scene.ts';

const OVER_TCP = {
  listeners: [
    { transport: 'UDP' as const, port: 5060, side: 'Both' as const },
    { transport: 'TCP' as const, port: 5060, side: 'Both' as const },
  ],
};
const NAT = '203.0.113.50';

describe('towards a phone', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin(OVER_TCP);
  });

  const calls = async (more: Parameters<typeof invite>[0] = {}): Promise<Sent[]> => {
    const text = invite({ from: 'carol', to: 'bob', sentBy: `${AT.ss1.primary}:5060`, ...more });
    return await scene.receives(text, AT.ss1.primary);
  };
  const copies = (sent: readonly Sent[]): Sent[] =>
    sent.filter(({ message }) => message.isRequest && message.method !== 'ACK');

  /** A binding of bob's, as another proxy or an earlier time has left it. */
  async function bound(binding: Partial<Binding> & { id: string }): Promise<void> {
    await saved(scene.replica, {
      aor: 'bob@example.com',
      contact: 'sip:bob@192.168.1.5;transport=tcp',
      q: 1000,
      transport: 'TCP',
      sourceAddress: NAT,
      sourcePort: 40_000,
      expires: scene.time + 600_000,
      stamp: { first: scene.time, callId: binding.id, cseq: 1, commit: scene.time },
      ...binding,
    });
  }

  /** bob's device registers a flow over this connection (RFC 5626). */
  async function flow(number: number, regId: number) {
    const phone = scene.phoneStream(number, NAT, 40_000 + number);
    const contact = `<sip:bob@192.168.1.5;transport=tcp>;reg-id=${regId};+sip.instance="<urn:uuid:b>"`;
    const headers = ['Supported: outbound'];
    const text = register({
      from: 'bob',
      transport: 'TCP',
      sentBy: '192.168.1.5',
      contact,
      headers,
      callId: `r${number}`,
    });
    const asked = requestIn(await scene.receives(text, NAT, 40_000 + number, 'TCP', phone));
    await scene.receives(respond(asked.message, 200), asked.hop.address);
    scene.time += 1_000;
    return phone;
  }

  it('behind NAT goes over UDP to where its REGISTER came from, at its contact', async () => {
    const text = register({ from: 'bob', sentBy: '192.168.1.5:5060' });
    const asked = requestIn(await scene.receives(text, NAT, 31_000));
    await scene.receives(respond(asked.message, 200), asked.hop.address);
    const [copy] = copies(await calls());
    expect([copy?.hop.address, copy?.hop.port, copy?.message.uri]).to.deep.equal([
      NAT,
      31_000,
      'sip:bob@192.168.1.5:5060',
    ]);
    expect(scene.replica.bindings('bob@example.com', scene.time)[0]?.owner).to.equal('p1');
  });

  it('over UDP is told to be out of reach at once where ICMP says so, but not once it rings', async () => {
    for (const rings of [false, true]) {
      const text = register({ from: 'bob', sentBy: '192.168.1.5:5060' });
      const asked = requestIn(await scene.receives(text, NAT, 31_000));
      await scene.receives(respond(asked.message, 200), asked.hop.address);
      const copy = requestIn(copies(await calls()));
      if (rings) await scene.receives(respond(copy.message, 180), NAT, 31_000);
      scene.core.incoming.undelivered(copy.hop, copy.text.slice(0, 520));
      expect(scene.takes().map(({ message }) => message.status)).to.deep.equal(rings ? [] : [480]);
    }
  });

  describe('with two flows of one device (RFC 5626)', () => {
    it('takes the one that was registered last, never both at once', async () => {
      await flow(1, 1);
      const second = await flow(2, 2);
      const sent = copies(await calls());
      expect(sent.map(({ hop }) => hop.connection)).to.deep.equal([second]);
    });

    it('takes the other one at once when the first breaks under the request', async () => {
      const first = await flow(1, 1);
      await flow(2, 2);
      const [copy] = copies(await calls());
      if (copy === undefined) throw new Error('nothing was sent');
      scene.layer.transportError(copy.hop);
      expect(copies(scene.takes()).map(({ hop }) => hop.connection)).to.deep.equal([first]);
    });

    it('takes the other one when the proxy that holds the first answers 430', async () => {
      const here = await flow(1, 1);
      await scene.hasProxy('q1', 'dc1', '10.1.0.2', 'boot9');
      scene.time += 1_000;
      await bound({
        id: 'urn:uuid:b;2',
        instance: 'urn:uuid:b',
        regId: 2,
        owner: 'q1',
        boot: 'boot9',
        flow: 7,
      });
      const [handedOver] = copies(await calls());
      expect(handedOver?.hop.address).to.equal('10.1.0.2');
      const sent = await scene.receives(respond(handedOver?.message ?? '', 430), '10.1.0.2');
      expect(copies(sent).map(({ hop }) => hop.connection)).to.deep.equal([here]);
    });

    it('takes no third way while the second is still being looked up, however long that takes', async () => {
      await scene.hasProxy('q1', 'dc1', '10.1.0.2', 'boot9');
      const device = { instance: 'urn:uuid:b', sourceAddress: AT.sbc };
      await bound({ ...device, id: 'urn:uuid:b;1', contact: 'sip:bob@pool.sbc.example.net', transport: 'UDP' });
      await bound({ ...device, id: 'urn:uuid:b;2', regId: 2, owner: 'q1', boot: 'boot9', flow: 7 });
      scene.names.set('sip:bob@pool.sbc.example.net', ['198.51.100.6']);
      const [handedOver] = copies(await calls());
      scene.layer.transportError(handedOver?.hop ?? requestIn([]).hop);
      scene.time += 1_000;
      scene.core.advance(scene.time);
      await scene.settled();
      expect(copies(scene.takes()).map(({ hop }) => hop.address)).to.deep.equal(['198.51.100.6']);
      expect(scene.core.counts.handoverSilent).to.equal(0);
    });

    it('takes the other one where the server names the contact of the first, which is gone', async () => {
      const first = await flow(1, 1);
      const [known] = scene.replica.bindings('bob@example.com', scene.time);
      const second = scene.phoneStream(2, NAT, 40_002);
      await bound({
        id: 'urn:uuid:b;2',
        contact: 'sip:bob@192.168.1.5:5062;transport=tcp',
        instance: 'urn:uuid:b',
        regId: 2,
        owner: 'p1',
        boot: 'boot1',
        flow: 2,
      });
      const uri = known?.contact ?? '';
      const asked = async (callId: string): Promise<Sent[]> =>
        copies(
          await scene.receives(invite({ uri, to: 'bob', callId, sentBy: `${AT.ss1.primary}:5060` }), AT.ss1.primary),
        );
      expect((await asked('1')).map(({ hop }) => hop.connection)).to.deep.equal([first]);
      Object.assign(first, { open: false });
      const sent = await asked('2');
      expect(sent.map(({ hop, message }) => [hop.connection, message.uri])).to.deep.equal([
        [second, 'sip:bob@192.168.1.5:5062;transport=tcp'],
      ]);
    });

    it('is 480 at once, and no 430, when none is left', async () => {
      const phone = await flow(1, 1);
      Object.assign(phone, { open: false });
      expect(statuses(await calls()).at(-1)).to.equal(480);
    });
  });

  it('is the only one of its AOR that is called by its GRUU (RFC 5627), and the others are not where it is gone', async () => {
    const contact = (device: string): string =>
      `<sip:bob@${AT[device === 'a' ? 'alice' : 'bob']}>;+sip.instance="<urn:uuid:${device}>"`;
    await scene.registers('bob', AT.alice, { contact: contact('a') });
    await scene.registers('bob', AT.bob, { contact: contact('b'), callId: 'other' });
    const reached = async (gr: string) => {
      const sent = await calls({ uri: `sip:bob@example.com;gr${gr}`, callId: `to${gr}` });
      return copies(sent).map(({ hop }) => hop.address);
    };
    expect(await reached('=urn:uuid:B')).to.deep.equal([AT.bob]);
    expect(await reached('=urn:uuid:a')).to.deep.equal([AT.alice]);
    expect(await reached('=urn:uuid:c')).to.deep.equal([]);
    // what is no URN says nothing of instances here: it is the server's own
    expect(await reached('=kjh29x97us97d')).to.have.members([AT.alice, AT.bob]);
  });

  describe('when the proxy that held its flow is gone', () => {
    it('is reached over UDP straight from here', async () => {
      await bound({
        id: 'u',
        contact: 'sip:bob@192.168.1.5',
        transport: 'UDP',
        sourcePort: 31_000,
        owner: 'q9',
        boot: 'x',
        flow: 0,
      });
      const [copy] = copies(await calls());
      expect([copy?.hop.transport, copy?.hop.address, copy?.hop.port]).to.deep.equal(['UDP', NAT, 31_000]);
    });

    it('is reached by a new connection where its contact is its true address', async () => {
      await bound({ id: 't', contact: `sip:bob@${NAT}:5070;transport=tcp`, owner: 'q9', boot: 'x', flow: 3 });
      const [copy] = copies(await calls());
      expect([copy?.hop.transport, copy?.hop.port, copy?.hop.connection]).to.deep.equal(['TCP', 5070, undefined]);
    });

    it('stays reachable so in its calls, though its registration runs out', async () => {
      const contact = `sip:bob@${NAT}:5070;transport=tcp`;
      await bound({ id: 't', contact, owner: 'q9', boot: 'x', flow: 3, expires: scene.time + 60_000 });
      const [copy] = copies(await calls({ callId: 'c', fromTag: 'carol' }));
      const route = copy?.message.values(Header.RecordRoute) ?? [];
      await scene.receives(respond(copy?.message ?? '', 200, { toTag: 'bob', contact: `<${contact}>` }), NAT, 5070);
      await scene.passes(61_000);
      const text = bye({
        callId: 'c',
        fromTag: 'carol',
        toTag: 'bob',
        uri: contact,
        route,
        sentBy: `${AT.ss1.primary}:5060`,
      });
      const [inDialog] = copies(await scene.receives(text, AT.ss1.primary));
      expect([inDialog?.hop.address, inDialog?.hop.port]).to.deep.equal([NAT, 5070]);
    });

    it('is 480 at once where there is no other way', async () => {
      await bound({ id: 't', owner: 'q9', boot: 'x', flow: 3 });
      expect(statuses(await calls()).at(-1)).to.equal(480);
    });

    it('is 480 at once though that proxy is back: it has another boot id and none of its old flows', async () => {
      await scene.hasProxy('q9', 'dc1', '10.1.0.9', 'another');
      await bound({ id: 't', owner: 'q9', boot: 'x', flow: 3 });
      expect(statuses(await calls()).at(-1)).to.equal(480);
    });
  });

  it('is reached straight by a stream where a request has no room in a datagram to the proxy that holds its flow', async () => {
    await scene.hasProxy('q1', 'dc1', '10.1.0.2', 'boot9');
    const contact = `sip:bob@${NAT}:5060;transport=tcp`;
    await bound({ id: contact, contact, owner: 'q1', boot: 'boot9', flow: 7 });
    const [copy, ...more] = copies(await calls({ body: 'x'.repeat(65_000) }));
    expect([copy?.hop.transport, copy?.hop.address, more]).to.deep.equal(['TCP', NAT, []]);
    scene.layer.transportError(copy?.hop ?? requestIn([]).hop);
    expect(statuses(scene.takes())).to.deep.equal([513]);
  });

  it('is told by which transport to come back where another proxy holds its flow, and its server by which', async () => {
    const owner = await scene.hasProxy('q1', 'dc1', '10.1.0.2', 'boot9');
    await bound({ id: 'flow', owner: owner.name, boot: owner.boot, flow: 4 });
    const { hop, message } = requestIn(await calls());
    expect([hop.address, hop.transport]).to.deep.equal(['10.1.0.2', 'UDP']);
    const [towardsPhone, towardsServer, ...more] = message.values(Header.RecordRoute);
    expect(towardsPhone).to.match(/^<sip:[A-Za-z0-9_-]+@proxies\.example\.com;transport=tcp;lr>$/);
    expect(towardsServer).to.match(/^<sip:[A-Za-z0-9_-]+@proxies\.example\.com;lr>$/);
    expect(more).to.deep.equal([]);
  });

  it('in mid-call takes the flow that its contact has now, before that of the token, and its addresses last', async () => {
    const before = await flow(1, 1);
    const contact = 'sip:bob@192.168.1.5;transport=tcp';
    const [copy] = copies(await calls({ callId: 'c', fromTag: 'carol' }));
    const route = copy?.message.values(Header.RecordRoute) ?? [];
    await scene.receives(
      respond(copy?.message ?? '', 200, { toTag: 'bob', contact: `<${contact}>` }),
      NAT,
      40_001,
      'TCP',
      before,
    );
    // bob's phone has lost its connection and made another
    const after = await flow(2, 1);
    const text = bye({
      callId: 'c',
      fromTag: 'carol',
      toTag: 'bob',
      uri: contact,
      route,
      sentBy: `${AT.ss1.primary}:5060`,
    });
    const [inDialog] = copies(await scene.receives(text, AT.ss1.primary));
    expect(inDialog?.hop.connection).to.equal(after);
  });

  describe('behind an SBC', () => {
    const bySbc = async (more: Parameters<typeof register>[0] = {}) => {
      const asked = requestIn(
        await scene.receives(register({ from: 'bob', sentBy: `${AT.sbc}:5060`, ...more }), AT.sbc),
      );
      const sent = await scene.receives(respond(asked.message, 200), asked.hop.address);
      return sent.at(-1)?.message;
    };

    it('goes by the Path of its REGISTER, the topmost first (RFC 3327)', async () => {
      const path = [`<sip:${AT.sbc};lr>`, '<sip:edge.example.net;lr>'];
      const contact = '<sip:bob@192.168.1.5>';
      await bySbc({ contact, headers: path.map((value) => `Path: ${value}`) });
      const [copy] = copies(await calls());
      expect([copy?.hop.address, copy?.message.uri]).to.deep.equal([AT.sbc, 'sip:bob@192.168.1.5']);
      expect(copy?.message.values(Header.Route)).to.deep.equal(path);
    });

    it('learns the Path from the 200 where its REGISTER says Supported: path, and not else', async () => {
      const path = `Path: <sip:${AT.sbc};lr>`;
      expect((await bySbc({ headers: [path] }))?.has(Header.Path)).to.equal(false);
      const told = await bySbc({ headers: [path, 'Supported: gruu, Path'] });
      expect(told?.values(Header.Path)).to.deep.equal([`<sip:${AT.sbc};lr>`]);
    });

    it('without a Path goes to its contact by RFC 3263, and to the SBC itself if that leads nowhere', async () => {
      scene.names.set('sip:bob@pool.sbc.example.net', ['198.51.100.6']);
      await bySbc({ contact: '<sip:bob@pool.sbc.example.net>' });
      const [copy] = copies(await calls());
      expect(copy?.hop.address).to.equal('198.51.100.6');
      scene.layer.transportError(copy?.hop ?? { ...requestIn([]).hop });
      expect(copies(scene.takes())[0]?.hop.address).to.equal(AT.sbc);
    });

    it('gets GRUU and Service-Route of the server as they are', async () => {
      const asked = requestIn(await scene.receives(register({ from: 'bob', sentBy: `${AT.sbc}:5060` }), AT.sbc));
      const lines = [
        `Contact: <sip:bob@${AT.sbc}:5060>;pub-gruu="sip:bob@example.com;gr=urn:uuid:b";temp-gruu="sip:t@example.com;gr";expires=600`,
        'Service-Route: <sip:orig@ss1.example.com;lr>',
      ];
      const sent = await scene.receives(respond(asked.message, 200, { headers: lines }), asked.hop.address);
      for (const line of lines) expect(sent.at(-1)?.text).to.include(`\r\n${line}\r\n`);
    });
  });
});
