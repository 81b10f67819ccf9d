import { expect } from 'chai';
import { options, request } from '../builders.ts';
import { AT, invite, requestIn, respond, Scene } from '../proxy/routing/scene.ts';
import { MALLORY, reached, VICTIM } from './attacks.ts';

describe('having the proxy answer somebody else', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.begin();
  });

  for (const via of [
    `SIP/2.0/UDP ${VICTIM}:5060;branch=z9hG4bKm`,
    `SIP/2.0/UDP ${VICTIM}:5060;rport=9;branch=z9hG4bKm`,
    `SIP/2.0/UDP ${MALLORY}:5060;received=${VICTIM};branch=z9hG4bKm`,
    `SIP/2.0/UDP ${MALLORY};received=${VICTIM};rport=9;branch=z9hG4bKm`,
    `SIP/2.0/UDP ${MALLORY};maddr=${VICTIM};ttl=16;branch=z9hG4bKm`,
    `SIP/2.0/TCP ${VICTIM}:80;branch=z9hG4bKm`,
    `SIP/2.0/UDP victim.example.net;branch=z9hG4bKm`,
  ]) {
    it(`answers where it was asked from: ${via}`, async () => {
      for (const text of [
        options({ via: [via] }),
        request('CANCEL', { via: [via] }),
        invite({ via: [via], maxForwards: 0 }),
        invite({ via: [via] }).replace('CSeq: 1 INVITE', 'CSeq: 1 BYE'),
      ]) {
        const sent = await scene.receives(text, MALLORY, 40_000);
        expect(sent.map(({ hop }) => `${hop.address}:${hop.port}`)).to.deep.equal([`${MALLORY}:40000`]);
      }
    });
  }

  it('passes an answer back to where its request came from, not to the Vias below', async () => {
    const via = [`SIP/2.0/UDP ${MALLORY}:5060;branch=z9hG4bKm`, `SIP/2.0/UDP ${VICTIM}:5060;branch=z9hG4bKv`];
    const asked = requestIn(await scene.receives(invite({ via }), MALLORY));
    for (const status of [180, 200, 200]) {
      expect(reached(await scene.receives(respond(asked.message, status), asked.hop.address))).to.deep.equal([MALLORY]);
    }
  });

  it('drops responses to nothing, whoever they are for', async () => {
    for (const status of [100, 180, 200, 302, 408, 503]) {
      const text = respond(
        invite({ via: [`SIP/2.0/UDP ${AT.proxy};branch=z9hG4bKx`, `SIP/2.0/UDP ${VICTIM};branch=z9hG4bKv`] }),
        status,
      );
      expect(await scene.receives(text, MALLORY)).to.deep.equal([]);
    }
  });

  it('answers over a new connection whom it trusts when the old one is closed (RFC 3261 18.2.2), and a phone never', async () => {
    const streams = await Scene.begin({
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TCP', port: 5060, side: 'Both' },
      ],
    });
    for (const [number, who, expected] of [
      [1, AT.sbc, [`${AT.sbc}:5090`]],
      [2, MALLORY, []],
    ] as const) {
      const connection = streams.phoneStream(number, who, 40_000);
      const text = invite({ transport: 'TCP', sentBy: `${who}:5090`, callId: who });
      const asked = requestIn(await streams.receives(text, who, 40_000, 'TCP', connection));
      Object.assign(connection, { open: false });
      const sent = await streams.receives(respond(asked.message, 486), asked.hop.address);
      const answers = sent.filter(({ message }) => !message.isRequest);
      expect(answers.map(({ hop }) => `${hop.address}:${hop.port}`)).to.deep.equal(expected);
      expect(answers.every(({ hop }) => hop.connection === undefined)).to.equal(true);
    }
    expect([streams.core.counts.responsesAnew, streams.core.counts.responsesLost]).to.deep.equal([1, 1]);
  });

  it('passes a 200 that is sent again over a new connection, too', async () => {
    const streams = await Scene.begin({
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TCP', port: 5060, side: 'Both' },
      ],
    });
    const connection = streams.phoneStream(1, AT.sbc, 40_000);
    const text = invite({ transport: 'TCP', sentBy: `${AT.sbc}:5090` });
    const asked = requestIn(await streams.receives(text, AT.sbc, 40_000, 'TCP', connection));
    const answer = respond(asked.message, 200);
    await streams.receives(answer, asked.hop.address);
    Object.assign(connection, { open: false });
    const again = await streams.receives(answer, asked.hop.address);
    expect(again.map(({ hop }) => `${hop.transport} ${hop.address}:${hop.port}`)).to.deep.equal([`TCP ${AT.sbc}:5090`]);
    expect(streams.errors).to.deep.equal([]);
  });

  it('follows no redirection of a server on its own', async () => {
    const asked = requestIn(await scene.receives(invite({ sentBy: `${MALLORY}:5060` }), MALLORY));
    const sent = await scene.receives(
      respond(asked.message, 302, { contact: `<sip:victim@${VICTIM}>` }),
      asked.hop.address,
    );
    expect(reached(sent)).to.have.members([MALLORY, asked.hop.address]);
  });

  it('answers a server that asks for it at the port of its Via, as RFC 3261 18.2.2 has it, and a phone never', async () => {
    const via = (address: string): string => `SIP/2.0/UDP ${address}:5080;branch=z9hG4bKport`;
    const [toSbc] = await scene.receives(options({ via: [via(AT.sbc)] }), AT.sbc, 40_000);
    expect([toSbc?.hop.address, toSbc?.hop.port]).to.deep.equal([AT.sbc, 5080]);
    const [toPhone] = await scene.receives(options({ via: [via(MALLORY)] }), MALLORY, 40_000);
    expect([toPhone?.hop.address, toPhone?.hop.port]).to.deep.equal([MALLORY, 40_000]);
    const [asked] = await scene.receives(options({ via: [`${via(AT.sbc)}2;rport`] }), AT.sbc, 40_000);
    expect(asked?.hop.port).to.equal(40_000);
  });
});
