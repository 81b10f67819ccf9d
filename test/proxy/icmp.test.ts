import { expect } from 'chai';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { pino } from 'pino';
import { startProxy } from '../../proxy/main.ts';
import { parseMessage } from '../../proxy/sip/message.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import { native } from '../../proxy/transport/udp-batch.ts';
import { invite, respond } from '../builders.ts';
import { ownAddress } from '../peers/loopback.ts';
import { config } from './routing/scene.ts';

describe('a call to a SIP Server whose port is closed', () => {
  before(function () {
    if (native === undefined) this.skip();
  });

  for (const family of ['udp4', 'udp6'] as const)
    it(`goes to the other one of its pair before it is sent again, by ${family}`, async () => {
      const address = family === 'udp4' ? ownAddress() : '::1';
      const bound = async (): Promise<Socket> => {
        const socket = createSocket(family);
        socket.bind(0, address);
        await once(socket, 'listening');
        return socket;
      };
      const [closed, other, phone] = [await bound(), await bound(), await bound()];
      const member = (role: 'primary' | 'backup', socket: Socket) => ({
        role,
        host: address,
        port: socket.address().port,
        transport: 'UDP' as const,
      });
      const members = [member('primary', closed), member('backup', other)];
      closed.close();
      const cluster = new MemoryCluster({ now: Date.now });
      const proxy = await startProxy(
        config({
          place: { name: 'p1', address },
          listeners: [{ transport: 'UDP', port: 0, side: 'Both' }],
          servers: [{ name: 'ss1', geoLocation: 'dc1', weight: 1, members }],
          // nobody is asked how it is: transport errors switch
          oosCheck: { interval: 0, recheck: 5000, timeout: 2000, inService: [[200, 299]] },
        }),
        { log: pino({ level: 'silent' }), hash: 'test', stores: (name) => cluster.store(name) },
      );
      const port = proxy.addresses[0]?.port ?? 0;
      const sentBy = family === 'udp4' ? `${address}:${phone.address().port}` : `[::1]:${phone.address().port}`;
      const asked: string[] = [];
      other.on('message', (bytes, from) => {
        const message = parseMessage(String(bytes));
        asked.push(message.method);
        if (message.method === 'INVITE') other.send(respond(message, 486), from.port, from.address);
      });
      let status = 503;
      // 503: it is not ready yet
      while (status === 503) {
        phone.send(invite({ sentBy, uri: 'sip:bob@example.com' }), port, address);
        do {
          const [bytes] = await once(phone, 'message');
          ({ status } = parseMessage(String(bytes)));
        } while (status < 200);
      }
      expect(status).to.equal(486);
      expect(asked[0]).to.equal('INVITE');
      // a second copy would have met a second error
      expect(proxy.status().counters).to.include({ icmpErrors: 1 });
      other.close();
      phone.close();
      await proxy.end();
    });
});
