import { expect } from 'chai';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { pino } from 'pino';
import type { DrainConfig } from '../../proxy/config.ts';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { parseMessage } from '../../proxy/sip/message.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import type { ProxyRecord } from '../../proxy/store/records.ts';
import { Replica } from '../../proxy/store/replica.ts';
import { invite, register, respond } from '../builders.ts';
import { eventually } from '../peers/deadline.ts';
import { ownAddress } from '../peers/loopback.ts';
import { config } from './routing/scene.ts';

const LOG = pino({ level: 'silent' });

describe('a proxy that is told to end', () => {
  let proxy: RunningProxy;
  let server: UdpSocket;
  let observer: Replica;
  let phones: Socket[];
  let at: { proxy: string; server: string };
  /** The answer to the INVITE that the server holds back. */
  let answer: (() => void) | undefined;

  async function begin(drain: DrainConfig): Promise<void> {
    at = { proxy: ownAddress(), server: ownAddress() };
    phones = [];
    answer = undefined;
    server = createSocket('udp4');
    server.on('message', (datagram, from) => {
      const message = parseMessage(datagram.toString('latin1'));
      const reply = (): void => server.send(respond(message, 200), from.port, from.address);
      if (message.method === 'INVITE') answer = reply;
      else if (message.method !== 'ACK') reply();
    });
    server.bind(5060, at.server);
    await once(server, 'listening');
    const cluster = new MemoryCluster({ now: Date.now });
    const settings = config({
      place: { name: 'p1', address: at.proxy },
      listeners: [{ transport: 'TCP', port: 5060, side: 'Both' }],
      servers: [
        {
          name: 'ss1',
          geoLocation: 'dc1',
          weight: 1,
          members: [{ role: 'primary', host: at.server, port: 5060, transport: 'UDP' }],
        },
      ],
      stores: [{ geoLocation: 'dc1', memory: true }],
      drain,
    });
    const withUdp = {
      ...settings,
      listeners: [...settings.listeners, { ...settings.listeners[0]!, transport: 'UDP' as const }],
    };
    proxy = await startProxy(withUdp, { log: LOG, hash: 'h', stores: (name) => cluster.store(name) });
    await eventually(5000, 'the proxy is ready', () => proxy.status().ready.ok);
    observer = new Replica({ proxy: 'p2', boot: 'b1', own: cluster.store('dc1'), others: [], now: Date.now, log: LOG });
    observer.start();
    await eventually(1000, 'it is seen', () => record()?.state === 'Ready');
  }

  afterEach(async () => {
    await proxy.end();
    await observer.close();
    server.close();
    for (const phone of phones) phone.destroy();
  });

  const record = (): ProxyRecord | undefined => observer.proxies.get('p1');

  async function connects(): Promise<Socket> {
    const socket = connect(5060, at.proxy);
    socket.on('error', () => socket.destroy());
    phones.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  async function registers(user: string): Promise<Socket> {
    const socket = await connects();
    socket.write(register({ from: user, callId: user, transport: 'TCP' }));
    await once(socket, 'data');
    return socket;
  }

  const open = (): number => phones.filter((socket) => !socket.destroyed && !socket.readableEnded).length;

  it('ends at once when there is nothing to drain', async () => {
    await begin({ dnsGrace: 0, window: 120_000, limit: 180_000 });
    await proxy.close();
    await eventually(1000, 'its record is gone', () => record() === undefined);
  });

  it('says so, closes idle streams one after the other, and lets its record go last', async () => {
    await begin({ dnsGrace: 500, window: 2500, limit: 60_000 });
    for (let i = 0; i < 7; i++) await registers(`user${i}`);
    const closed = proxy.close();
    let over = false;
    void closed.then(() => (over = true));

    await eventually(1000, 'others see that it drains', () => record()?.state === 'Draining');
    expect((await fetch(`${proxy.admin}/readyz`)).status).to.equal(503);

    const seen = new Set<number>();
    await eventually(20_000, 'all streams are closed', () => {
      seen.add(open());
      if (open() > 0) expect([over, record()?.state]).to.deep.equal([false, 'Draining']);
      return open() === 0;
    });
    // one after the other
    expect(seen.size).to.be.at.least(4);
    await closed;
    await eventually(1000, 'its record is gone', () => record() === undefined);
  });

  it('lets a call that rings be answered, with the stream it came over', async () => {
    await begin({ dnsGrace: 0, window: 100, limit: 20_000 });
    const caller = await connects();
    const heard: number[] = [];
    caller.on('data', (chunk: Buffer) => heard.push(parseMessage(chunk.toString('latin1')).status));
    caller.write(invite({ transport: 'TCP' }));
    await eventually(2000, 'the server has the INVITE', () => answer !== undefined);
    void proxy.close();
    await eventually(2000, 'the window is over', () => proxy.status().state === 'Draining');
    await connects();
    await eventually(3000, 'an idle stream is closed', () => open() === 1);
    answer?.();
    await eventually(2000, 'the caller has the answer', () => heard.includes(200));
  });

  it('ends in mid-drain when it is told to end now', async () => {
    await begin({ dnsGrace: 60_000, window: 60_000, limit: 180_000 });
    await registers('user');
    const closed = proxy.close();
    await proxy.end();
    expect(open()).to.equal(0);
    await eventually(1000, 'its record is gone', () => record() === undefined);
    await closed;
  });
});
