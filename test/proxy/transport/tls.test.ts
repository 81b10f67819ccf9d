import { expect } from 'chai';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { TlsMaterial } from '../../../proxy/transport/tls-material.ts';
import { invite, options, respond } from '../../builders.ts';
import { Authority, Directories } from './certificates.ts';
import { Client, Scene, until } from './scene.ts';

describe('TLS', () => {
  let authority: Authority;
  let stranger: Authority;
  let directories: Directories;
  let material: TlsMaterial;
  let proxyDirectory: string;
  const scenes: Scene[] = [];
  const clients: Client[] = [];

  before(async () => {
    authority = await Authority.make();
    stranger = await Authority.make('Stranger');
  });

  beforeEach(async () => {
    directories = new Directories();
    material = new TlsMaterial({ log: pino({ level: 'silent' }), now: () => Date.now() });
    const names = ['proxy.example.com', '127.0.0.1'];
    proxyDirectory = directories.write('proxy', { ...(await authority.issue({ names })), ca: authority.pem });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.socket.destroy();
    await Promise.all(scenes.splice(0).map((scene) => scene.transports.close()));
    material.close();
    directories.remove();
  });

  type More = Omit<Parameters<typeof Scene.open>[0] & object, 'listeners' | 'tls'>;

  async function open(more: More = {}, directory = proxyDirectory, address = '127.0.0.1'): Promise<Scene> {
    const scene = await Scene.open({
      listeners: [{ transport: 'TLS', tls: directory, address }],
      tls: material,
      ...more,
    });
    scenes.push(scene);
    return scene;
  }

  function dial(scene: Scene, more: ConnectionOptions = {}): Client & { socket: TLSSocket } {
    const socket = connect({
      host: '127.0.0.1',
      port: scene.port('TLS'),
      ca: authority.pem,
      servername: 'proxy.example.com',
      ...more,
    });
    const client = Object.assign(new Client(socket), { socket });
    clients.push(client);
    return client;
  }

  describe('a client', () => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`sends messages and gets answers by ${version}`, async () => {
        const scene = await open({ onMessage: (text, from) => scene.transports.send(respond(text, 200), from) });
        const client = dial(scene, { minVersion: version, maxVersion: version });
        client.write(`${options({})}\r\n\r\n`);
        await until(() => client.received.endsWith('\r\n\r\n\r\n'));
        expect(client.socket.getProtocol()).to.equal(version);
        expect(client.received).to.match(/^SIP\/2.0 200 OK/);
        expect(scene.messages[0]?.from).to.include({ transport: 'TLS', address: '127.0.0.1', port: client.port });
        expect(scene.messages[0]?.from.connection).to.deep.include({ inbound: true, certificateNames: [] });
        expect(scene.transports.counters).to.include({ tlsReceived: 1, tlsSent: 1, keepAlives: 1 });
      });
    }

    for (const [version, answered] of [
      ['TLSv1.3', true],
      ['TLSv1.2', false],
    ] as const) {
      it(`that sends no more by ${version} ${answered ? 'still gets its answers' : 'ends the connection'}`, async () => {
        const scene = await open({
          onMessage: (_text, { connection }) => {
            if (connection !== undefined) connection.holds = 1;
          },
        });
        const client = dial(scene, { minVersion: version, maxVersion: version });
        client.write(options({}));
        await until(() => scene.messages.length === 1);
        client.socket.end();
        await until(() => scene.closed.length === 1);
        const from = scene.messages[0]?.from;
        if (from?.connection === undefined) throw new Error('no connection');
        expect(from.connection.lingers).to.equal(answered);
        if (answered) {
          scene.transports.send('the answer', from);
          await until(() => client.received === 'the answer');
          from.connection.holds = 0;
          scene.pass(1000);
        }
        await until(() => client.closed);
      });
    }

    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`that takes a session of ${version} up again has its names, but not once its authority is another`, async () => {
        const scene = await open();
        const shown = await authority.issue({ names: ['sbc1.example.com'] });
        const by = { ...shown, minVersion: version, maxVersion: version };
        const first = dial(scene, by);
        const sessions: Buffer[] = [];
        first.socket.on('session', (one: Buffer) => sessions.push(one));
        first.write(options({}));
        await until(() => scene.messages.length === 1 && sessions.length > 0);
        const [session = Buffer.alloc(0)] = sessions;
        const again = dial(scene, { ...by, session });
        again.write(options({}));
        await until(() => scene.messages.length === 2);
        directories.write('proxy', { ...(await authority.issue({ names: ['proxy.example.com'] })), ca: stranger.pem });
        material.refresh();
        const late = dial(scene, { ...by, session });
        late.write(options({}));
        await until(() => scene.messages.length === 3);
        expect([again, late].map(({ socket }) => socket.isSessionReused())).to.deep.equal([true, false]);
        const names = scene.messages.map(({ from }) => from.connection?.certificateNames);
        expect(names).to.deep.equal([['sbc1.example.com'], ['sbc1.example.com'], []]);
      });
    }

    it('is refused by TLS 1.1', async () => {
      const scene = await open();
      const client = dial(scene, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
      await until(() => client.closed && scene.transports.connectionCount === 0);
      expect(scene.messages).to.deep.equal([]);
    });

    it('that shows a certificate of an authority of the listener has its names', async () => {
      const scene = await open();
      const names = ['SBC1.example.com', 'sbc2.example.com'];
      const client = dial(scene, await authority.issue({ names }));
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.from.connection?.certificateNames).to.deep.equal([
        'sbc1.example.com',
        'sbc2.example.com',
      ]);
    });

    it('that shows a certificate of another authority has none', async () => {
      const scene = await open();
      const client = dial(scene, await stranger.issue({ names: ['sbc1.example.com'] }));
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.from.connection?.certificateNames).to.deep.equal([]);
      expect(scene.transports.counters.certificatesUntrusted).to.equal(1);
    });

    it('that shows an expired certificate has none', async () => {
      const scene = await open();
      const client = dial(scene, await authority.issue({ names: ['sbc1.example.com'], validFor: -60_000 }));
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      expect(scene.messages[0]?.from.connection?.certificateNames).to.deep.equal([]);
    });

    it('is closed when it does not shake hands in time', async () => {
      const scene = await open();
      const silent = await scene.dial('127.0.0.1', 'TLS');
      clients.push(silent);
      await until(() => scene.transports.connectionCount === 1);
      scene.pass(30_000);
      await until(() => silent.closed);
      expect(scene.transports.counters.closedHalfOpen).to.equal(1);
    });

    it('makes room for newer ones while it has not shaken hands', async () => {
      const scene = await open({ limits: { halfOpen: 1 } });
      const silent = await scene.dial('127.0.0.1', 'TLS');
      clients.push(silent);
      await until(() => scene.transports.connectionCount === 1);
      const next = dial(scene);
      next.write(options({}));
      await until(() => silent.closed && scene.messages.length === 1);
    });

    it('that speaks no TLS is closed and counted', async () => {
      const scene = await open();
      const plain = await scene.dial('127.0.0.1', 'TLS');
      clients.push(plain);
      plain.write(options({}));
      await until(() => plain.closed && scene.transports.connectionCount === 0);
      expect(scene.transports.counters.handshakesFailed).to.equal(1);
    });

    it('is closed when it does not read', async () => {
      const scene = await open({ limits: { writeQueue: 100_000 } });
      const client = dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      client.socket.pause();
      const from = scene.messages[0]?.from;
      if (from === undefined) throw new Error('no message');
      for (let sent = 0; sent < 1_000 && scene.transports.connectionCount === 1; sent++) {
        scene.transports.send('x'.repeat(50_000), from);
      }
      await until(() => scene.closed.length === 1);
      expect(scene.transports.counters.closedUnread).to.equal(1);
    });

    it('keeps its connection while certificates change, and the next one sees the new', async () => {
      const scene = await open({ onMessage: (text, from) => scene.transports.send(respond(text, 200), from) });
      const before = dial(scene);
      before.write(options({}));
      await until(() => before.received !== '');
      directories.write('proxy', await authority.issue({ names: ['proxy.example.com', 'new.example.com'] }));
      material.refresh();
      const after = dial(scene, { servername: 'new.example.com' });
      after.write(options({}));
      await until(() => after.received !== '');
      before.received = '';
      before.write(options({}));
      await until(() => before.received !== '');
      expect(scene.closed).to.deep.equal([]);
    });
  });

  it('asks clients for certificates as soon as there is a ca.crt to judge them by, and not once it is gone', async () => {
    const path = directories.write('bare', await authority.issue({ names: ['proxy.example.com'] }));
    const scene = await open({}, path);
    const shown = await authority.issue({ names: ['sbc1.example.com'] });
    const names = async (): Promise<readonly string[] | undefined> => {
      scene.messages.length = 0;
      dial(scene, shown).write(options({}));
      await until(() => scene.messages.length === 1);
      return scene.messages[0]?.from.connection?.certificateNames;
    };
    expect(await names()).to.deep.equal([]);
    directories.write('bare', { ca: authority.pem });
    material.refresh();
    expect(await names()).to.deep.equal(['sbc1.example.com']);
    rmSync(join(path, 'ca.crt'));
    material.refresh();
    expect(await names()).to.deep.equal([]);
  });

  describe('a server that is dialled', () => {
    it('must show the name that led to it, which it is told by SNI', async () => {
      const server = await open();
      const scene = await open();
      scene.transports.send(options({}), scene.hopTo(server, 'TLS', 'proxy.example.com'));
      await until(() => server.messages.length === 1);
      expect(scene.transports.counters).to.include({ connectionsOpened: 1, tlsSent: 1 });
      // it shows the listener's own certificate in return
      expect(server.messages[0]?.from.connection?.certificateNames).to.deep.equal(['proxy.example.com', '127.0.0.1']);
    });

    it('is not sent a byte if it shows another name', async () => {
      const server = await open();
      const scene = await open();
      scene.transports.send(invite({}), scene.hopTo(server, 'TLS', 'other.example.com'));
      await until(() => scene.failures.length === 1);
      expect(scene.failures[0]?.error.message).to.match(
        /^TLS to other.example.com \(127.0.0.1:\d+\): its certificate is refused \(the certificate is for proxy.example.com, 127.0.0.1, not for other.example.com\): correct/,
      );
      await until(() => server.transports.connectionCount === 0);
      expect(server.messages).to.deep.equal([]);
      expect(scene.transports.counters.connectFailed).to.equal(1);
    });

    it('is not sent a byte if no known authority vouches for it', async () => {
      const foreign = directories.write('foreign', await stranger.issue({ names: ['proxy.example.com'] }));
      const server = await open({}, foreign);
      const scene = await open();
      scene.transports.send(invite({}), scene.hopTo(server, 'TLS', 'proxy.example.com'));
      await until(() => scene.failures.length === 1 && server.transports.connectionCount === 0);
      expect(scene.failures[0]?.error.message).to.match(/certificate is refused .*: put its authority into ca.crt/);
      expect(server.messages).to.deep.equal([]);
    });

    it('proves by its address where no name led to it', async () => {
      const server = await open();
      const scene = await open();
      scene.transports.send(options({}), scene.hopTo(server, 'TLS'));
      await until(() => server.messages.length === 1);
    });

    it('is judged by its own name and authority, and shown its own certificate, if it is configured', async () => {
      const server = await open(
        {},
        directories.write('ss1', { ...(await stranger.issue({ names: ['ss1'] })), ca: stranger.pem }),
      );
      const peer = {
        name: 'ss1',
        ca: directories.write('ss1-ca', { ca: stranger.pem }),
        client: directories.write('ss1-client', await stranger.issue({ names: ['proxies.example.com'] })),
      };
      const scene = await open({ tlsPeer: (_address, port) => (port === server.port('TLS') ? peer : undefined) });
      scene.transports.send(options({}), scene.hopTo(server, 'TLS'));
      await until(() => server.messages.length === 1);
      expect(server.messages[0]?.from.connection?.certificateNames).to.deep.equal(['proxies.example.com']);
    });

    it('fails with the file that is missing if its directory is not there', async () => {
      const server = await open();
      const scene = await open({ tlsPeer: () => ({ name: 'ss1', ca: '/nonexistent' }) });
      scene.transports.send(options({}), scene.hopTo(server, 'TLS'));
      await until(() => scene.failures.length === 1);
      expect(scene.failures[0]?.error.message).to.match(/^can't use \/nonexistent\/ca.crt: it is missing/);
    });

    it('fails if it speaks no TLS', async () => {
      const server = await Scene.open({ listeners: [{ transport: 'TCP' }] });
      scenes.push(server);
      const scene = await open();
      scene.transports.send(options({}), scene.transports.hop('TLS', '127.0.0.1', server.port('TCP')));
      await until(() => server.transports.connectionCount === 1);
      scene.pass(4_000);
      await until(() => scene.failures.length === 1);
    });

    it('is reached over the connection there is, if its certificate says that it is this server too', async () => {
      const server = await open();
      const scene = await open();
      const to = (name: string): void => scene.transports.send(options({}), scene.hopTo(server, 'TLS', name));
      to('proxy.example.com');
      await until(() => server.messages.length === 1);
      to('127.0.0.1');
      to('proxy.example.com');
      await until(() => server.messages.length === 3);
      expect(scene.transports.counters.connectionsOpened).to.equal(1);
      to('other.example.com');
      await until(() => scene.failures.length === 1);
      expect(scene.failures[0]?.error.message).to.contain('not for other.example.com');
    });
  });

  describe('connection reuse (RFC 5923)', () => {
    const request = (alias: boolean): string => {
      const text = options({});
      return alias ? text.replace(/^(Via: SIP\/2.0\/)[A-Z]+ [^;]+/m, '$1TLS 127.0.0.1:5061;alias') : text;
    };

    async function asked(alias: boolean, shown: { cert: string; key: string } | undefined): Promise<[Scene, Client]> {
      const peer = { name: 'ss1.example.com', ca: directories.write('ca', { ca: authority.pem }) };
      const scene = await open({ tlsPeer: (_address, port) => (port === 5061 ? peer : undefined) });
      const client = dial(scene, shown);
      client.write(request(alias));
      await until(() => scene.messages.length === 1);
      scene.transports.send('a request', scene.transports.hop('TLS', '127.0.0.1', 5061));
      return [scene, client];
    }

    it('sends a server its requests over the connection that it opened, if it proved who it is and says alias', async () => {
      const [, client] = await asked(true, await authority.issue({ names: ['ss1.example.com'] }));
      await until(() => client.received === 'a request');
    });

    it('says of the hop that was asked over it that it failed, too, when the connection ends', async () => {
      const [scene, client] = await asked(true, await authority.issue({ names: ['ss1.example.com'] }));
      await until(() => client.received === 'a request');
      client.socket.destroy();
      await until(() => scene.failures.length > 0);
      expect(scene.failures.map(({ hop }) => hop.port)).to.include(5061);
    });

    it('dials it if the connection is another name\u2019s', async () => {
      const [scene, client] = await asked(true, await authority.issue({ names: ['mallory.example.com'] }));
      await until(() => scene.failures.length === 1);
      expect(client.received).to.equal('');
    });

    it('dials it if it showed no certificate', async () => {
      const [scene, client] = await asked(true, undefined);
      await until(() => scene.failures.length === 1);
      expect(client.received).to.equal('');
    });

    it('dials it if it does not say alias', async () => {
      const [scene, client] = await asked(false, await authority.issue({ names: ['ss1.example.com'] }));
      await until(() => scene.failures.length === 1);
      expect(client.received).to.equal('');
    });
  });

  it('does not listen without its certificate, and says which file', async () => {
    const empty = directories.write('empty', {});
    let error: unknown;
    await open({}, empty).catch((reason: unknown) => (error = reason));
    expect(error).to.be.an('error').with.property('message').that.contains('empty/tls.crt: it is missing');
  });
});
