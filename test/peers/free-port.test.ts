import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { freePort } from './free-port.ts';

describe('a free port', () => {
  it('is given only once', async () => {
    const ports = [];
    for (let i = 0; i < 100; i++) ports.push(await freePort());

    expect(new Set(ports).size).to.equal(100);
  });

  it('is not one that is taken meanwhile', async () => {
    const server = createServer();
    server.listen((await freePort()) + 1, '127.0.0.1');
    await once(server, 'listening');
    const taken = server.address();

    const port = await freePort();

    expect(taken).to.be.an('object').with.property('port').that.is.not.equal(port);
    server.close();
  });
});
