import { createServer, type Server } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { invite, options, respond } from '../../builders.ts';
import { Client, Scene, until } from './scene.ts';

describe('TCP', () => {
  const scenes: Scene[] = [];
  const clients: Client[] = [];
  const servers: Server[] = [];

  async function open(limits: Parameters<typeof Scene.open>[0] = {}): Promise<Scene> {
    const scene = await Scene.open({ listeners: [{ transport: 'TCP' }], ...limits });
    scenes.push(scene);
    return scene;
  }

  async function dial(scene: Scene): Promise<Client> {
    const client = await scene.dial();
    clients.push(client);
    return client;
  }

  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.destroy();
    await Promise.all(scenes.splice(0).map((scene) => scene.transports.close()));
    for (const server of servers.splice(0)) server.close();
  });

  describe('framing', () => {
    it('puts messages together from pieces of any size', async () => {
      const scene = await open();
      const messages = [invite({ body: 'v=0\r\n\r\nm=audio' }), options({}), respond(options({}), 200)];
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 }), async (sizes) => {
          scene.messages.length = 0;
          const client = await dial(scene);
          let rest = messages.join('');
          for (const size of sizes) {
            client.write(rest.slice(0, size));
            rest = rest.slice(size);
            await new Promise((resolve) => setImmediate(resolve));
          }
          client.write(rest);
          await until(() => scene.messages.length === messages.length);
          expect(scene.messages.map((message) => message.text)).to.deep.equal(messages);
          client.socket.destroy();
        }),
        { numRuns: 20 },
      );
    });

    it('answers the ping CRLFCRLF with the pong CRLF, also between messages', async () => {
      const scene = await open();
      const client = await dial(scene);
      client.write(`\r\n\r\n${options({})}\r\n\r\n`);
      await until(() => client.received === '\r\n\r\n');
      expect(scene.messages).to.have.lengthOf(1);
      expect(scene.transports.counters).to.include({ keepAlives: 2, tcpReceived: 1 });
    });

    it('tells of a stream that cannot be cut, lets it be answered, and closes it', async () => {
      const scene = await open();
      scene.onMalformed = (error, from) =>
        scene.transports.send(`SIP/2.0 ${error.status} ${error.reason}\r\n\r\n`, from);
      const client = await dial(scene);
      client.write(options({}).replace(/Content-Length: 0\r\n/, ''));
      await until(() => client.closed);
      expect(client.received).to.match(/^SIP\/2.0 400 /);
      expect(scene.malformed[0]?.error.status).to.equal(400);
      expect(scene.closed).to.have.lengthOf(1);
      expect(scene.transports.counters.closedMalformed).to.equal(1);
    });
  });

  describe('a connection that came in', () => {
    it('is the way back, and names itself by its number', async () => {
      const scene = await open();
      const client = await dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      const from = scene.messages[0]?.from;
      if (from?.connection === undefined) throw new Error('no connection');
      expect(from).to.include({ transport: 'TCP', address: '127.0.0.1', port: client.port });
      expect(from.connection).to.include({ inbound: true, open: true, remotePort: client.port });
      expect(scene.transports.connection(from.connection.number)).to.equal(from.connection);
      scene.transports.send('answer', from);
      await until(() => client.received === 'answer');
    });

    it('is used again for its address and port', async () => {
      const scene = await open();
      const client = await dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      scene.transports.send('a request', scene.transports.hop('TCP', '127.0.0.1', client.port));
      await until(() => client.received === 'a request');
    });

    it('is told of when the peer closes it, and what was sent over it has failed', async () => {
      const scene = await open();
      const client = await dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      const from = scene.messages[0]?.from;
      if (from?.connection === undefined) throw new Error('no connection');
      scene.transports.send('a request', from);
      await until(() => client.received === 'a request');
      client.socket.end();
      await until(() => scene.closed.length === 1);
      expect(scene.closed[0]).to.equal(from.connection);
      expect(from.connection.open).to.equal(false);
      expect(scene.failures.map(({ hop }) => hop)).to.deep.equal([from]);
      expect(scene.transports.connection(from.connection.number)).to.equal(undefined);
      scene.transports.send('another', from);
      await until(() => scene.failures.length === 2);
      expect(scene.failures[1]?.error.message).to.match(/^TCP connection 1 from 127.0.0.1:\d+ is closed$/);
    });

    describe('whose peer sends no more (FIN)', () => {
      async function halfClosed(holds: number): Promise<{ scene: Scene; client: Client; from: Hop }> {
        const scene = await open();
        const client = await dial(scene);
        client.write(options({}));
        await until(() => scene.messages.length === 1);
        const from = scene.messages[0]?.from;
        if (from?.connection === undefined) throw new Error('no connection');
        from.connection.holds = holds;
        client.socket.end();
        await until(() => scene.closed.length === 1);
        return { scene, client, from };
      }

      it('carries the answers that are still to come, and is closed after the last one', async () => {
        const { scene, client, from } = await halfClosed(1);
        expect(from.connection).to.include({ open: false, lingers: true });
        expect(scene.transports.connectionCount).to.equal(0);
        scene.pass(20_000);
        scene.transports.send('the answer', from);
        await until(() => client.received === 'the answer');
        expect(client.closed).to.equal(false);
        if (from.connection !== undefined) from.connection.holds = 0;
        scene.pass(1000);
        await until(() => client.closed);
        expect(from.connection).to.include({ open: false, lingers: false });
        scene.transports.send('too late', from);
        await until(() => scene.failures.length === 1);
      });

      it('is closed at once when nothing is asked', async () => {
        const { client, from } = await halfClosed(0);
        expect(from.connection).to.include({ open: false, lingers: false });
        await until(() => client.closed);
      });

      it('is closed after 32 s, whatever is still to come', async () => {
        const { scene, client } = await halfClosed(1);
        scene.pass(31_999);
        scene.pass(1);
        await until(() => client.closed);
        expect(client.received).to.equal('');
      });

      it('is used for no new request to its address', async () => {
        const { scene, client } = await halfClosed(1);
        scene.transports.send(options({}), scene.transports.hop('TCP', '127.0.0.1', client.port));
        await until(() => scene.failures.length === 1);
        expect(client.received).to.equal('');
      });

      it('ends when its peer is gone altogether', async () => {
        const { scene, client, from } = await halfClosed(1);
        client.socket.destroy();
        await until(() => {
          scene.transports.send('into the void', from);
          return from.connection?.lingers === false;
        });
      });

      it('does not hold up the end of the proxy', async () => {
        const { scene, client } = await halfClosed(1);
        await scene.transports.close();
        await until(() => client.closed);
      });

      it('takes no more than may wait for a peer that does not read', async () => {
        const { scene, client, from } = await halfClosed(1);
        client.socket.pause();
        for (let sent = 0; sent < 1000 && from.connection?.lingers === true; sent++)
          scene.transports.send('x'.repeat(50_000), from);
        expect(from.connection?.lingers).to.equal(false);
        expect(scene.transports.counters.closedUnread).to.equal(1);
      });
    });

    it('is closed when no whole message came in time', async () => {
      const scene = await open();
      const silent = await dial(scene);
      const slow = await dial(scene);
      const good = await dial(scene);
      slow.write('OPTIONS sip:a SIP/2.0\r\nVi');
      good.write(options({}));
      await until(() => scene.messages.length === 1 && scene.transports.connectionCount === 3);
      scene.pass(29_999);
      expect(scene.transports.counters.closedHalfOpen).to.equal(0);
      scene.pass(1);
      await until(() => silent.closed && slow.closed);
      expect(scene.transports.counters.closedHalfOpen).to.equal(2);
      expect(good.closed).to.equal(false);
    });

    it('makes room for newer ones when too many have sent nothing', async () => {
      const scene = await open({ limits: { halfOpen: 2 } });
      const proven = await dial(scene);
      proven.write(options({}));
      await until(() => scene.messages.length === 1);
      const silent = [await dial(scene), await dial(scene), await dial(scene)];
      await until(() => silent[0]?.closed === true);
      expect([proven, ...silent].map((client) => client.closed)).to.deep.equal([false, true, false, false]);
    });

    it('is refused above a limit that was lowered meanwhile', async () => {
      const scene = await open();
      await dial(scene);
      scene.transports.limit({ connections: 1 });
      const refused = await dial(scene);
      await until(() => refused.closed);
    });

    it('is cut off at the first byte beyond the limit of a message that is set', async () => {
      const scene = await open({ limits: { message: { maxBytes: 5_000, maxFields: 256, maxUri: 4096 } } });
      const client = await dial(scene);
      client.write(options({}).replace('Content-Length: 0', 'Content-Length: 5000'));
      await until(() => scene.malformed.length === 1);
      expect(scene.malformed[0]?.error.status).to.equal(513);
    });

    it('is refused above the limit', async () => {
      const scene = await open({ limits: { connections: 1 } });
      await dial(scene);
      const refused = await dial(scene);
      await until(() => refused.closed);
      expect(scene.transports.counters).to.include({ connectionsAccepted: 1, connectionsRefused: 1 });
    });

    it('whose framing is lost still brings the answers that are awaited there, for as long as a closing one may take', async () => {
      const scene = await open({
        limits: { closeTimeout: 50 },
        onMessage: (_text, from) => {
          if (from.connection !== undefined) from.connection.holds++;
        },
      });
      const client = await dial(scene);
      client.write(`${options({})}what is this?\r\n\r\n`);
      await until(() => scene.malformed.length === 1);
      client.write(options({}));
      const from = scene.messages[0]?.from;
      if (from === undefined) throw new Error('no message');
      expect(client.closed).to.equal(false);
      scene.transports.send('the answer', from);
      await until(() => client.closed);
      expect(client.received).to.equal('the answer');
      expect([scene.messages.length, scene.malformed.length]).to.deep.equal([1, 1]);
    });

    it('is closed when a message takes too long, even while it is held', async () => {
      const scene = await open();
      const client = await dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      const connection = scene.messages[0]?.from.connection;
      if (connection === undefined) throw new Error('no connection');
      connection.holds = 1;
      // A pong is no message that was begun
      client.write('\r\n');
      scene.pass(29_999);
      client.write(options({}).slice(0, 40));
      await until(() => {
        scene.pass(1_000);
        return !connection.open;
      });
      expect(scene.transports.counters.closedSlow).to.equal(1);
    });

    it('makes room for a new one at the limit if nothing has needed it for a while', async () => {
      const scene = await open({ limits: { connections: 2 } });
      const dialled = [await dial(scene), await dial(scene)];
      for (const [index, client] of dialled.entries()) {
        client.write(options({}));
        await until(() => scene.messages.length === index + 1);
      }
      const held = scene.messages[0]?.from.connection;
      if (held === undefined) throw new Error('no connection');
      held.holds = 1;
      scene.at += 10_000;
      const third = await dial(scene);
      await until(() => dialled[1]?.closed === true);
      third.write(options({}));
      await until(() => scene.messages.length === 3);
      expect([dialled[0]?.closed, scene.transports.counters.connectionsRefused]).to.deep.equal([false, 0]);
    });

    it('is closed as idle unless something holds it', async () => {
      const scene = await open();
      const held = await dial(scene);
      const idle = await dial(scene);
      held.write(options({}));
      await until(() => scene.messages.length === 1);
      idle.write(options({}));
      await until(() => scene.messages.length === 2);
      const connection = scene.messages[0]?.from.connection;
      if (connection === undefined) throw new Error('no connection');
      connection.holds = 1;
      scene.pass(300_000);
      await until(() => idle.closed);
      expect(scene.transports.counters.closedIdle).to.equal(1);
      connection.holds = 0;
      scene.pass(0);
      await until(() => held.closed);
    });

    it('is not read from while its peer does not read, and is closed when that lasts', async () => {
      const scene = await open({
        onMessage: (_text, from) => scene.transports.send(`SIP/2.0 200 OK\r\n${'x'.repeat(2_000)}`, from),
      });
      const client = await dial(scene);
      client.socket.pause();
      const asked = 20_000;
      client.write(options({}).repeat(asked));
      // the answers fill both kernels' buffers, some MB, and then ours: from there on no more requests are taken in
      let before = -1;
      await until(() => {
        const stands = scene.messages.length === before && before > 0;
        before = scene.messages.length;
        return stands;
      });
      expect(scene.messages.length).to.be.below(asked);
      expect(scene.transports.connectionCount).to.equal(1);
      scene.pass(10_000);
      await until(() => scene.closed.length === 1);
      expect(scene.transports.counters.closedUnread).to.equal(1);
    });

    it('is read on when its peer reads again', async () => {
      const scene = await open({
        onMessage: (_text, from) => scene.transports.send(`SIP/2.0 200 OK\r\n${'x'.repeat(2_000)}`, from),
      });
      const client = await dial(scene);
      client.socket.pause();
      client.write(options({}).repeat(4_000));
      await until(() => scene.messages.length > 0);
      client.socket.resume();
      await until(() => scene.messages.length === 4_000);
      scene.pass(10_000);
      expect(scene.transports.connectionCount).to.equal(1);
    });

    it('is closed when its peer does not read', async () => {
      const scene = await open({ limits: { writeQueue: 100_000 } });
      const client = await dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      client.socket.pause();
      const from = scene.messages[0]?.from;
      if (from === undefined) throw new Error('no message');
      const message = 'x'.repeat(50_000);
      for (let sent = 0; sent < 1_000 && scene.transports.connectionCount === 1; sent++) {
        scene.transports.send(message, from);
      }
      await until(() => scene.closed.length === 1);
      expect(scene.transports.counters.closedUnread).to.equal(1);
      expect(scene.failures[0]?.error.message).to.match(/100000 bytes that its peer does not read/);
    });
  });

  describe('a connection that goes out', () => {
    it('leaves from the listener\u2019s own address and is used again', async () => {
      const server = await open();
      const scene = await open({ listeners: [{ transport: 'TCP', address: '127.0.0.3' }] });
      const hop = scene.hopTo(server, 'TCP');
      scene.transports.send(options({}), hop);
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 2);
      expect(server.messages[0]?.from).to.include({ address: '127.0.0.3' });
      expect(server.messages[1]?.from).to.equal(server.messages[0]?.from);
      expect(scene.transports.counters).to.include({ connectionsOpened: 1, tcpSent: 2 });
    });

    it('brings the answers', async () => {
      const server = await open({ onMessage: (text, from) => server.transports.send(respond(text, 200), from) });
      const scene = await open();
      scene.transports.send(options({}), scene.hopTo(server, 'TCP'));
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.text).to.match(/^SIP\/2.0 200 OK/);
      expect(scene.messages[0]?.from.connection).to.include({ inbound: false });
    });

    it('fails when it is refused, on a later turn and once', async () => {
      const gone = await open();
      const scene = await open();
      const hop = scene.hopTo(gone, 'TCP');
      await gone.transports.close();
      scene.transports.send(options({}), hop);
      scene.transports.send(options({}), hop);
      expect(scene.failures).to.deep.equal([]);
      await until(() => scene.closed.length === 1);
      expect(scene.failures).to.have.lengthOf(1);
      expect(scene.failures[0]?.hop).to.include({ transport: 'TCP', address: '127.0.0.1', port: hop.port });
      expect(scene.failures[0]?.error).to.include({ code: 'ECONNREFUSED' });
      expect(scene.transports.counters.connectFailed).to.equal(1);
      expect(scene.transports.connectionCount).to.equal(0);
    });

    for (const [address, port] of [
      ['127.0.0.1', 70_000],
      ['127.0.0.1', 0],
      ['::1', 5060],
    ] as const) {
      it(`fails, and does not throw, when it cannot go to ${address} port ${port}`, async () => {
        const scene = await open();
        scene.transports.send(options({}), scene.transports.hop('TCP', address, port));
        await until(() => scene.failures.length === 1 && scene.closed.length === 1);
        expect(scene.transports.connectionCount).to.equal(0);
      });
    }

    it('is opened anew after the old one broke', async () => {
      const server = await open();
      const scene = await open();
      const hop = scene.hopTo(server, 'TCP');
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 1);
      server.transports.closeTo('127.0.0.1', server.messages[0]?.from.port ?? 0, 'all');
      await until(() => scene.closed.length === 1);
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 2);
    });

    it('is ended when its member is down', async () => {
      const server = await open();
      const scene = await open();
      const hop = scene.hopTo(server, 'TCP');
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 1);
      scene.transports.closeTo('127.0.0.1', hop.port, 'all');
      await until(() => server.closed.length === 1 && scene.closed.length === 1);
      expect(scene.failures[0]?.error.message).to.equal(`connections to 127.0.0.1:${hop.port} are closed: it is down`);
    });

    it('is not brought about to a member that went out of service meanwhile: what waited for it is told so', async () => {
      const server = await open();
      const scene = await open();
      const hop = scene.hopTo(server, 'TCP');
      scene.transports.send(options({}), hop);
      scene.transports.closeTo('127.0.0.1', hop.port, 'opening');
      await until(() => scene.failures.length === 1);
      expect(scene.failures[0]?.hop.port).to.equal(hop.port);
      // one that is up stays
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 1);
      scene.transports.closeTo('127.0.0.1', hop.port, 'opening');
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 2);
      expect(scene.failures).to.have.length(1);
    });
  });

  it('closes with what is queued sent and nothing left open', async () => {
    const scene = await open();
    const client = await dial(scene);
    client.write(options({}));
    await until(() => scene.messages.length === 1);
    const from = scene.messages[0]?.from;
    if (from === undefined) throw new Error('no message');
    const text = 'y'.repeat(900_000);
    scene.transports.send(text, from);
    await scene.transports.close();
    await until(() => client.closed);
    expect(client.received).to.have.lengthOf(text.length);
    expect(scene.transports.connectionCount).to.equal(0);
    expect(scene.transports.listeners).to.deep.equal([]);
  });

  it('does not wait for a peer that never closes', async () => {
    const scene = await open({ limits: { closeTimeout: 20 } });
    const server = createServer({ allowHalfOpen: true });
    servers.push(server);
    const accepted: Client[] = [];
    server.on('connection', (socket) => accepted.push(new Client(socket)));
    server.listen(0, '127.0.0.1');
    await until(() => server.listening);
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    scene.transports.send(options({}), scene.transports.hop('TCP', '127.0.0.1', address.port));
    await until(() => accepted[0]?.received !== undefined && accepted[0].received !== '');
    await scene.transports.close();
    expect(scene.transports.connectionCount).to.equal(0);
    accepted[0]?.socket.destroy();
  });
});
