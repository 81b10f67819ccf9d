import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import { bye, invite, request } from '../../builders.ts';
import {
  AT,
  aliceCalls,
  bobRegisters,
  recordRoutes,
  requestIn,
  rings,
  routes,
  type Scene,
  type Sent,
  stage,
  statusesOf,
} from '../cast.ts';

const alice = { sentBy: `${AT.alice}:5060` };
const server = { sentBy: `${AT.ss1.primary}:5060` };

describe('RFC 3261 16.4 and 16.6: Record-Route and Route', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  describe('a Route past us', () => {
    it('of a server is the next hop if it is a loose router: the Request-URI stays', async () => {
      const text = invite({
        ...server,
        uri: 'sip:x@203.0.113.1',
        route: ['<sip:203.0.113.8:5080;lr>', '<sip:203.0.113.9;lr>'],
      });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([sent.hop.address, sent.hop.port, sent.message.uri]).to.deep.equal([
        '203.0.113.8',
        5080,
        'sip:x@203.0.113.1',
      ]);
      expect(routes(sent)).to.deep.equal(['<sip:203.0.113.8:5080;lr>', '<sip:203.0.113.9;lr>']);
    });

    it('of a server is put into the Request-URI if it is a strict router, and the target goes last (16.6 step 6)', async () => {
      const text = invite({
        ...server,
        uri: 'sip:x@203.0.113.1',
        route: ['<sip:203.0.113.8>', '<sip:203.0.113.9;lr>'],
      });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([sent.hop.address, sent.message.uri]).to.deep.equal(['203.0.113.8', 'sip:203.0.113.8']);
      expect(routes(sent)).to.deep.equal(['<sip:203.0.113.9;lr>', '<sip:x@203.0.113.1>']);
    });

    it('of a server that is a strict router is called by no more than its URI', async () => {
      const text = invite({
        ...server,
        uri: 'sip:x@203.0.113.1',
        route: ['"<not this>" <sip:203.0.113.8;method=BYE;x=1?Subject=y>'],
      });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([sent.hop.address, sent.message.uri, routes(sent)]).to.deep.equal([
        '203.0.113.8',
        'sip:203.0.113.8;x=1',
        ['<sip:x@203.0.113.1>'],
      ]);
    });

    it('of a server may be a strict router where the hop before us is one: it goes out of the Routes, too', async () => {
      const dialog = { callId: 'strict', fromTag: 'ss-tag' };
      const asked = requestIn(
        await scene.receives(invite({ ...server, ...dialog, uri: 'sip:x@203.0.113.1' }), AT.ss1.primary),
      );
      const uri = (recordRoutes(asked)[0] ?? '').replace(/[<>]/g, '');
      const text = bye({
        ...server,
        ...dialog,
        uri,
        to: 'bob',
        route: ['<sip:203.0.113.8>', '<sip:203.0.113.9;lr>', '<sip:x@203.0.113.1>'],
      });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([sent.hop.address, sent.message.uri, routes(sent)]).to.deep.equal([
        '203.0.113.8',
        'sip:203.0.113.8',
        ['<sip:203.0.113.9;lr>', '<sip:x@203.0.113.1>'],
      ]);
    });

    it('is left alone where something else than it chose the next hop, strict or not', async () => {
      const headers = ['X-Genesys-Route: <sip:203.0.113.7>'];
      const text = invite({ ...server, uri: 'sip:x@203.0.113.1', route: ['<sip:203.0.113.8>'], headers });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([sent.hop.address, sent.message.uri, routes(sent)]).to.deep.equal([
        '203.0.113.7',
        'sip:x@203.0.113.1',
        ['<sip:203.0.113.8>'],
      ]);
    });

    it('of an SBC towards a pair does not change the Request-URI either', async () => {
      const text = invite({ sentBy: `${AT.sbc}:5060`, uri: 'sip:x@example.com', route: ['<sip:203.0.113.8>'] });
      const sent = requestIn(await scene.receives(text, AT.sbc));
      expect([sent.message.uri, routes(sent)]).to.deep.equal(['sip:x@example.com', ['<sip:203.0.113.8>']]);
    });

    it('is one, too, that is in a domain of ours and by its maddr leads elsewhere (19.1.1)', async () => {
      const route = '<sip:example.com;lr;maddr=203.0.113.8>';
      scene.names.set('sip:example.com;lr;maddr=203.0.113.8', ['203.0.113.8']);
      const sent = requestIn(
        await scene.receives(invite({ ...server, uri: 'sip:x@203.0.113.1', route: [route] }), AT.ss1.primary),
      );
      expect([sent.hop.address, sent.message.uri, routes(sent)]).to.deep.equal([
        '203.0.113.8',
        'sip:x@203.0.113.1',
        [route],
      ]);
      expect(statusesOf(await scene.receives(invite({ ...alice, route: [route] }), AT.alice))).to.deep.equal([403]);
    });

    it('is none that leads to us by its maddr', async () => {
      const text = invite({ ...server, uri: 'sip:x@203.0.113.1', route: [`<sip:203.0.113.8;lr;maddr=${AT.proxy}>`] });
      const sent = requestIn(await scene.receives(text, AT.ss1.primary));
      expect([sent.hop.address, routes(sent)]).to.deep.equal(['203.0.113.1', []]);
    });

    it('of a phone is refused', async () => {
      const text = invite({ ...alice, route: [`<sip:${AT.proxy};lr>`, '<sip:203.0.113.8;lr>'] });
      expect(statusesOf(await scene.receives(text, AT.alice))).to.deep.equal([403]);
    });
  });

  describe('maddr in the Request-URI', () => {
    const asServer = async (uri: string): Promise<Sent> =>
      requestIn(await scene.receives(invite({ ...server, uri }), AT.ss1.primary));

    it('is the whole target set, in a domain of ours as well (16.5)', async () => {
      await bobRegisters(scene, 2);
      const uri = 'sip:bob@example.com;maddr=203.0.113.8';
      scene.names.set(uri, ['203.0.113.8']);
      const sent = await asServer(uri);
      expect([sent.hop.address, sent.message.uri]).to.deep.equal(['203.0.113.8', uri]);
    });

    it('that led to us is taken off, with port and transport (16.4)', async () => {
      const sent = await asServer(`sip:x@203.0.113.1:5060;a;maddr=${AT.proxy};Transport=UDP;b`);
      expect([sent.hop.address, sent.message.uri]).to.deep.equal(['203.0.113.1', 'sip:x@203.0.113.1;a;b']);
    });

    it('that leads elsewhere is not answered here, whatever the domain', async () => {
      const uri = 'sip:example.com;maddr=203.0.113.8';
      scene.names.set(uri, ['203.0.113.8']);
      const sent = requestIn(await scene.receives(request('OPTIONS', { ...server, uri }), AT.ss1.primary));
      expect([sent.hop.address, sent.message.uri]).to.deep.equal(['203.0.113.8', uri]);
    });

    it('of ours that names another transport than it came by stays', async () => {
      const uri = `sip:x@203.0.113.1;maddr=${AT.proxy};transport=tcp`;
      scene.names.set(uri, [AT.proxy]);
      expect((await asServer(uri)).message.uri).to.equal(uri);
    });

    it('of a phone changes nothing: it goes to its pair', async () => {
      const uri = 'sip:bob@example.com;maddr=203.0.113.8';
      const sent = await aliceCalls(scene, { uri });
      expect([sent.message.uri, sent.hop.address.startsWith('10.1.')]).to.deep.equal([uri, true]);
    });
  });

  describe('a preloaded Route of ours', () => {
    for (const route of [
      '<sip:Proxies.example.com.;lr>',
      `<sip:${AT.proxy};lr>`,
      `<sip:${AT.proxy}:5060;lr>`,
      '<sip:proxies.example.com;lr>',
      '<sip:example.com;lr>',
      `"Proxy" <sip:${AT.proxy};transport=tcp;lr>;x=y`,
    ])
      it(`as phones with an outbound proxy send it, ${route}, is taken off`, async () => {
        const sent = await aliceCalls(scene, { route: [route] });
        expect(routes(sent)).to.deep.equal([]);
      });

    it('with a port of another program at our address is not ours', async () => {
      const text = invite({ ...alice, route: [`<sip:${AT.proxy}:5999;lr>`] });
      expect(statusesOf(await scene.receives(text, AT.alice))).to.deep.equal([403]);
    });
  });

  describe('the Path of an SBC (RFC 3327)', () => {
    it('leads calls back through it, in the order that it has', async () => {
      const path = ['<sip:edge@198.51.100.5;lr>', '<sip:inner@198.51.100.6;lr>'];
      const registered = await scene.registers('bob', AT.sbc, {
        contact: '<sip:bob@10.99.0.1>',
        headers: [`Path: ${path.join(', ')}`, 'Supported: path'],
      });
      expect(registered?.message.values(Header.Path)).to.deep.equal(path);
      const [sent] = await rings(scene);
      expect([sent?.hop.address, sent?.message.uri]).to.deep.equal(['198.51.100.5', 'sip:bob@10.99.0.1']);
      expect(routes(sent as Sent)).to.deep.equal(path);
    });

    it('is refused from a phone', async () => {
      const text = request('REGISTER', {
        ...alice,
        uri: 'sip:example.com',
        headers: ['Path: <sip:evil.example.net;lr>'],
      });
      expect(statusesOf(await scene.receives(text, AT.alice))).to.deep.equal([403]);
    });
  });
});
