import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { parseMessage } from '../../proxy/sip/message.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import { options, register, request, respond } from '../builders.ts';
import { ownAddress } from '../peers/loopback.ts';
import { config } from './routing/scene.ts';

describe('a phone behind a NAT', () => {
  it('is called from the address that it registered at: its NAT lets in nothing else', async () => {
    const [first, second, phoneAt, serverAt] = [ownAddress(), ownAddress(), ownAddress(), ownAddress()];
    const server = createSocket('udp4');
    const phone = createSocket('udp4');
    for (const [socket, at] of [
      [server, serverAt],
      [phone, phoneAt],
    ] as const) {
      socket.bind(0, at);
      await once(socket, 'listening');
    }
    server.on('message', (bytes, from) => {
      const message = parseMessage(String(bytes));
      if (message.isRequest && message.method !== 'ACK') server.send(respond(message, 200), from.port, from.address);
    });
    const cluster = new MemoryCluster({ now: Date.now });
    const member = { role: 'primary' as const, host: serverAt, port: server.address().port, transport: 'UDP' as const };
    const place = { name: 'p1', address: first, also: [{ address: second }] };
    const listeners = [{ transport: 'UDP' as const, port: 0, side: 'Both' as const }];
    const servers = [{ name: 'ss1', geoLocation: 'dc1', weight: 1, members: [member] }];
    const proxy = await startProxy(config({ place, listeners, servers }), {
      log: pino({ level: 'silent' }),
      hash: 'test',
      stores: (name) => cluster.store(name),
    });
    const portAt = (address: string): number => proxy.addresses.find((one) => one.address === address)?.port ?? 0;
    const sentBy = `${serverAt}:${member.port}`;
    const registers = async (): Promise<number> => {
      phone.send(register({ from: 'bob', contact: '<sip:bob@192.168.1.2>' }), portAt(second), second);
      const [bytes] = await once(phone, 'message');
      return parseMessage(String(bytes)).status;
    };
    while ((await registers()) !== 200);
    server.send(request('MESSAGE', { to: 'bob', sentBy }), portAt(first), first);
    const [bytes, from] = await once(phone, 'message');
    expect([parseMessage(String(bytes)).method, from.address, from.port]).to.deep.equal([
      'MESSAGE',
      second,
      portAt(second),
    ]);
    server.close();
    phone.close();
    await proxy.end();
  });
});

describe('a proxy of several addresses', () => {
  let proxy: RunningProxy;
  const [first, second] = [ownAddress(), ownAddress()];

  before(async () => {
    const cluster = new MemoryCluster({ now: Date.now });
    // free ports: another test may have ::1
    const listeners = [{ transport: 'UDP' as const, port: 0, side: 'Both' as const }];
    const place = { name: 'p1', address: first, also: [{ address: second }, { address: '::1' }] };
    proxy = await startProxy(config({ place, listeners, servers: [] }), {
      log: pino({ level: 'silent' }),
      hash: 'test',
      stores: (name) => cluster.store(name),
    });
  });

  after(() => proxy.close());

  it('tells other proxies all of them', () => {
    expect(proxy.addresses.map(({ address }) => address)).to.deep.equal([first, second, '::1']);
  });

  for (const family of ['udp4', 'udp6'] as const) {
    it(`is asked and answers by ${family} at each`, async () => {
      for (const { address, port } of proxy.addresses) {
        if (address.includes(':') !== (family === 'udp6')) continue;
        const socket = createSocket(family);
        const host = address.includes(':') ? `[${address}]` : address;
        socket.send(options({ uri: `sip:${host}:${port}`, sentBy: `${host}:9` }), port, address);
        const [bytes, from] = await once(socket, 'message');
        socket.close();
        expect([from.address, from.port]).to.deep.equal([address, port]);
        expect(parseMessage(String(bytes)).status).to.equal(503);
      }
    });
  }
});
