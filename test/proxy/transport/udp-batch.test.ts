import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { BatchSocket, native } from '../../../proxy/transport/udp-batch.ts';
import { Scene, until } from './scene.ts';

const listener = {
  transport: 'UDP',
  address: '127.0.0.1',
  port: 5060,
  side: 'Both',
  advertisedAddress: '127.0.0.1',
  advertisedPort: 5060,
} as const;
const to: Hop = { transport: 'UDP', address: '127.0.0.1', port: 5070, listener };
const user = {
  hop: () => to,
  received: () => undefined,
  failed: () => undefined,
  undelivered: () => undefined,
};

describe('A UDP socket that takes many datagrams a call', () => {
  before(function () {
    if (native === undefined) this.skip();
  });

  it('sends and receives what one turn brought, all of it and in order', async () => {
    const [a, b] = [await Scene.open(), await Scene.open()];
    const sent = Array.from({ length: 300 }, (_, i) => `MESSAGE ${i} ${'x'.repeat(i * 7)}`);
    for (const text of sent) a.transports.send(text, a.hopTo(b, 'UDP'));
    await until(() => b.messages.length === sent.length);
    expect(b.messages.map(({ text }) => text)).to.deep.equal(sent);
    expect(new Set(b.messages.map(({ from }) => from)).size).to.equal(1);
    await Promise.all([a.transports.close(), b.transports.close()]);
  });

  it('sends what was still waiting when it is closed', async () => {
    const [a, b] = [await Scene.open(), await Scene.open()];
    a.transports.send('MESSAGE the last one', a.hopTo(b, 'UDP'));
    await a.transports.close();
    await until(() => b.messages.length === 1);
    await b.transports.close();
  });

  it('may be closed by what it received', async () => {
    const scene = await Scene.open({ onMessage: () => void scene.transports.close() });
    const other = await Scene.open();
    for (let i = 0; i < 5; i++) other.transports.send(`MESSAGE ${i}`, other.hopTo(scene, 'UDP'));
    await until(() => scene.messages.length === 1);
    await other.transports.close();
    expect(scene.messages).to.have.lengthOf(1);
  });

  it('lets its process end while it is open', async () => {
    const module = new URL('../../../proxy/transport/udp-batch.ts', import.meta.url).href;
    const script = `
      const { BatchSocket, native } = await import(${JSON.stringify(module)});
      const user = { hop: () => undefined, received() {}, failed() {}, undelivered() {} };
      new BatchSocket(native, '127.0.0.1', 0, 65536, 10, user);
      process.exit(7);`;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    const ended = await run.catch((error: unknown) => error);
    expect(ended).to.include({ code: 7, signal: null });
  });

  it('says what the system says of an address that is not its own', () => {
    expect(() => native && new BatchSocket(native, '203.0.113.1', 0, 65_536, 10, user)).to.throw('EADDRNOTAVAIL');
  });
});

describe('A UDP socket whose datagrams the kernel does not take', () => {
  const stuck = { version: 2, open: () => ({ flush: () => undefined, close: () => undefined }) };

  it('lets no more of them wait than it was told', () => {
    const socket = new BatchSocket(stuck, '127.0.0.1', 5060, 0, 100, user);
    const taken = Array.from({ length: 150 }, () => socket.send('MESSAGE', to)).filter(Boolean);
    expect(taken).to.have.lengthOf(100);
    expect(socket.queued).to.equal(100);
  });

  it('lets no more bytes wait than there is room for', () => {
    const socket = new BatchSocket(stuck, '127.0.0.1', 5060, 0, 4096, user);
    const taken = Array.from({ length: 40 }, () => socket.send('x'.repeat(65_507), to)).filter(Boolean);
    expect(taken).to.have.lengthOf(32);
  });
});
