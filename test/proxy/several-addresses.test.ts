import { expect } from 'chai';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { parseMessage } from '../../proxy/sip/message.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import { options } from '../builders.ts';
import { ownAddress } from '../peers/loopback.ts';
import { config } from './routing/scene.ts';

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
