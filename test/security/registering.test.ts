import { expect } from 'chai';
import { Branches } from '../../proxy/routing/branch.ts';
import { Header } from '../../proxy/sip/header.ts';
import { bye, register } from '../builders.ts';
import { AT, config, invite, requestIn, respond, Scene, statuses } from '../proxy/routing/scene.ts';
import { MALLORY, ownCall, reached, VICTIM } from './attacks.ts';

const STREAMS = {
  listeners: [
    { transport: 'UDP' as const, port: 5060, side: 'Both' as const },
    { transport: 'TCP' as const, port: 5060, side: 'Both' as const },
  ],
};
const at = { sentBy: `${MALLORY}:5060` };

describe('registering what is not yours', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
    await scene.registers('bob', AT.bob);
  });

  const contactsOfBob = (): string[] =>
    scene.replica.bindings('bob@example.com', scene.time).map(({ contact }) => contact);

  /** mallory's REGISTER for bob, as it went to a server. */
  const hijack = async (more = {}) =>
    requestIn(await scene.receives(register({ from: 'bob', ...at, callId: 'm', ...more }), MALLORY));

  for (const status of [401, 403, 404, 407, 500, 503, 603, 302]) {
    it(`changes nothing when the server answers ${status}`, async () => {
      const asked = await hijack();
      await scene.receives(respond(asked.message, status), asked.hop.address);
      expect(contactsOfBob()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
    });
  }

  it('changes nothing when the server says nothing', async () => {
    await hijack();
    await scene.passes(40_000);
    expect(contactsOfBob()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
  });

  it('changes nothing by a 200 of its own, though it can work out the branch of the copy', async () => {
    const asked = await hijack();
    const sent = await scene.receives(respond(asked.message, 200), MALLORY);
    expect(sent).to.deep.equal([]);
    expect(contactsOfBob()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
    expect(scene.core.counts.forgedGrants).to.equal(1);
    // the server's own answer still counts, from whichever of its ports
    await scene.receives(respond(asked.message, 403), asked.hop.address, 45_678);
    expect(contactsOfBob()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
  });

  it('changes nothing at another proxy, by a 200 that this one would hand over to it', async () => {
    await scene.hasProxy('q1', 'dc1', '10.1.0.2');
    const branch = new Branches('any', 'q1').branch('z9hG4bKm', MALLORY, 'm', 1, AT.ss1.primary, 1, 7);
    const via = [`SIP/2.0/UDP 10.1.0.2:5060;branch=${branch}`, `SIP/2.0/UDP ${MALLORY}:5060;branch=z9hG4bKm`];
    const forged = respond(register({ from: 'bob', via }), 200);
    expect(await scene.receives(forged, MALLORY)).to.deep.equal([]);
    expect(reached(await scene.receives(forged, AT.ss1.primary))).to.deep.equal(['10.1.0.2']);
  });

  it('removes nothing by * or Expires 0 without the server', async () => {
    for (const gone of [
      { contacts: ['*'], expires: 0 },
      { contact: `<sip:bob@${AT.bob}:5060>`, expires: 0 },
    ]) {
      const asked = await hijack({ ...gone, callId: `m${gone.expires}${gone.contacts?.length ?? 0}` });
      await scene.receives(respond(asked.message, 200), MALLORY);
      await scene.receives(respond(asked.message, 403), asked.hop.address);
    }
    expect(contactsOfBob()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
  });

  it('changes only what its request names, whatever contacts the 200 lists', async () => {
    const asked = requestIn(await scene.receives(register({ from: 'mallory', ...at }), MALLORY));
    const contact = `<sip:mallory@${MALLORY}:5060>;expires=600, <sip:bob@${VICTIM}>;expires=600`;
    await scene.receives(respond(asked.message, 200, { contact }), asked.hop.address);
    expect(scene.replica.counts(scene.time).bindings).to.equal(2);
    expect(contactsOfBob()).to.deep.equal([`sip:bob@${AT.bob}:5060`]);
  });

  it('does not undo a newer REGISTER by an older one that was held back', async () => {
    const send = async (cseq: number, expires: number) => {
      const text = register({ from: 'bob', callId: 'r', cseq, expires, contact: `<sip:bob@${AT.bob}:6060>`, ...at });
      const asked = requestIn(await scene.receives(text, AT.bob));
      await scene.receives(respond(asked.message, 200), asked.hop.address);
    };
    await send(7, 600);
    await send(6, 0);
    expect(contactsOfBob()).to.include(`sip:bob@${AT.bob}:6060`);
  });

  it('is refused a Path: whoever writes one decides where calls go', async () => {
    const { dialog } = await ownCall(scene);
    for (const more of [
      {},
      // at a server that takes other domains, and by way of a call of its own
      { from: '<sip:mallory@elsewhere.example>' },
      { ...dialog, toTag: '', cseq: 9 },
    ]) {
      const text = register({ from: 'mallory', ...at, ...more, headers: [`Path: <sip:${VICTIM};lr>`] });
      const sent = await scene.receives(text, MALLORY);
      expect([statuses(sent), reached(sent)]).to.deep.equal([[403], [MALLORY]]);
    }
  });

  it('registers no other way by the token of a call of its own: it is one of so many a second, and stored', async () => {
    const few = await Scene.begin({ overload: { registersPerSecond: 1 } });
    const { dialog } = await ownCall(few);
    const asked: unknown[] = [];
    for (let cseq = 9; cseq < 19; cseq++) {
      const text = register({ from: 'mallory', ...at, ...dialog, toTag: '', cseq });
      asked.push(...(await few.receives(text, MALLORY)).filter(({ message }) => message.isRequest));
    }
    expect(asked).to.have.length.below(5);
  });

  describe('to be called in the place of another', () => {
    /** Whom the server's INVITE reaches, once mallory has registered `contact` as her own. */
    const called = async (contact: string, uri: string, to = uri) => {
      await scene.registers('mallory', MALLORY, { contact: `<${contact}>` });
      const text = invite({ uri, to: `<${to}>`, from: 'carol', sentBy: `${AT.ss1.primary}:5060` });
      const sent = await scene.receives(text, AT.ss1.primary);
      return sent.filter(({ message }) => message.status !== 100);
    };

    it("gets no call by another's AOR, registered as its own contact", async () => {
      expect(reached(await called('sip:bob@example.com', 'sip:bob@example.com'))).to.deep.equal([AT.bob]);
      const absent = await called('sip:carol@example.com', 'sip:carol@example.com');
      expect([statuses(absent), reached(absent)]).to.deep.equal([[480], [AT.ss1.primary]]);
      const byProxy = await called(`sip:carol@${AT.proxy}`, `sip:carol@${AT.proxy}`);
      expect([statuses(byProxy), reached(byProxy)]).to.deep.equal([[480], [AT.ss1.primary]]);
    });

    it("gets no call by another's contact, registered as its own", async () => {
      const contact = `sip:bob@${AT.bob}:5060`;
      for (const to of ['sip:bob@example.com', 'sip:queue@example.com', 'tel:+15551234'])
        expect(reached(await called(contact, contact, to)), to).to.deep.equal([AT.bob]);
    });

    it('is called itself, where the contact in a domain of ours names a third party by its maddr', async () => {
      const contact = `sip:mallory@example.com;maddr=${VICTIM}`;
      expect(reached(await called(contact, contact))).to.deep.equal([MALLORY]);
    });

    it('gets none so where both are behind a NAT, by whom the call is for', async () => {
      const contact = 'sip:dave@192.168.1.2:5060';
      await scene.registers('dave', '192.0.2.77', { contact: `<${contact}>` });
      for (const to of ['sip:dave@example.com', 'sip:queue@example.com'])
        expect(reached(await called(contact, contact, to)), to).to.deep.equal(['192.0.2.77']);
    });

    it('gets no call to a server or to a number behind an SBC, registered as its own contact', async () => {
      const toServer = await called(`sip:5001@${AT.ss2.primary}`, `sip:5001@${AT.ss2.primary}`);
      expect(reached(toServer)).to.include(AT.ss2.primary);
      expect(reached(toServer)).to.not.include(MALLORY);
      const toSbc = await called(`sip:+1555@${AT.sbc}`, `sip:+1555@${AT.sbc}`);
      expect(reached(toSbc)).to.include(AT.sbc);
      expect(reached(toSbc)).to.not.include(MALLORY);
    });

    it('gets none to whom the configuration knows by name or trusts as a server', async () => {
      const [ss1] = config().servers;
      if (ss1 === undefined) throw new Error('the cast has a pair');
      const [primary, ...others] = ss1.members;
      if (primary === undefined) throw new Error('a pair has a primary');
      const named = { ...ss1, name: 'named', geoLocation: 'dc2', members: [{ ...primary, host: 'SS9.example.org' }] };
      scene = await Scene.begin({
        servers: [ss1, named],
        trust: {
          sbcs: [{ cidr: `${AT.sbc}/32` }, { certificateName: 'Trunk.example.org' }],
          servers: [{ cidr: '198.51.100.64/28' }, { certificateName: 'ivr.example.org' }],
        },
      });
      expect(others).to.have.lengthOf(1);
      scene.names.set('sip:+1555@trunk.example.org', ['198.51.100.8']);
      scene.names.set('sip:+1555@ivr.example.org', ['198.51.100.9']);
      for (const [host, expected] of [
        ['trunk.example.org', ['198.51.100.8']],
        ['ivr.example.org', ['198.51.100.9']],
        ['198.51.100.65', ['198.51.100.65']],
        // row 15: a pair whose proxies nobody knows
        ['ss9.example.org', [AT.ss1.primary]],
      ] as const)
        expect(reached(await called(`sip:+1555@${host}`, `sip:+1555@${host}`)), host).to.deep.equal(expected);
    });

    it('leaves to an SBC that is known by its certificate what that registers at its own name', async () => {
      scene = await Scene.begin({ ...STREAMS, trust: { sbcs: [{ certificateName: 'sbc.example.org' }], servers: [] } });
      const connection = { ...scene.phoneStream(4, AT.sbc, 40_000), certificateNames: ['sbc.example.org'] };
      const text = register({ from: 'dave', transport: 'TCP', contact: '<sip:dave@sbc.example.org>' });
      const asked = requestIn(await scene.receives(text, AT.sbc, 40_000, 'TCP', connection));
      await scene.receives(respond(asked.message, 200), asked.hop.address);
      scene.names.set('sip:dave@sbc.example.org', [AT.sbc]);
      const sent = await called('sip:dave@sbc.example.org', 'sip:dave@sbc.example.org', 'tel:+1555');
      expect(reached(sent)).to.deep.equal([AT.sbc]);
    });

    it('gets nothing of a call that goes on, by a contact like that of who has it', async () => {
      const streams = await Scene.begin(STREAMS);
      await streams.registers('bob', AT.bob);
      const dialog = { callId: 'on', fromTag: 'a', sentBy: `${AT.ss1.primary}:5060` };
      const contact = `sip:bob@${AT.bob}:5060`;
      const asked = requestIn(await streams.receives(invite({ ...dialog, to: 'bob' }), AT.ss1.primary));
      await streams.receives(respond(asked.message, 200, { toTag: 'b', contact: `<${contact}>` }), AT.bob);
      const route = asked.message.values(Header.RecordRoute);
      const text = register({ from: 'mallory', transport: 'TCP', ...at, contact: `<${contact}>` });
      const own = streams.phoneStream(3, MALLORY, 40_000);
      const granted = requestIn(await streams.receives(text, MALLORY, 40_000, 'TCP', own));
      await streams.receives(respond(granted.message, 200), granted.hop.address);
      expect(streams.replica.counts(streams.time).bindings).to.equal(2);
      for (const to of ['sip:bob@example.com', 'sip:queue@example.com']) {
        const goesOn = bye({ ...dialog, toTag: 'b', uri: contact, to: `<${to}>`, route });
        expect(reached(await streams.receives(goesOn, AT.ss1.primary)), to).to.deep.equal([AT.bob]);
      }
    });
  });

  describe('to have a third party flooded', () => {
    for (const contact of [
      `<sip:mallory@${VICTIM}>`,
      `<sip:mallory@${VICTIM}:9;transport=udp>`,
      `<sip:mallory@${VICTIM};transport=tcp>`,
      `<sip:mallory@example.com;maddr=${VICTIM}>`,
      `<sip:mallory@victim.example.net>`,
      `<sip:mallory@${MALLORY};received=${VICTIM}>`,
      `<sip:mallory@${AT.ss1.primary}>`,
    ]) {
      it(`registers ${contact} and is called itself`, async () => {
        await scene.registers('mallory', MALLORY, { contact });
        const text = invite({ to: 'mallory', from: 'carol', sentBy: `${AT.ss1.primary}:5060` });
        const called = requestIn(await scene.receives(text, AT.ss1.primary));
        expect(called.hop.address).to.equal(MALLORY);
        expect(called.message.value(Header.Route)).to.equal(undefined);
      });
    }

    it('registers a stream whose contact is the third party\u2019s, and gets no connection opened to it', async () => {
      const streams = await Scene.begin(STREAMS);
      const phone = streams.phoneStream(3, MALLORY, 40_000);
      const contact = `<sip:mallory@${VICTIM};transport=tcp>`;
      const text = register({ from: 'mallory', transport: 'TCP', ...at, contact });
      const asked = requestIn(await streams.receives(text, MALLORY, 40_000, 'TCP', phone));
      await streams.receives(respond(asked.message, 200), asked.hop.address);
      streams.connections.delete(3);
      Object.assign(phone, { open: false });
      const call = invite({ to: 'mallory', from: 'carol', sentBy: `${AT.ss1.primary}:5060` });
      const sent = await streams.receives(call, AT.ss1.primary);
      expect([statuses(sent).at(-1), reached(sent)]).to.deep.equal([480, [AT.ss1.primary]]);
    });

    it('leaves nothing behind of the contacts beyond that which one REGISTER names: the last ones stay', async () => {
      const contacts = Array.from({ length: 200 }, (_, i) => `<sip:m${i}@${MALLORY}>`);
      await scene.registers('mallory', MALLORY, { contacts });
      const bindings = scene.replica.bindings('mallory@example.com', scene.time);
      expect(bindings.map(({ contact }) => contact)).to.have.members(
        contacts.slice(190).map((one) => one.slice(1, -1)),
      );
      expect(scene.replica.endedIds('mallory@example.com', scene.time)).to.deep.equal([]);
      expect(scene.core.counts.contactsEvicted).to.equal(190);
    });

    it('gives no more contacts of an AOR room than configured: the oldest goes', async () => {
      const small = await Scene.begin();
      for (let i = 0; i < 15; i++) {
        await small.registers('mallory', MALLORY, { contact: `<sip:m${i}@${MALLORY}>`, callId: `c${i}` });
        small.time += 1_000;
      }
      const bindings = small.replica.bindings('mallory@example.com', small.time);
      expect(bindings.map(({ contact }) => contact)).to.not.include(`sip:m0@${MALLORY}`);
      expect([bindings.length, small.core.counts.contactsEvicted]).to.deep.equal([10, 5]);
    });
  });
});
