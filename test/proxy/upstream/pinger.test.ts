import { expect } from 'chai';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { pino } from 'pino';
import { Pair, type Member } from '../../../proxy/upstream/pair.ts';
import { Pinger } from '../../../proxy/upstream/pinger.ts';
import { TlsMaterial } from '../../../proxy/transport/tls-material.ts';
import type { PingResult } from '../../../proxy/upstream/upstreams.ts';
import { parseMessage } from '../../../proxy/sip/message.ts';
import { respond } from '../../builders.ts';
import { Authority, Directories } from '../transport/certificates.ts';

const HOST = '127.0.77.1';
const OWN = '127.0.77.2';

function member(port: number, transport: Member['transport'] = 'UDP', tls: NonNullable<Member['tls']> = {}): Member {
  const config = {
    name: 'ss1',
    geoLocation: 'dc1',
    weight: 1,
    members: [{ role: 'primary', host: HOST, port, transport, tls }],
  } as const;
  const [only] = new Pair(config, true).members;
  if (only === undefined) throw new Error('no member');
  return only;
}

describe('the pinger', () => {
  let pinger: Pinger;
  let material: TlsMaterial;
  let results: PingResult[];
  let wake: () => void;
  const closing: (() => void)[] = [];

  beforeEach(() => {
    results = [];
    wake = () => undefined;
    material = new TlsMaterial({ log: pino({ level: 'silent' }), now: () => Date.now() });
    pinger = new Pinger({
      localAddress: OWN,
      log: pino({ level: 'silent' }),
      tls: material,
      done: (_member, told) => {
        results.push(told);
        wake();
      },
    });
  });

  afterEach(() => {
    pinger.close();
    material.close();
    for (const close of closing.splice(0)) close();
  });

  async function resultsAre(count: number): Promise<PingResult[]> {
    while (results.length < count) await new Promise<void>((resolve) => (wake = resolve));
    return results;
  }

  async function result(): Promise<PingResult | undefined> {
    return (await resultsAre(1))[0];
  }

  /** A UDP server; `onOptions` gives the answer, or undefined for silence. */
  async function udpServer(onOptions: (text: string, count: number) => string | undefined): Promise<number> {
    const socket: UdpSocket = createSocket('udp4');
    let count = 0;
    socket.on('message', (bytes, from) => {
      const answer = onOptions(bytes.toString('latin1'), ++count);
      if (answer !== undefined) socket.send(answer, from.port, from.address);
    });
    socket.bind(0, HOST);
    await once(socket, 'listening');
    closing.push(() => socket.close());
    return socket.address().port;
  }

  /** A TCP server; `onData` is given each chunk with its connection and how many there were. */
  async function tcpServer(
    onData: (text: string, socket: Socket, connections: number) => void,
  ): Promise<{ port: number; server: Server; sockets: Socket[] }> {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      const connections = sockets.length;
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => onData(bytes.toString('latin1'), socket, connections));
    });
    server.listen(0, HOST);
    await once(server, 'listening');
    closing.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return { port: address.port, server, sockets };
  }

  it('sends OPTIONS that any SIP Server can answer, from its own address', async () => {
    let asked = '';
    const port = await udpServer((text) => {
      asked = text;
      return respond(text, 200);
    });
    pinger.ping(member(port), 1000);
    expect(await result()).to.have.property('answered', 200);
    const request = parseMessage(asked);
    expect(request).to.include({ method: 'OPTIONS', uri: `sip:${HOST}:${port}`, maxForwards: 70 });
    expect(request.via).to.include({ transport: 'UDP', host: OWN, rport: 0 });
    expect(request.via.branch).to.match(/^z9hG4bK/);
  });

  it('tells the status of any final answer and passes over provisional ones', async () => {
    const port = await udpServer((text) => respond(text, 503));
    pinger.ping(member(port), 1000);
    expect(await result()).to.have.property('answered', 503);
    const slow = await udpServer((text, count) => respond(text, count === 1 ? 100 : 200));
    pinger.ping(member(slow), 500);
    expect((await resultsAre(2))[1]).to.have.property('answered', 200);
  });

  it('measures the round trip', async () => {
    const port = await udpServer((text) => respond(text, 200));
    pinger.ping(member(port), 1000);
    const answered = await result();
    expect(answered !== undefined && 'rtt' in answered && answered.rtt).to.be.within(0, 500);
  });

  it('asks again over UDP within the timeout: one lost datagram is no dead server', async () => {
    const seen: string[] = [];
    const port = await udpServer((text, count) => {
      seen.push(text);
      return count === 2 ? respond(text, 200) : undefined;
    });
    pinger.ping(member(port), 600);
    expect(await result()).to.have.property('answered', 200);
    expect(seen).to.have.length(2);
    expect(seen[1]).to.equal(seen[0]);
  });

  it('tells at once that nobody listens on a UDP port', async () => {
    const socket = createSocket('udp4').bind(0, HOST);
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    const begun = performance.now();
    pinger.ping(member(port), 10_000);
    expect(await result()).to.deep.equal({ failed: 'ConnectionRefused' });
    expect(performance.now() - begun).to.be.below(1000);
  });

  it('finds a member that comes up after it was refused', async () => {
    const socket = createSocket('udp4').bind(0, HOST);
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    const backup = member(port);
    pinger.ping(backup, 1000);
    expect(await result()).to.deep.equal({ failed: 'ConnectionRefused' });
    const promoted = createSocket('udp4').bind(port, HOST);
    await once(promoted, 'listening');
    closing.push(() => promoted.close());
    promoted.on('message', (bytes, from) =>
      promoted.send(respond(bytes.toString('latin1'), 200), from.port, from.address),
    );
    pinger.ping(backup, 1000);
    expect((await resultsAre(2))[1]).to.have.property('answered', 200);
  });

  it('tells of silence after the timeout, once, and ignores what comes late', async () => {
    let late = '';
    const port = await udpServer((text) => {
      late = text;
      return undefined;
    });
    const silent = member(port);
    pinger.ping(silent, 100);
    expect(await result()).to.deep.equal({ failed: 'Timeout' });
    expect(results).to.have.length(1);
    expect(late).to.match(/^OPTIONS/);
  });

  it('says nothing more of earlier pings once a later one is answered', async () => {
    const seen = new Set<string>();
    const port = await udpServer((text) => {
      seen.add(parseMessage(text).via.branch);
      return seen.size === 2 ? respond(text, 200) : undefined;
    });
    const slow = member(port);
    pinger.ping(slow, 10_000);
    pinger.ping(slow, 10_000);
    expect(await result()).to.have.property('answered', 200);
    expect(results).to.have.length(1);
  });

  it('keeps its connection to a TCP member', async () => {
    const { port, sockets } = await tcpServer((text, socket) => socket.write(respond(text, 200)));
    const tcp = member(port, 'TCP');
    pinger.ping(tcp, 1000);
    await result();
    pinger.ping(tcp, 1000);
    expect((await resultsAre(2))[1]).to.have.property('answered', 200);
    expect(sockets).to.have.length(1);
  });

  it('tells at once that nobody listens on a TCP port', async () => {
    const { port, server } = await tcpServer(() => undefined);
    server.close();
    await once(server, 'close');
    pinger.ping(member(port, 'TCP'), 10_000);
    expect(await result()).to.deep.equal({ failed: 'ConnectionRefused' });
  });

  it('asks once more over a new connection when the kept one closes under a ping', async () => {
    const { port } = await tcpServer((text, socket, connections) => {
      if (connections === 1) socket.destroy();
      else socket.write(respond(text, 200));
    });
    pinger.ping(member(port, 'TCP'), 2000);
    expect(await result()).to.have.property('answered', 200);
  });

  it('tells of a member that closes every connection', async () => {
    const { port, sockets } = await tcpServer((_text, socket) => socket.destroy());
    pinger.ping(member(port, 'TCP'), 2000);
    expect(await result()).to.deep.equal({ failed: 'ConnectionClosed' });
    expect(sockets).to.have.length(2);
  });

  it('gives up a connection that stays silent, and tries a new one', async () => {
    const { port, sockets } = await tcpServer((text, socket, connections) => {
      if (connections > 1) socket.write(respond(text, 200));
    });
    const hung = member(port, 'TCP');
    pinger.ping(hung, 50);
    expect(await result()).to.deep.equal({ failed: 'Timeout' });
    pinger.ping(hung, 2000);
    expect((await resultsAre(2))[1]).to.have.property('answered', 200);
    expect(sockets).to.have.length(2);
  });

  describe('over TLS', () => {
    let authority: Authority;
    let directories: Directories;

    before(async () => {
      authority = await Authority.make();
    });

    beforeEach(() => {
      directories = new Directories();
    });

    afterEach(() => directories.remove());

    /** A TLS server with a certificate for ss1.example.com, that notes who asked. */
    async function tlsServer(more: TlsOptions = {}): Promise<{ port: number; asked: string[]; sockets: TLSSocket[] }> {
      const asked: string[] = [];
      const sockets: TLSSocket[] = [];
      const identity = await authority.issue({ names: ['ss1.example.com'] });
      const server = createTlsServer({ ...identity, ...more }, (socket) => {
        sockets.push(socket);
        socket.on('error', () => socket.destroy());
        socket.on('data', (bytes) => {
          asked.push(bytes.toString('latin1'));
          socket.write(respond(bytes.toString('latin1'), 200));
        });
      });
      server.listen(0, HOST);
      await once(server, 'listening');
      closing.push(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      });
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the server has no port');
      return { port: address.port, asked, sockets };
    }

    it('asks a member that proves its name, over one connection', async () => {
      const { port, asked, sockets } = await tlsServer();
      const one = member(port, 'TLS', { name: 'ss1.example.com', ca: directories.write('ca', { ca: authority.pem }) });
      pinger.ping(one, 1000);
      expect(await result()).to.have.property('answered', 200);
      pinger.ping(one, 1000);
      expect((await resultsAre(2))[1]).to.have.property('answered', 200);
      expect(parseMessage(asked[0] ?? '').via.transport).to.equal('TLS');
      expect(parseMessage(asked[0] ?? '').uri).to.match(/;transport=tls$/);
      expect(sockets).to.have.lengthOf(1);
      expect(sockets[0]?.servername).to.equal('ss1.example.com');
    });

    it('tells that the certificate is for somebody else, and asks nothing', async () => {
      const { port, asked } = await tlsServer();
      const ca = directories.write('ca', { ca: authority.pem });
      pinger.ping(member(port, 'TLS', { name: 'ss2.example.com', ca }), 1000);
      expect(await result()).to.deep.equal({ failed: 'CertificateRefused' });
      expect(asked).to.deep.equal([]);
    });

    it('tells that no known authority vouches for the certificate', async () => {
      const { port } = await tlsServer();
      pinger.ping(member(port, 'TLS', { name: 'ss1.example.com' }), 1000);
      expect(await result()).to.deep.equal({ failed: 'CertificateRefused' });
    });

    it('tells that its own certificate directory can’t be used', async () => {
      const { port } = await tlsServer();
      pinger.ping(member(port, 'TLS', { name: 'ss1.example.com', ca: '/nonexistent' }), 1000);
      expect(await result()).to.deep.equal({ failed: 'CertificateRefused' });
    });

    it('shows its certificate to a member that asks for one', async () => {
      const { port, sockets } = await tlsServer({ requestCert: true, ca: authority.pem });
      const ca = directories.write('ca', { ca: authority.pem });
      const client = directories.write('client', await authority.issue({ names: ['proxies.example.com'] }));
      pinger.ping(member(port, 'TLS', { name: 'ss1.example.com', ca, client }), 1000);
      expect(await result()).to.have.property('answered', 200);
      expect(sockets[0]?.getPeerCertificate().subjectaltname).to.equal('DNS:proxies.example.com');
    });

    it('tells that nobody listens', async () => {
      const { port } = await tlsServer();
      for (const close of closing.splice(0)) close();
      pinger.ping(member(port, 'TLS', { name: 'ss1.example.com' }), 1000);
      expect(await result()).to.deep.equal({ failed: 'ConnectionRefused' });
    });
  });

  it('follows a member to its new address', async () => {
    const port = await udpServer((text) => respond(text, 200));
    const moved = member(port);
    moved.address = '127.0.77.9';
    pinger.ping(moved, 5000);
    await result();
    moved.address = HOST;
    pinger.ping(moved, 1000);
    expect((await resultsAre(2))[1]).to.have.property('answered', 200);
  });
});
