import { createServer, type Server } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { invite, options, respond } from '../../builders.ts';
import { Client, until } from './scene.ts';
import { TcpScenes } from './tcp-scenes.ts';

describe('TCP', () => {
  const tcp = new TcpScenes();
  const servers: Server[] = [];

  afterEach(async () => {
    await tcp.end();
    for (const server of servers.splice(0)) server.close();
  });

  describe('framing', () => {
    it('puts messages together from pieces of any size', async () => {
      const scene = await tcp.open();
      const messages = [invite({ body: 'v=0\r\n\r\nm=audio' }), options({}), respond(options({}), 200)];
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 }), async (sizes) => {
          scene.messages.length = 0;
          const client = await tcp.dial(scene);
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
      const scene = await tcp.open();
      const client = await tcp.dial(scene);
      client.write(`\r\n\r\n${options({})}\r\n\r\n`);
      await until(() => client.received === '\r\n\r\n');
      expect(scene.messages).to.have.lengthOf(1);
      expect(scene.transports.counters).to.include({ keepAlives: 2, tcpReceived: 1 });
    });

    it('tells of a stream that cannot be cut, lets it be answered, and closes it', async () => {
      const scene = await tcp.open();
      scene.onMalformed = (error, from) =>
        scene.transports.send(`SIP/2.0 ${error.status} ${error.reason}\r\n\r\n`, from);
      const client = await tcp.dial(scene);
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
      const scene = await tcp.open();
      const { client, from, connection } = await tcp.heard(scene);
      expect(from).to.include({ transport: 'TCP', address: '127.0.0.1', port: client.port });
      expect(connection).to.include({ inbound: true, open: true, remotePort: client.port });
      expect(scene.transports.connection(connection.number)).to.equal(connection);
      scene.transports.send('answer', from);
      await until(() => client.received === 'answer');
    });

    it('is used again for its address and port', async () => {
      const scene = await tcp.open();
      const { client } = await tcp.heard(scene);
      scene.transports.send('a request', scene.transports.hop('TCP', '127.0.0.1', client.port));
      await until(() => client.received === 'a request');
    });

    it('is told of when the peer closes it, and what was sent over it has failed', async () => {
      const scene = await tcp.open();
      const { client, from, connection } = await tcp.heard(scene);
      scene.transports.send('a request', from);
      await until(() => client.received === 'a request');
      client.socket.end();
      await until(() => scene.closed.length === 1);
      expect(scene.closed[0]).to.equal(connection);
      expect(connection.open).to.equal(false);
      expect(scene.failures.map(({ hop }) => hop)).to.deep.equal([from]);
      expect(scene.transports.connection(connection.number)).to.equal(undefined);
      scene.transports.send('another', from);
      await until(() => scene.failures.length === 2);
      expect(scene.failures[1]?.error.message).to.match(/^TCP connection 1 from 127.0.0.1:\d+ is closed$/);
    });

    it('whose framing is lost still brings the answers that are awaited there, for as long as a closing one may take', async () => {
      const scene = await tcp.open({
        limits: { closeTimeout: 50 },
        onMessage: (_text, from) => {
          if (from.connection !== undefined) from.connection.holds++;
        },
      });
      const client = await tcp.dial(scene);
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
  });

  describe('a connection that goes out', () => {
    it('leaves from the listener\u2019s own address and is used again', async () => {
      const server = await tcp.open();
      const scene = await tcp.open({ listeners: [{ transport: 'TCP', address: '127.0.0.3' }] });
      const hop = scene.hopTo(server, 'TCP');
      scene.transports.send(options({}), hop);
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 2);
      expect(server.messages[0]?.from).to.include({ address: '127.0.0.3' });
      expect(server.messages[1]?.from).to.equal(server.messages[0]?.from);
      expect(scene.transports.counters).to.include({ connectionsOpened: 1, tcpSent: 2 });
    });

    it('brings the answers', async () => {
      const server = await tcp.open({ onMessage: (text, from) => server.transports.send(respond(text, 200), from) });
      const scene = await tcp.open();
      scene.transports.send(options({}), scene.hopTo(server, 'TCP'));
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.text).to.match(/^SIP\/2.0 200 OK/);
      expect(scene.messages[0]?.from.connection).to.include({ inbound: false });
    });

    it('fails when it is refused, on a later turn and once', async () => {
      const gone = await tcp.open();
      const scene = await tcp.open();
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
        const scene = await tcp.open();
        scene.transports.send(options({}), scene.transports.hop('TCP', address, port));
        await until(() => scene.failures.length === 1 && scene.closed.length === 1);
        expect(scene.transports.connectionCount).to.equal(0);
      });
    }

    it('is opened anew after the old one broke', async () => {
      const server = await tcp.open();
      const scene = await tcp.open();
      const hop = scene.hopTo(server, 'TCP');
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 1);
      server.transports.closeTo('127.0.0.1', server.messages[0]?.from.port ?? 0, 'all');
      await until(() => scene.closed.length === 1);
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 2);
    });

    it('is ended when its member is down', async () => {
      const server = await tcp.open();
      const scene = await tcp.open();
      const hop = scene.hopTo(server, 'TCP');
      scene.transports.send(options({}), hop);
      await until(() => server.messages.length === 1);
      scene.transports.closeTo('127.0.0.1', hop.port, 'all');
      await until(() => server.closed.length === 1 && scene.closed.length === 1);
      expect(scene.failures[0]?.error.message).to.equal(`connections to 127.0.0.1:${hop.port} are closed: it is down`);
    });

    it('is not brought about to a member that went out of service meanwhile: what waited for it is told so', async () => {
      const server = await tcp.open();
      const scene = await tcp.open();
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
    const scene = await tcp.open();
    const { client, from } = await tcp.heard(scene);
    const text = 'y'.repeat(900_000);
    scene.transports.send(text, from);
    await scene.transports.close();
    await until(() => client.closed);
    expect(client.received).to.have.lengthOf(text.length);
    expect(scene.transports.connectionCount).to.equal(0);
    expect(scene.transports.listeners).to.deep.equal([]);
  });

  it('does not wait for a peer that never closes', async () => {
    const scene = await tcp.open({ limits: { closeTimeout: 20 } });
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
