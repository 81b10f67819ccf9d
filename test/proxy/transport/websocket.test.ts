import { expect } from 'chai';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { TlsMaterial } from '../../../proxy/transport/tls-material.ts';
import { invite, options, register, respond } from '../../builders.ts';
import { Authority, Directories } from './certificates.ts';
import { Scene, until } from './scene.ts';

/** What a browser's phone does, without a browser. */
class Phone {
  readonly webSocket: WebSocket;
  readonly received: { text: string; binary: boolean }[] = [];
  pings = 0;
  closed = 0;
  status = 0;

  constructor(
    url: string,
    protocols: string[] = ['sip'],
    more: { origin?: string; ca?: string; autoPong?: boolean } = {},
  ) {
    this.webSocket = new WebSocket(url, protocols, more);
    this.webSocket.on('message', (message: Buffer, binary) =>
      this.received.push({ text: message.toString('latin1'), binary }),
    );
    this.webSocket.on('ping', () => this.pings++);
    this.webSocket.on('close', (code) => (this.closed = code));
    this.webSocket.on('error', () => undefined);
    this.webSocket.on('unexpected-response', (request, response) => {
      this.status = response.statusCode ?? 0;
      request.destroy();
    });
  }

  get open(): boolean {
    return this.webSocket.readyState === WebSocket.OPEN;
  }
}

describe('WebSocket', () => {
  const scenes: Scene[] = [];
  const phones: Phone[] = [];
  const sockets: Socket[] = [];

  async function open(more: Parameters<typeof Scene.open>[0] = {}): Promise<Scene> {
    const scene = await Scene.open({ listeners: [{ transport: 'WS' }], ...more });
    scenes.push(scene);
    return scene;
  }

  function phone(scene: Scene, ...more: [protocols?: string[], more?: { origin?: string; autoPong?: boolean }]): Phone {
    const one = new Phone(`ws://127.0.0.1:${scene.port('WS')}/any`, ...more);
    phones.push(one);
    return one;
  }

  async function connected(
    scene: Scene,
    ...more: [protocols?: string[], more?: { autoPong?: boolean }]
  ): Promise<Phone> {
    const one = phone(scene, ...more);
    await until(() => one.open);
    return one;
  }

  /** A client that writes its own bytes. */
  async function raw(scene: Scene): Promise<{ socket: Socket; text: () => string }> {
    const socket = connect(scene.port('WS'), '127.0.0.1');
    sockets.push(socket);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    await until(() => !socket.connecting);
    return { socket, text: () => text };
  }

  const opening =
    'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n';

  afterEach(async () => {
    for (const one of phones.splice(0)) one.webSocket.terminate();
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(scenes.splice(0).map((scene) => scene.transports.close()));
  });

  describe('the opening (RFC 7118 4)', () => {
    it('agrees on the subprotocol sip', async () => {
      const scene = await open();
      const one = await connected(scene, ['xmpp', 'sip']);
      expect(one.webSocket.protocol).to.equal('sip');
    });

    it('is refused without it', async () => {
      const scene = await open();
      const [none, other] = [phone(scene, []), phone(scene, ['xmpp'])];
      await until(() => none.status !== 0 && other.status !== 0);
      expect([none.status, other.status]).to.deep.equal([400, 400]);
      expect(scene.transports.counters.upgradesRefused).to.equal(2);
      await until(() => scene.transports.connectionCount === 0);
    });

    it('is refused to pages of other origins, where origins are named', async () => {
      const listeners = [{ transport: 'WS' as const, origins: ['https://phone.example.com'] }];
      const scene = await open({ listeners });
      const stranger = phone(scene, ['sip'], { origin: 'https://evil.example.net' });
      const page = phone(scene, ['sip'], { origin: 'https://Phone.example.com' });
      const noPage = phone(scene, ['sip']);
      await until(() => stranger.status !== 0 && page.open && noPage.open);
      expect(stranger.status).to.equal(403);
    });

    it('says to other HTTP requests what the port is for', async () => {
      const scene = await open();
      const { socket, text } = await raw(scene);
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => text().includes('\r\n\r\n') && scene.transports.connectionCount === 0);
      expect(text())
        .to.match(/^HTTP\/1.1 426 /)
        .and.match(/sec-websocket-protocol: sip/i);
    });

    it('must come in time', async () => {
      const scene = await open();
      const { socket } = await raw(scene);
      socket.write(opening.slice(0, 40));
      await until(() => scene.transports.connectionCount === 1);
      scene.pass(30_000);
      await until(() => socket.closed);
      expect(scene.transports.counters.closedHalfOpen).to.equal(1);
    });
  });

  describe('messages (RFC 7118 5)', () => {
    it('come and go one a frame, over the connection that names itself', async () => {
      const scene = await open({ onMessage: (text, from) => scene.transports.send(respond(text, 200), from) });
      const one = await connected(scene);
      const text = options({});
      one.webSocket.send(text);
      await until(() => one.received.length === 1);
      expect(scene.messages[0]).to.have.property('text', text);
      expect(scene.messages[0]?.from).to.include({ transport: 'WS', address: '127.0.0.1' });
      expect(one.received[0]?.text).to.match(/^SIP\/2.0 200 OK/);
      expect(one.received[0]?.binary).to.equal(false);
      expect(scene.transports.counters).to.include({ wsReceived: 1, wsSent: 1 });
    });

    it('need no Content-Length', async () => {
      const scene = await open();
      const one = await connected(scene);
      const text = options({}).replace(/Content-Length: 0\r\n/, '');
      one.webSocket.send(text);
      one.webSocket.send(Buffer.from(text));
      await until(() => scene.messages.length === 2);
      expect(scene.messages.map((message) => message.text)).to.deep.equal([text, text]);
    });

    it('keep every byte: UTF-8 goes as text, what is not as binary', async () => {
      const scene = await open();
      const one = await connected(scene);
      const body = Buffer.from('J\u00fcrgen \u260e').toString('latin1');
      const sent = invite({ body });
      one.webSocket.send(Buffer.from(sent, 'latin1'), { binary: false });
      await until(() => scene.messages.length === 1);
      const { text, from } = scene.messages[0] ?? {};
      if (text === undefined || from === undefined) throw new Error('no message');
      expect(text).to.equal(sent);
      const odd = invite({ body: '\xff\x00\r\n' });
      scene.transports.send(text, from);
      scene.transports.send(odd, from);
      await until(() => one.received.length === 2);
      expect(one.received.map(({ binary }) => binary)).to.deep.equal([false, true]);
      expect(one.received.map((message) => message.text)).to.deep.equal([text, odd]);
    });

    it('that are keep-alives are answered and not passed on', async () => {
      const scene = await open();
      const one = await connected(scene);
      one.webSocket.send('\r\n\r\n');
      one.webSocket.send('\r\n');
      one.webSocket.send('');
      one.webSocket.send(options({}));
      await until(() => scene.messages.length === 1 && one.received.length === 1);
      expect(one.received[0]?.text).to.equal('\r\n');
      expect(scene.transports.counters.keepAlives).to.equal(1);
    });

    it('beyond all bounds end the connection', async () => {
      const scene = await open();
      const one = await connected(scene);
      one.webSocket.send('x'.repeat(200_000));
      await until(() => one.closed !== 0 && scene.closed.length === 1);
      expect(one.closed).to.equal(1009);
      expect(scene.messages).to.deep.equal([]);
    });

    it('that take too long to come end the connection', async () => {
      const scene = await open({ limits: { pingInterval: 1e9 } });
      const { socket, text } = await raw(scene);
      socket.write(opening);
      await until(() => text().includes('\r\n\r\n'));
      const [message, mask] = [Buffer.from(options({})), Buffer.alloc(4)];
      const length = Buffer.from([message.length >> 8, message.length & 255]);
      const frame = Buffer.concat([Buffer.from([0x81, 0xfe]), length, mask, message]);
      socket.write(frame);
      await until(() => scene.messages.length === 1);
      const connection = scene.messages[0]?.from.connection;
      if (connection !== undefined) connection.holds = 1;
      socket.write(frame.subarray(0, 50));
      await until(() => {
        scene.pass(1_000);
        return socket.closed;
      });
      expect(scene.transports.counters).to.include({ closedSlow: 1 });
    });

    it('that are answers to keep-alives may come in pieces, and are no message that was begun', async () => {
      const scene = await open({ limits: { pingInterval: 1e9 } });
      const { socket, text } = await raw(scene);
      socket.setNoDelay(true);
      socket.write(opening);
      await until(() => text().includes('\r\n\r\n'));
      const connection = [...scene.transports.connections()][0];
      const message = Buffer.from(options({}));
      const length = Buffer.from([message.length >> 8, message.length & 255]);
      socket.write(Buffer.concat([Buffer.from([0x81, 0xfe]), length, Buffer.alloc(4), message]));
      await until(() => scene.messages.length === 1);
      if (connection !== undefined) connection.holds = 1;
      for (const piece of ['\x81\x82\0\0\0\0', '\r\n']) {
        socket.write(piece, 'latin1');
        for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      }
      scene.pass(60_000);
      expect([connection?.open, scene.transports.counters.closedSlow]).to.deep.equal([true, 0]);
    });

    it('are not queued without bound for a phone that does not read', async () => {
      const scene = await open({ limits: { writeQueue: 100_000 } });
      const one = await connected(scene);
      one.webSocket.send(options({}));
      await until(() => scene.messages.length === 1);
      one.webSocket.pause();
      const from = scene.messages[0]?.from;
      if (from === undefined) throw new Error('no message');
      for (let sent = 0; sent < 1_000 && scene.transports.connectionCount === 1; sent++) {
        scene.transports.send('x'.repeat(50_000), from);
      }
      await until(() => scene.closed.length === 1);
      expect(scene.transports.counters.closedUnread).to.equal(1);
    });
  });

  describe('a phone behind one', () => {
    it('is reached at its address and port over the connection that it opened', async () => {
      const scene = await open();
      const one = await connected(scene);
      one.webSocket.send(register({}));
      await until(() => scene.messages.length === 1);
      const port = scene.messages[0]?.from.port ?? 0;
      scene.transports.send('a request', scene.transports.hop('WS', '127.0.0.1', port));
      await until(() => one.received.length === 1);
    });

    it('is never dialled', async () => {
      const scene = await open();
      const other = await open();
      scene.transports.send(invite({}), scene.hopTo(other, 'WS'));
      await until(() => scene.failures.length === 1);
      expect(scene.failures[0]?.error.message).to.match(
        /^no WS connection from 127.0.0.1:\d+, and none can be opened to it$/,
      );
      expect(other.transports.counters.connectionsAccepted).to.equal(0);
    });

    it('is pinged, and keeps its connection as long as it answers', async () => {
      const scene = await open();
      const one = await connected(scene);
      one.webSocket.send(register({}));
      await until(() => scene.messages.length === 1);
      const connection = scene.messages[0]?.from.connection;
      if (connection === undefined) throw new Error('no connection');
      connection.holds = 1;
      for (let pings = 1; pings <= 20; pings++) {
        scene.pass(25_000);
        await until(() => one.pings === pings);
        one.webSocket.send('\r\n\r\n');
        // frames keep their order: the pong is there once this is answered
        await until(() => one.received.length === pings);
      }
      expect(connection.open).to.equal(true);
    });

    it('is given up when it does not answer a ping', async () => {
      const scene = await open();
      const one = await connected(scene, ['sip'], { autoPong: false });
      one.webSocket.send(register({}));
      await until(() => scene.messages.length === 1);
      scene.pass(25_000);
      await until(() => one.pings === 1);
      scene.pass(25_000);
      await until(() => scene.closed.length === 1);
      expect(scene.transports.counters.closedSilent).to.equal(1);
    });

    it('is heard of when it closes, and when it is gone', async () => {
      const scene = await open();
      const [one, other] = [await connected(scene), await connected(scene)];
      one.webSocket.close(1000);
      await until(() => scene.closed.length === 1 && one.closed === 1000);
      other.webSocket.terminate();
      await until(() => scene.closed.length === 2);
    });

    it('is closed as idle unless something holds it, whatever it answers to pings', async () => {
      const scene = await open();
      const one = await connected(scene);
      one.webSocket.send(register({}));
      await until(() => scene.messages.length === 1);
      for (let pings = 1; pings < 12; pings++) {
        scene.pass(25_000);
        await until(() => one.pings === pings);
        one.webSocket.ping();
        await new Promise((resolve) => one.webSocket.once('pong', resolve));
      }
      scene.pass(25_000);
      await until(() => one.closed !== 0);
      expect(scene.transports.counters.closedIdle).to.equal(1);
    });
  });

  it('stands still while its address is cut off, and loses nothing', async () => {
    const scene = await open({ onMessage: (text, from) => scene.transports.send(respond(text, 200), from) });
    const one = await connected(scene);
    scene.transports.block(new Set(['127.0.0.1']));
    one.webSocket.send(options({}));
    const late = phone(scene);
    await until(() => scene.transports.connectionCount === 2);
    expect(scene.messages).to.deep.equal([]);
    expect(late.open).to.equal(false);
    scene.transports.block(new Set());
    await until(() => one.received.length === 1 && late.open);
  });

  describe('by TLS', () => {
    let authority: Authority;
    let directories: Directories;
    let material: TlsMaterial;

    before(async () => {
      authority = await Authority.make();
    });

    beforeEach(() => {
      directories = new Directories();
      material = new TlsMaterial({ log: pino({ level: 'silent' }), now: () => Date.now() });
    });

    afterEach(() => {
      material.close();
      directories.remove();
    });

    it('registers a phone and calls it over its own connection', async () => {
      const tls = directories.write('wss', await authority.issue({ names: ['localhost'] }));
      const scene = await open({ listeners: [{ transport: 'WSS', tls }], tls: material });
      const one = new Phone(`wss://localhost:${scene.port('WSS')}/`, ['sip'], { ca: authority.pem });
      phones.push(one);
      await until(() => one.open);
      one.webSocket.send(register({}));
      await until(() => scene.messages.length === 1);
      const { text, from } = scene.messages[0] ?? {};
      if (text === undefined || from === undefined) throw new Error('no message');
      expect(from).to.include({ transport: 'WSS' });
      scene.transports.send(respond(text, 200), from);
      const call = invite({});
      scene.transports.send(call, from);
      await until(() => one.received.length === 2);
      expect(one.received[1]?.text).to.equal(call);
      expect(scene.transports.counters).to.include({ wssReceived: 1, wssSent: 2 });
    });

    it('is closed when the handshake is not made in time, be it of TLS or of WebSocket', async () => {
      const tls = directories.write('wss', await authority.issue({ names: ['localhost'] }));
      const scene = await open({ listeners: [{ transport: 'WSS', tls }], tls: material });
      const silent = await scene.dial('127.0.0.1', 'WSS');
      sockets.push(silent.socket);
      await until(() => scene.transports.connectionCount === 1);
      scene.pass(30_000);
      await until(() => silent.closed && scene.transports.connectionCount === 0);
    });
  });
});
