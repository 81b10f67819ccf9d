import { expect } from 'chai';
import { tagHash } from '../../../proxy/routing/token.ts';
import { ack, bye, invite, request } from '../../builders.ts';
import {
  AT,
  aliceCalls,
  answered,
  bobRegisters,
  recordRoutes,
  requestIn,
  rings,
  routes,
  type Scene,
  type Sent,
  stage,
} from '../cast.ts';

const alice = { sentBy: `${AT.alice}:5060` };
const server = { sentBy: `${AT.ss1.primary}:5060` };

describe('RFC 3261 16.4 and 16.6: Record-Route and Route', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  describe('a new dialog', () => {
    for (const method of ['INVITE', 'SUBSCRIBE', 'REFER'])
      it(`by ${method} is recorded, with lr and without a port, so that phones can fail over`, async () => {
        const sent = requestIn(await scene.receives(request(method, alice), AT.alice));
        expect(recordRoutes(sent)[0]).to.match(/^<sip:[A-Za-z0-9_-]+@proxies\.example\.com;lr>$/);
      });

    for (const method of ['MESSAGE', 'PUBLISH', 'OPTIONS', 'REGISTER', 'FOO'])
      it(`is not begun by ${method}, which is not recorded`, async () => {
        const text = request(method, {
          ...alice,
          uri: method === 'REGISTER' ? 'sip:example.com' : 'sip:bob@example.com',
        });
        expect(recordRoutes(requestIn(await scene.receives(text, AT.alice)))).to.deep.equal([]);
      });

    it('that is recorded already gets our Record-Route on top', async () => {
      const headers = ['Record-Route: <sip:a@192.0.2.99;lr>, <sip:b@192.0.2.98;lr>'];
      const sent = await aliceCalls(scene, { headers });
      expect(recordRoutes(sent).slice(1)).to.deep.equal(['<sip:a@192.0.2.99;lr>', '<sip:b@192.0.2.98;lr>']);
    });

    it('is recorded once for each side where the transport changes (RFC 5658)', async () => {
      const connection = scene.phoneStream(9, AT.alice, 40_000);
      const text = invite({ ...alice, transport: 'TCP' });
      const sent = requestIn(await scene.receives(text, AT.alice, 40_000, 'TCP', connection));
      const [towardsServer, towardsPhone] = recordRoutes(sent);
      expect(recordRoutes(sent)).to.have.length(2);
      expect(towardsServer).to.not.contain('transport');
      expect(towardsPhone).to.match(/;transport=tcp;lr>$/);
      expect(/sip:([^@]+)@/.exec(towardsServer ?? '')?.[1]).to.equal(/sip:([^@]+)@/.exec(towardsPhone ?? '')?.[1]);
    });

    for (const uri of ['sips:bob@example.com', 'SIPS:bob@example.com'])
      it(`to ${uri} is recorded with sips on the side of TLS (16.6 step 4)`, async () => {
        const connection = scene.phoneStream(9, AT.alice, 40_000);
        const text = invite({ ...alice, transport: 'TLS', uri });
        const sent = requestIn(await scene.receives(text, AT.alice, 40_000, 'TLS', connection));
        expect(recordRoutes(sent)[1]).to.match(/^<sips:[^@]+@proxies\.example\.com;lr>$/);
      });

    it('that a sips Route is left in is recorded so, too', async () => {
      const sbc = { sentBy: `${AT.sbc}:5061`, transport: 'TLS', route: ['<sips:203.0.113.8;lr>'] };
      const sent = requestIn(await scene.receives(invite(sbc), AT.sbc, 5061, 'TLS'));
      expect(recordRoutes(sent)[1]).to.match(/^<sips:[^@]+@proxies\.example\.com;lr>$/);
    });
  });

  describe('a request inside a dialog', () => {
    /** alice has called bob, who is a SIP Server's. */
    async function call(): Promise<{ dialog: { callId: string; fromTag: string }; asked: Sent; route: string[] }> {
      const dialog = { callId: 'dialog', fromTag: 'alice-tag' };
      const asked = await aliceCalls(scene, dialog);
      await answered(scene, asked, 200, { contact: `<sip:ss@${AT.ss1.primary}>` });
      return { dialog, asked, route: [...recordRoutes(asked)] };
    }

    it('goes where our Route says, which is taken off', async () => {
      const { dialog, asked, route } = await call();
      const text = bye({ ...alice, ...dialog, uri: 'sip:whatever@198.51.100.77', route });
      const sent = requestIn(await scene.receives(text, AT.alice));
      expect([sent.hop.address, routes(sent), sent.message.uri]).to.deep.equal([
        asked.hop.address,
        [],
        'sip:whatever@198.51.100.77',
      ]);
    });

    it('is not recorded again', async () => {
      const { dialog, route } = await call();
      for (const method of ['INVITE', 'UPDATE', 'SUBSCRIBE']) {
        const text = request(method, { ...alice, ...dialog, toTag: 'to-1', cseq: 2, route });
        expect(recordRoutes(requestIn(await scene.receives(text, AT.alice)))).to.deep.equal([]);
      }
    });

    for (const method of ['BYE', 'INFO', 'UPDATE', 'PRACK', 'INVITE', 'NOTIFY', 'REFER', 'MESSAGE'])
      it(`as ${method} finds the pair of the call`, async () => {
        const { dialog, asked, route } = await call();
        const text = request(method, { ...alice, ...dialog, toTag: 'to-1', cseq: 2, route });
        expect(requestIn(await scene.receives(text, AT.alice)).hop.address).to.equal(asked.hop.address);
      });

    it('that is an ACK of the 2xx goes there too, late or early', async () => {
      const { dialog, asked, route } = await call();
      const text = ack({ ...alice, ...dialog, cseq: 1, route });
      expect(requestIn(await scene.receives(text, AT.alice)).hop.address).to.equal(asked.hop.address);
      await scene.passes(70_000);
      expect(requestIn(await scene.receives(text, AT.alice)).hop.address).to.equal(asked.hop.address);
    });

    it('by a strict router before us has our Record-Route in its Request-URI, and gets its own back (16.4)', async () => {
      const { dialog, asked, route } = await call();
      const uri = (route[0] ?? '').replace(/[<>]/g, '');
      const target = '<sip:ss@10.1.1.1>';
      const text = bye({ ...alice, ...dialog, uri, to: 'bob', route: [target] });
      const sent = requestIn(await scene.receives(text, AT.alice));
      expect([sent.message.uri, routes(sent), sent.hop.address]).to.deep.equal([
        'sip:ss@10.1.1.1',
        [],
        asked.hop.address,
      ]);
    });

    it('may have both Record-Routes of ours in Route, on one line or two', async () => {
      const connection = scene.phoneStream(9, AT.alice, 40_000);
      const dialog = { callId: 'two', fromTag: 'alice-tag' };
      const text = invite({ ...alice, ...dialog, transport: 'TCP' });
      const asked = requestIn(await scene.receives(text, AT.alice, 40_000, 'TCP', connection));
      const both = [...recordRoutes(asked)].toReversed();
      for (const route of [both, [both.join(', ')]]) {
        const later = bye({ ...alice, ...dialog, cseq: 2 + route.length, transport: 'TCP', route });
        const sent = requestIn(await scene.receives(later, AT.alice, 40_000, 'TCP', connection));
        expect([sent.hop.address, routes(sent)]).to.deep.equal([asked.hop.address, []]);
      }
    });

    it('of a server finds the phone, by UDP where it called from', async () => {
      const { dialog, asked } = await call();
      const text = bye({
        sentBy: `${asked.hop.address}:5060`,
        callId: dialog.callId,
        uri: `sip:alice@${AT.alice}:5060`,
        from: 'bob',
        to: 'alice',
        fromTag: 'to-1',
        toTag: dialog.fromTag,
        route: recordRoutes(asked),
      });
      const sent = requestIn(await scene.receives(text, asked.hop.address));
      expect([sent.hop.address, sent.hop.port]).to.deep.equal([AT.alice, 5060]);
    });

    it('leads away from its sender, whoever called, where both tags have one hash of 16 bits', async () => {
      const { dialog, asked } = await call();
      let n = 0;
      while (tagHash(`to-${n}`) !== tagHash(dialog.fromTag)) n++;
      const given = { callId: dialog.callId, fromTag: `to-${n}`, toTag: dialog.fromTag, route: recordRoutes(asked) };
      const away = bye({ ...given, sentBy: `${asked.hop.address}:5060`, uri: `sip:alice@${AT.alice}:5060` });
      expect(requestIn(await scene.receives(away, asked.hop.address)).hop.address).to.equal(AT.alice);

      await bobRegisters(scene, 1);
      const [rung] = await rings(scene, { callId: 'to-bob', fromTag: dialog.fromTag });
      if (rung === undefined) throw new Error('bob is not called');
      const own = { callId: 'to-bob', fromTag: dialog.fromTag, toTag: `to-${n}`, route: recordRoutes(rung) };
      const towards = bye({ ...own, ...server, uri: `sip:bob@${AT.bob}:5060` });
      expect(requestIn(await scene.receives(towards, AT.ss1.primary)).hop.address).to.equal(AT.bob);
    });
  });
});
