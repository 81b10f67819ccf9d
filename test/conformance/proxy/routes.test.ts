import { expect } from 'chai';
import { Header } from '../../../proxy/sip/header.ts';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { tagHash } from '../../../proxy/routing/token.ts';
import { ack, bye, invite, request, respond } from '../../builders.ts';
import {
  AT,
  aliceCalls,
  answered,
  answers,
  bobRegisters,
  requestIn,
  requests,
  rings,
  type Scene,
  type Sent,
  stage,
  statusesOf,
} from '../cast.ts';

const alice = { sentBy: `${AT.alice}:5060` };
const server = { sentBy: `${AT.ss1.primary}:5060` };

function recordRoutes(sent: Sent): readonly string[] {
  return sent.message.values(Header.RecordRoute);
}

function routes(sent: Sent): readonly string[] {
  return sent.message.values(Header.Route);
}

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

describe('RFC 3261 9 and 16.10: CANCEL', () => {
  let scene: Scene;
  const given = { ...alice, callId: 'c', fromTag: 'f', branch: 'z9hG4bKc', to: 'bob', uri: 'sip:bob@example.com' };
  const cancel = (headers: readonly string[] = []): string => request('CANCEL', { ...given, headers });
  beforeEach(async () => {
    scene = await stage();
  });

  it('is answered 200 at once, and the INVITE 487 when the pair has said so', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const sent = await scene.receives(cancel(), AT.alice);
    expect(statusesOf(sent)).to.deep.equal([200]);
    expect(answers(sent)[0]?.message.method).to.equal('CANCEL');
    const final = await answered(scene, asked, 487);
    expect([statusesOf(final), answers(final)[0]?.message.method]).to.deep.equal([[487], 'INVITE']);
  });

  it('goes on with the branch, Request-URI, tags and number of its INVITE, and a Via alone', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const [sent] = requests(await scene.receives(cancel(), AT.alice), 'CANCEL');
    expect(sent?.hop).to.equal(asked.hop);
    expect(sent?.message).to.include({ uri: asked.message.uri, callId: 'c', fromTag: 'f', toTag: '', cseq: 1 });
    expect(sent?.message.values(Header.Via)).to.deep.equal(asked.message.values(Header.Via).slice(0, 1));
  });

  it('has the Reason on that it came with (RFC 3326)', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const reasons = ['Q.850;cause=16;text="Terminated"', 'SIP ;cause=600 ;text="Busy Everywhere"'];
    const [sent] = requests(await scene.receives(cancel(reasons.map((r) => `Reason: ${r}`)), AT.alice), 'CANCEL');
    expect(sent?.message.values(Header.Reason)).to.deep.equal(reasons);
  });

  it('waits for a provisional response, and has its Reason still', async () => {
    const asked = await aliceCalls(scene, given);
    expect(requests(await scene.receives(cancel(['Reason: SIP;cause=487']), AT.alice), 'CANCEL')).to.deep.equal([]);
    const [sent] = requests(await answered(scene, asked, 100), 'CANCEL');
    expect(sent?.message.value(Header.Reason)).to.equal('SIP;cause=487');
  });

  it('that crosses a 200 changes nothing: the call is up, and the phone must hang up', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    await scene.receives(cancel(), AT.alice);
    expect(statusesOf(await answered(scene, asked, 200))).to.deep.equal([200]);
  });

  it('that comes after the 200 is answered 200 and goes nowhere', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 200);
    const sent = await scene.receives(cancel(), AT.alice);
    expect([statusesOf(sent), requests(sent)]).to.deep.equal([[200], []]);
  });

  it('is absorbed when it comes again', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    await scene.receives(cancel(), AT.alice);
    const again = await scene.receives(cancel(), AT.alice);
    expect([statusesOf(again), requests(again)]).to.deep.equal([[200], []]);
  });

  it('that nobody answers still ends the call with 487, after 32 s', async () => {
    const asked = await aliceCalls(scene, given);
    await answered(scene, asked, 180);
    const [ok] = answers(await scene.receives(cancel(), AT.alice));
    const ended = answers(await scene.passes(33_000));
    expect(new Set(statusesOf(ended))).to.deep.equal(new Set([487]));
    // RFC 3261 9.2
    expect(ended[0]?.message.toTag).to.equal(ok?.message.toTag);
  });

  for (const [dialog, toTag] of [
    ['a new call', ''],
    ['a re-INVITE', 'bob-tag'],
  ] as const)
    it(`of ${dialog} that turns out not to have got to its pair sends it to no other server`, async () => {
      const asked = await aliceCalls(scene, { ...given, toTag });
      await scene.receives(request('CANCEL', { ...given, toTag }), AT.alice);
      scene.layer.transportError(asked.hop);
      await scene.settled();
      const sent = scene.takes();
      expect([statusesOf(sent), requests(sent)]).to.deep.equal([[487], []]);
    });

  it('ends at once what has gone nowhere yet, since its next hop is still being looked up', async () => {
    const trunk = 'sip:bob@trunk.example.net';
    scene.names.set(trunk, ['198.51.100.21']);
    const call = { ...given, uri: trunk, to: 'bob', sentBy: `${AT.ss1.primary}:5060` };
    const hop = scene.hop('UDP', AT.ss1.primary, 5060) as Hop;
    scene.core.incoming.receive(request('INVITE', call), hop);
    scene.core.incoming.receive(request('CANCEL', call), hop);
    const sent = answers(scene.takes());
    expect(sent.map(({ message }) => `${message.status} ${message.method}`)).to.deep.equal([
      '200 CANCEL',
      '487 INVITE',
    ]);
    await scene.settled();
    expect(requests(scene.takes())).to.deep.equal([]);
  });

  it('cancels every phone that rings', async () => {
    await bobRegisters(scene, 3);
    const call = { ...given, ...server };
    const forks = await rings(scene, call);
    for (const fork of forks) await answered(scene, fork, 180);
    const sent = await scene.receives(request('CANCEL', call), AT.ss1.primary);
    expect(requests(sent, 'CANCEL').map((s) => s.hop.address)).to.have.members(forks.map((s) => s.hop.address));
  });

  it('of an INVITE of RFC 2543 is matched without a branch', async () => {
    const via = [`SIP/2.0/UDP ${AT.alice}:5060`];
    const asked = await aliceCalls(scene, { ...given, via });
    await answered(scene, asked, 180);
    const sent = await scene.receives(request('CANCEL', { ...given, via }), AT.alice);
    expect([statusesOf(sent), requests(sent, 'CANCEL').length]).to.deep.equal([[200], 1]);
  });

  it('is not passed on to anything but an INVITE', async () => {
    const message = { ...given, cseq: 1 };
    const asked = requestIn(await scene.receives(request('MESSAGE', message), AT.alice));
    expect(statusesOf(await scene.receives(cancel(), AT.alice))).to.deep.equal([481]);
    expect(statusesOf(await answered(scene, asked, 200))).to.deep.equal([200]);
  });
});

describe('RFC 3261 17.2: requests that come again', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await stage();
  });

  it('as an INVITE get the last response again, and go nowhere', async () => {
    const text = invite(alice);
    const asked = requestIn(await scene.receives(text, AT.alice));
    const first = await scene.receives(text, AT.alice);
    expect(first.map((s) => s.message.status)).to.deep.equal([100]);
    await answered(scene, asked, 183);
    expect(statusesOf(await scene.receives(text, AT.alice))).to.deep.equal([183]);
  });

  it('after a 200 get nothing: the 200 comes again from the one that made it (RFC 6026)', async () => {
    const text = invite(alice);
    const asked = requestIn(await scene.receives(text, AT.alice));
    await answered(scene, asked, 200);
    expect(await scene.receives(text, AT.alice)).to.deep.equal([]);
  });

  it('of RFC 2543 are known by all of what RFC 3261 17.2.3 says, and not by Call-ID alone', async () => {
    const old = { ...alice, via: [`SIP/2.0/UDP ${AT.alice}:5060`], callId: 'old', fromTag: 'f' };
    const text = invite(old);
    expect(requests(await scene.receives(text, AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(text, AT.alice))).to.have.length(0);
    expect(requests(await scene.receives(invite({ ...old, cseq: 2 }), AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(invite({ ...old, uri: 'sip:carol@example.com' }), AT.alice))).to.have.length(
      1,
    );
  });

  it('with the magic cookie alone for a branch are told apart as those of RFC 2543 (RFC 4475 3.2.1)', async () => {
    const via = [`SIP/2.0/UDP ${AT.alice}:5060;branch=z9hG4bK`];
    expect(requests(await scene.receives(invite({ via, callId: 'one' }), AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(invite({ via, callId: 'two' }), AT.alice))).to.have.length(1);
  });

  it('with one branch from two places are two', async () => {
    const at = (host: string): string => invite({ sentBy: `${host}:5060`, branch: 'z9hG4bKsame', callId: host });
    expect(requests(await scene.receives(at(AT.alice), AT.alice))).to.have.length(1);
    expect(requests(await scene.receives(at(AT.bob), AT.bob))).to.have.length(1);
  });

  it('as a retransmission to the pair are ours: every 0.5, 1, 2, 4 … s, until it says something', async () => {
    const asked = await aliceCalls(scene);
    expect(requests(await scene.passes(8_000), 'INVITE')).to.have.length(4);
    await answered(scene, asked, 100);
    expect(requests(await scene.passes(30_000), 'INVITE')).to.have.length(0);
  });

  it('over a stream are not sent again', async () => {
    const connection = scene.phoneStream(4, AT.alice, 40_000);
    const text = invite({ ...alice, transport: 'TCP' });
    const asked = requestIn(await scene.receives(text, AT.alice, 40_000, 'TCP', connection));
    await answered(scene, asked, 486);
    expect(statusesOf(await scene.passes(10_000))).to.deep.equal([]);
  });

  it('leave nothing behind after all has ended', async () => {
    for (let i = 0; i < 5; i++) {
      const asked = await aliceCalls(scene, { callId: `c${i}` });
      await answered(scene, asked, i % 2 === 0 ? 200 : 486);
    }
    await scene.receives(respond(invite(alice), 200), AT.alice);
    await scene.passes(70_000);
    expect([scene.layer.idle, scene.core.unanswered, scene.timers.size]).to.deep.equal([true, 0, 0]);
  });
});
