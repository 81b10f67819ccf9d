import { expect } from 'chai';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import type { ProxyConfig } from '../../../proxy/config.ts';
import { startProxy, type RunningProxy } from '../../../proxy/main.ts';
import { Header } from '../../../proxy/sip/header.ts';
import { parseMessage, type Message } from '../../../proxy/sip/message.ts';
import { StreamFramer } from '../../../proxy/sip/stream.ts';
import { MemoryCluster } from '../../../proxy/store/memory.ts';
import { invite, register, respond } from '../../builders.ts';
import { ownAddress } from '../../peers/loopback.ts';
import { Authority, Directories } from './certificates.ts';
import { until } from './scene.ts';

/** One end of a TLS connection of the SIP Server. */
class ServerLine {
  readonly socket: TLSSocket;
  readonly got: Message[] = [];

  constructor(socket: TLSSocket, answer: (request: Message) => string | undefined) {
    this.socket = socket;
    const framer = new StreamFramer();
    socket.setEncoding('latin1');
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: string) => {
      framer.push(chunk);
      for (let text = framer.next(); text !== undefined; text = framer.next()) {
        const message = parseMessage(text);
        const answered = message.isRequest ? answer(message) : undefined;
        if (answered !== undefined) socket.write(answered, 'latin1');
        if (message.method !== 'OPTIONS') this.got.push(message);
      }
    });
  }
}

describe('a proxy between WebSocket phones and a SIP Server on TLS', () => {
  const at = { proxy: ownAddress(), server: ownAddress(), phone: ownAddress() };
  let authority: Authority;
  let directories: Directories;
  let server: Server;
  let lines: ServerLine[];
  let proxy: RunningProxy;
  let shown: { cert: string; key: string };
  const closing: (() => void)[] = [];

  function answer(request: Message): string | undefined {
    if (request.method === 'OPTIONS' || request.method === 'REGISTER') return respond(request, 200);
    return request.method === 'INVITE' ? respond(request, 486) : undefined;
  }

  before(async () => {
    authority = await Authority.make();
    directories = new Directories();
    lines = [];
    shown = await authority.issue({ names: ['ss1.example.com'] });
    server = createServer({ ...shown, ca: authority.pem, requestCert: true, rejectUnauthorized: true });
    server.on('secureConnection', (socket) => lines.push(new ServerLine(socket, answer)));
    server.listen(5061, at.server);
    await once(server, 'listening');
    const ca = directories.write('ca', { ca: authority.pem });
    const own = directories.write('proxy', {
      ...(await authority.issue({ names: ['proxies.example.com'] })),
      ca: authority.pem,
    });
    const cluster = new MemoryCluster({ now: Date.now });
    const config: ProxyConfig = {
      namespace: 'voice',
      cluster: 'test',
      switch: 'switch',
      dn: 'dn',
      geoLocation: 'dc1',
      place: { name: 'p1', address: at.proxy },
      domains: ['example.com'],
      fqdn: { srv: 'proxies.example.com' },
      recordRoute: 'Srv',
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TLS', port: 5061, side: 'Both', tls: own },
        { transport: 'WSS', port: 8443, side: 'External', tls: own },
      ],
      admin: { port: 0 },
      oosCheck: { interval: 500, recheck: 1000, timeout: 1000, inService: [[200, 299]] },
      overload: {},
      registration: { maxContacts: 10, minExpires: 10_000, maxExpires: 3600_000, forking: 'Parallel', natPing: 200 },
      drain: { dnsGrace: 0, window: 0, limit: 0 },
      remoteServers: 'Never',
      trust: { sbcs: [], servers: [] },
      servers: [
        {
          name: 'ss1',
          geoLocation: 'dc1',
          weight: 1,
          members: [
            {
              role: 'primary',
              host: at.server,
              port: 5061,
              transport: 'TLS',
              tls: { name: 'ss1.example.com', ca, client: own },
            },
          ],
        },
      ],
      proxiesIn: ['dc1'],
      stores: [{ geoLocation: 'dc1', memory: true }],
      log: { level: 'silent' },
    };
    proxy = await startProxy(config, {
      log: pino({ level: 'silent' }),
      hash: 'test',
      stores: (name) => cluster.store(name),
    });
    await until(() => proxy.status().pairs[0]?.active === 'primary');
  });

  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  after(async () => {
    await proxy.close();
    server.close();
    for (const { socket } of lines) socket.destroy();
    directories.remove();
  });

  /** The SIP Server's line on which the proxy's messages come, not its pings. */
  function working(): ServerLine | undefined {
    return lines.find(({ got, socket }) => got.length > 0 && !socket.destroyed);
  }

  async function browser(): Promise<{ webSocket: WebSocket; got: Message[] }> {
    const tls = { ca: authority.pem, localAddress: at.phone, servername: 'proxies.example.com' };
    const webSocket = new WebSocket(`wss://${at.proxy}:8443/`, 'sip', tls);
    closing.push(() => webSocket.terminate());
    const got: Message[] = [];
    webSocket.on('message', (bytes: Buffer) => got.push(parseMessage(bytes.toString('latin1'))));
    await once(webSocket, 'open');
    return { webSocket, got };
  }

  /** A connection that the SIP Server opens, from another port than the one it listens on. */
  async function serverLine(): Promise<ServerLine> {
    const where = { host: at.proxy, port: 5061, localAddress: at.server };
    const socket = connect({ ...where, servername: 'proxies.example.com', ca: authority.pem, ...shown });
    closing.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    return new ServerLine(socket, () => undefined);
  }

  const behindWebSocket = { sentBy: 'df7jal23ls0d.invalid', transport: 'WSS' as const };

  it('registers a phone over WSS, and calls it over its own connection', async () => {
    const { webSocket, got } = await browser();
    const contact = '<sip:kq9v@df7jal23ls0d.invalid;transport=ws>;expires=600';
    webSocket.send(register({ ...behindWebSocket, from: 'alice', contact }));
    await until(() => got.length === 1);
    expect(got[0]?.status).to.equal(200);
    const asked = working()?.got[0];
    expect(asked?.method).to.equal('REGISTER');
    expect(asked?.via).to.include({ transport: 'TLS', host: at.proxy, port: 5061 });
    await until(() => proxy.status().counts.registrations === 1);

    // neither its port nor its Via are the member's: it is known by its certificate
    const line = await serverLine();
    line.socket.write(
      invite({ uri: 'sip:alice@example.com', transport: 'TLS', sentBy: `${at.server}:5999` }),
      'latin1',
    );
    await until(() => got.length === 2);
    const call = got[1];
    if (call === undefined) throw new Error('no call');
    expect(call).to.include({ method: 'INVITE', uri: 'sip:kq9v@df7jal23ls0d.invalid;transport=ws' });
    expect(call.via).to.include({ transport: 'WSS', host: at.proxy, port: 8443 });
    expect(call.values(Header.RecordRoute).map((route) => route.replace(/sip:[^@]*/, 'sip:TOKEN'))).to.deep.equal([
      '<sip:TOKEN@proxies.example.com;transport=ws;lr>',
      '<sip:TOKEN@proxies.example.com;transport=tls;lr>',
    ]);
    webSocket.send(respond(call, 486));
    await until(() => line.got.some((message) => message.status === 486));
  });

  it('answers a SIP Server at once when the phone has closed its WebSocket, which can\u2019t be opened again', async () => {
    const { webSocket, got } = await browser();
    const contact = '<sip:x@gone.invalid;transport=ws>;expires=600';
    webSocket.send(register({ ...behindWebSocket, from: 'carol', contact }));
    await until(() => got.length === 1);
    webSocket.terminate();
    const line = await serverLine();
    line.socket.write(
      invite({ uri: 'sip:carol@example.com', transport: 'TLS', sentBy: `${at.server}:5999` }),
      'latin1',
    );
    await until(() => line.got.some((message) => message.status >= 200));
    expect(line.got.at(-1)?.status).to.equal(480);
  });

  it('does not take a phone for a SIP Server because it says that it is one', async () => {
    const { webSocket, got } = await browser();
    webSocket.send(invite({ ...behindWebSocket, sentBy: `${at.server}:5061`, uri: 'sip:alice@example.com' }));
    // a Server's request would go to the phone: a phone's goes to the pair
    await until(() => got.some((message) => message.status === 486));
    expect(working()?.got.some((message) => message.method === 'INVITE')).to.equal(true);
  });

  it('keeps the way to a UDP phone behind NAT open', async () => {
    const phone: UdpSocket = createSocket('udp4');
    closing.push(() => phone.close());
    phone.bind(0, at.phone);
    await once(phone, 'listening');
    const got: string[] = [];
    phone.on('message', (bytes) => got.push(bytes.toString('latin1')));
    const text = register({ from: 'bob', sentBy: '10.0.0.9:5060', contact: '<sip:bob@10.0.0.9>;expires=600' });
    phone.send(text, 5060, at.proxy);
    await until(() => got.filter((one) => one === '\r\n\r\n').length >= 2);
    expect(got[0]).to.match(/^SIP\/2.0 200/);
  });
});
