import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect } from 'chai';
import { unavailable } from '../../../operator/processes/port-holder.ts';
import { ownAddress } from '../../peers/loopback.ts';

describe('looking for ports in use', () => {
  it('finds nothing wrong with free ones', async () => {
    const address = ownAddress();
    expect(
      await unavailable([
        { protocol: 'UDP', address, port: 5060 },
        { protocol: 'TCP', address, port: 5060 },
      ]),
    ).to.deep.equal([]);
  });

  it('names the address, the port, and the process that holds it', async () => {
    const address = ownAddress();
    const socket = createSocket('udp4').bind(0, address);
    const server = createServer().listen(0, address);
    await Promise.all([once(socket, 'listening'), once(server, 'listening')]);
    const udp = socket.address().port;
    const tcp = (server.address() as AddressInfo).port;
    try {
      const lines = await unavailable([
        { protocol: 'UDP', address, port: udp },
        { protocol: 'TCP', address, port: tcp },
      ]);
      expect(lines).to.have.length(2);
      expect(lines[0]).to.include(`UDP ${address}:${udp} is in use by pid ${process.pid}`);
      expect(lines[1]).to.include(`TCP ${address}:${tcp} is in use by pid ${process.pid}`);
    } finally {
      socket.close();
      server.close();
    }
  });

  it('names an address that this machine has not', async () => {
    expect(await unavailable([{ protocol: 'UDP', address: '192.0.2.1', port: 5060 }])).to.deep.equal([
      'UDP 192.0.2.1:5060: this machine has no address 192.0.2.1',
    ]);
  });
});
