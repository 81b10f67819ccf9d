import { expect } from 'chai';
import { once } from 'node:events';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { StreamFramer } from '../../proxy/sip/stream.ts';
import { Authority } from '../proxy/transport/certificates.ts';
import { Load } from './load.ts';
import { answer, line, type Side } from './message.ts';
import { registrations } from './scenarios/register.ts';
import { StreamPhones } from './streams.ts';

const HERE = '127.0.0.1';

describe("the benchmark's phones with connections", () => {
  const vias: string[] = [];
  let authority: Authority;
  let identity: { cert: string; key: string };
  let load: Load;
  let server: Server | undefined;

  before(async () => {
    authority = await Authority.make();
    identity = await authority.issue({ names: [HERE] });
  });
  beforeEach(async () => {
    vias.length = 0;
    load = await Load.open(HERE, 1500);
  });
  afterEach(() => {
    load.close();
    server?.close();
    server = undefined;
  });

  /** Answers 200 to whatever comes. */
  function reply(request: string): string {
    vias.push(line(request, 'Via'));
    return answer(request, 200, 'OK', { address: HERE, port: 1 });
  }

  async function listening(at: Server): Promise<Side> {
    server = at;
    at.listen(0, HERE);
    await once(at, 'listening');
    return { address: HERE, port: (at.address() as AddressInfo).port };
  }

  async function overTls(): Promise<Side> {
    const at = createServer(identity, (socket) => {
      const framer = new StreamFramer();
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => {
        framer.push(bytes.toString('latin1'));
        for (let text = framer.next(); text !== undefined; text = framer.next()) socket.write(reply(text), 'latin1');
      });
    });
    return await listening(at);
  }

  async function overWebSocket(): Promise<Side> {
    const at = createHttps(identity);
    const sockets = new WebSocketServer({ server: at, handleProtocols: () => 'sip' });
    sockets.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => socket.send(reply(data.toString('latin1'))));
    });
    return await listening(at);
  }

  function phonesOf(transport: 'TLS' | 'WSS', to: Side): StreamPhones {
    return new StreamPhones({ transport, to, ca: authority.pem, received: (text) => load.receive(text) });
  }

  for (const [transport, begin] of [
    ['TLS', overTls],
    ['WSS', overWebSocket],
  ] as const) {
    it(`each speak on their own: ${transport}`, async () => {
      const to = await begin();
      const phones = phonesOf(transport, to);
      await phones.open(3);
      await phones.open(2);
      const result = await load.run({ scenario: registrations, to, phones, rate: 500, warm: 0, window: 20 });
      phones.close();
      expect(result).to.include({ begun: 10, completed: 10, failed: 0, retransmitted: 0 });
      expect(phones.lost).to.equal(0);
      expect(vias[0]).to.match(new RegExp(`^Via: SIP/2.0/${transport} 127`));
      const ports = vias.map((via) => /:(\d+);/.exec(via)?.[1]);
      expect(new Set(ports)).to.have.property('size', 5);
      for (const port of ports) expect(ports.filter((one) => one === port)).to.have.length(2);
    });
  }

  it('count the connections that end though they did not end them', async () => {
    const to = await overTls();
    const accepted: TLSSocket[] = [];
    server?.on('secureConnection', (socket: TLSSocket) => accepted.push(socket));
    const phones = phonesOf('TLS', to);
    await phones.open(2);
    const [first] = accepted;
    first?.destroy();
    while (phones.lost === 0) await new Promise((resolve) => setImmediate(resolve));
    phones.close();
    expect(phones.lost).to.equal(1);
  });

  it('begin with those that were opened last', async () => {
    const phones = phonesOf('TLS', await overTls());
    await phones.open(2);
    const early = [phones.of(0).port, phones.of(1).port];
    await phones.open(1);
    expect(early).to.not.include(phones.of(0).port);
    expect([phones.of(1).port, phones.of(2).port]).to.deep.equal(early);
    phones.close();
  });

  it('say why a connection does not come about', async () => {
    const to = await overTls();
    const stranger = await Authority.make();
    const phones = new StreamPhones({ transport: 'TLS', to, ca: stranger.pem, received: () => undefined });
    const error: unknown = await phones.open(1).catch((refusal: unknown) => refusal);
    phones.close();
    expect(String(error)).to.match(/^Error: no TLS connection to 127\.0\.0\.1:\d+: .*certificate/);
  });
});
