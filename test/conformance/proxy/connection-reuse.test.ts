import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import type { Connection } from '../../../proxy/transport/hop.ts';
import { ack, invite, register, request, respond } from '../../builders.ts';
import { AT, answered, requestIn, requests, rings, type Scene, type Sent, stage, statusesOf } from '../cast.ts';

const server = { sentBy: `${AT.ss1.primary}:5060` };
/** Names no transport, and a port at which nobody listens by UDP. */
const CONTACT = `sip:bob@${AT.bob}:5062`;
const IN_CALL = ['ACK', 'BYE', 'INVITE', 'UPDATE', 'INFO', 'NOTIFY'] as const;

describe('RFC 3261 18 and RFC 5923: the connection that there is is used again', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  /** What the server sends in the call, to the contact that it was told. */
  async function inCall(method: string, dialog: Parameters<typeof request>[1]): Promise<Sent[]> {
    const given = { ...server, uri: CONTACT, cseq: method === 'ACK' ? 1 : 7, ...dialog };
    return scene.receives(method === 'ACK' ? ack(given) : request(method, given), AT.ss1.primary);
  }

  describe("a phone's own, where its Contact names no transport", () => {
    let phone: Connection;
    beforeEach(() => {
      phone = scene.phoneStream(1, AT.bob, 40_000);
    });

    const registers = async (): Promise<void> => {
      const given = { from: 'bob', contact: `<${CONTACT}>`, transport: 'TCP', sentBy: `${AT.bob}:5062` };
      const asked = requestIn(await scene.receives(register(given), AT.bob, 40_000, 'TCP', phone));
      await scene.receives(respond(asked.message, 200), asked.hop.address);
    };

    for (const contact of [CONTACT, `sip:line1@${AT.bob}:5062`, 'sip:bob@192.168.1.5'])
      for (const method of IN_CALL)
        it(`has the ${method} of a call to it, whose Contact is ${contact}`, async () => {
          await registers();
          const dialog = { callId: 'call', fromTag: 'f', toTag: 'bob-1', uri: contact };
          const [asked] = (await rings(scene, { callId: 'call', fromTag: 'f' })) as [Sent];
          expect(asked.hop.connection).to.equal(phone);
          const text = respond(asked.message, 200, { toTag: 'bob-1', contact: `<${contact}>` });
          await scene.receives(text, AT.bob, 40_000, 'TCP', phone);
          const sent = requestIn(await inCall(method, { ...dialog, route: routesOf(asked) }));
          expect([sent.hop.connection, sent.message.uri]).to.deep.equal([phone, contact]);
        });

    for (const method of IN_CALL.filter((one) => one !== 'ACK'))
      it(`has the ${method} of a call that it made without a registration`, async () => {
        const text = invite({ from: 'bob', to: 'carol', callId: 'call', fromTag: 'b', contact: `<${CONTACT}>` });
        const asked = requestIn(await scene.receives(text, AT.bob, 40_000, 'TCP', phone));
        await answered(scene, asked, 200, { toTag: 'carol-1' });
        const route = [...routesOf(asked)].reverse();
        const dialog = { callId: 'call', from: 'carol', to: 'bob', fromTag: 'carol-1', toTag: 'b', route };
        expect(requestIn(await inCall(method, dialog)).hop.connection).to.equal(phone);
      });
  });

  describe('one of ours to a phone or trunk whose Contact names no transport', () => {
    const dialog = { callId: 'call', fromTag: 'f', toTag: 'bob-1' };
    const trunk = `sip:bob@${AT.bob}:5062;transport=tcp`;

    /** The server calls out by `uri`, and the answer names this contact; what has to be put into Routes then. */
    async function calls(uri: string, from = AT.ss1.primary): Promise<string[]> {
      const [asked] = requests(await scene.receives(invite({ ...server, ...dialog, toTag: '', uri }), from)) as [Sent];
      await answered(scene, asked, 200, { toTag: 'bob-1', contact: `<${CONTACT}>` });
      return routesOf(asked);
    }

    /** As of what was dialled for the call. */
    const dialled = (port = 5062): void => {
      scene.connections.set(2, { ...scene.phoneStream(2, AT.bob, port), inbound: false });
    };

    for (const method of IN_CALL)
      it(`has the ${method} of a call that went over it`, async () => {
        const route = await calls(trunk);
        dialled();
        const { hop, message } = requestIn(await inCall(method, { ...dialog, route }));
        expect([hop.transport, hop.address, hop.port, message.uri]).to.deep.equal(['TCP', AT.bob, 5062, CONTACT]);
      });

    it('has what follows in a call from it, too', async () => {
      const call = { callId: 'in', fromTag: 's', sentBy: `${AT.sbc}:5060`, transport: 'TCP', from: 'sbc' };
      const asked = requestIn(
        await scene.receives(invite({ ...call, contact: `<${CONTACT}>` }), AT.sbc, 40_000, 'TCP'),
      );
      await answered(scene, asked, 200, { toTag: 't' });
      dialled();
      const route = [...routesOf(asked)].reverse();
      const back = { callId: 'in', from: 'bob', to: 'sbc', fromTag: 't', toTag: 's', route };
      expect(requestIn(await inCall('BYE', back)).hop.transport).to.equal('TCP');
    });

    it('is opened again where it was closed meanwhile and nobody takes it by UDP', async () => {
      const route = await calls(trunk);
      const first = requestIn(await inCall('BYE', { ...dialog, route }));
      expect([first.hop.transport, first.hop.port]).to.deep.equal(['UDP', 5062]);
      scene.layer.transportError(first.hop);
      const again = requestIn(scene.takes());
      expect([again.hop.transport, again.hop.port]).to.deep.equal(['TCP', 5062]);
      scene.layer.transportError(again.hop);
      expect(statusesOf(scene.takes())).to.deep.equal([500]);
    });

    it('is opened for an ACK that comes to a proxy without it, and UDP is not left out: nobody says whether it arrived', async () => {
      const route = await calls(trunk);
      const acks = requests(await inCall('ACK', { ...dialog, route }));
      const ways = acks.map(({ hop }) => `${hop.transport} ${hop.address} ${hop.port}`);
      expect(ways).to.deep.equal([`UDP ${AT.bob} 5062`, `TCP ${AT.bob} 5062`]);
    });

    it('is not opened for the ACK of a call that is by UDP', async () => {
      const route = await calls(CONTACT);
      expect(requests(await inCall('ACK', { ...dialog, route })).map(({ hop }) => hop.transport)).to.deep.equal([
        'UDP',
      ]);
    });

    it('has nothing of a call that went by UDP, though it leads to the same port', async () => {
      const route = await calls(CONTACT);
      dialled();
      expect(requestIn(await inCall('BYE', { ...dialog, route })).hop.transport).to.equal('UDP');
    });

    it('has nothing of a Contact that says UDP, or another port', async () => {
      const route = await calls(trunk);
      dialled();
      for (const uri of [`${CONTACT};transport=udp`, `sip:bob@${AT.bob}:5063`])
        expect(requestIn(await inCall('INFO', { ...dialog, route, uri })).hop.transport).to.equal('UDP');
    });

    it('has what follows where the phone, against 12.1.1, gave the server no Route', async () => {
      await calls(trunk);
      dialled();
      expect(requestIn(await inCall('BYE', dialog)).hop.transport).to.equal('TCP');
    });

    for (const method of IN_CALL)
      it(`has the ${method} also where the phone has no tag, as under RFC 2543`, async () => {
        await calls(trunk);
        dialled();
        expect(requestIn(await inCall(method, { ...dialog, toTag: '' })).hop.transport).to.equal('TCP');
      });

    for (const method of ['INVITE', 'MESSAGE', 'OPTIONS', 'REFER', 'NOTIFY'])
      it(`has no ${method} that is in no dialog`, async () => {
        dialled();
        expect(requestIn(await inCall(method, { callId: method })).hop.transport).to.equal('UDP');
      });
  });
});

/** As the caller has them: what is recorded first is next to the callee. */
function routesOf(asked: Sent): string[] {
  return [...asked.message.values(Header.RecordRoute)].reverse();
}
