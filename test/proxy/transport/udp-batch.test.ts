import { execFile } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { BatchSocket, native } from '../../../proxy/transport/udp-batch.ts';
import { LISTENER, options } from '../../builders.ts';
import { Scene, until } from './scene.ts';

const to: Hop = { transport: 'UDP', address: '127.0.0.1', port: 5070, listener: LISTENER };
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

  /** Two sockets throw so many messages back and forth, at once and after `pause` ms by turns, until `enough` is; how many were sent and received. */
  async function throwing(
    messages: number,
    pause: number,
    enough: (received: number) => boolean,
    method: (index: number) => string = () => 'MESSAGE',
  ): Promise<number[]> {
    const [sent, received] = [new Set<string>(), new Set<string>()];
    const ended = Promise.withResolvers<void>();
    const send = (by: Scene, hop: Hop): void => {
      const text = `${method(sent.size)} ${sent.size}`;
      sent.add(text);
      by.transports.send(text, hop);
    };
    const take = (by: Scene, text: string, from: Hop): void => {
      received.add(text);
      if (!enough(received.size)) {
        if (pause === 0 || received.size % 2 === 1) send(by, from);
        else setTimeout(send, pause, by, from);
      } else if (received.size === sent.size) ended.resolve();
    };
    const a: Scene = await Scene.open({ onMessage: (text, from) => take(a, text, from) });
    const b: Scene = await Scene.open({ onMessage: (text, from) => take(b, text, from) });
    for (let i = 0; i < messages; i++) send(a, a.hopTo(b, 'UDP'));
    await ended.promise;
    await Promise.all([a.transports.close(), b.transports.close()]);
    return [sent.size, received.size];
  }

  /** Such messages thrown until it has waited often; the lower quartile and the middle of the ms from one wait to the next. */
  async function waits(messages: number, method: (index: number) => string): Promise<{ low: number; middle: number }> {
    const times: number[] = [];
    let seen = native?.pauses() ?? 0;
    const [sent, received] = await throwing(
      messages,
      0,
      (count) => {
        const now = native?.pauses() ?? 0;
        if (now !== seen) times.push(performance.now());
        seen = now;
        return times.length > 120 || count > 100_000;
      },
      method,
    );
    expect(received).to.equal(sent);
    expect(times).to.have.lengthOf.above(120);
    // the first ones, of 32 ms, may be as what came before was
    const apart = times.slice(71).map((time, i) => time - (times[70 + i] ?? 0));
    apart.sort((x, y) => x - y);
    return { low: apart[apart.length >> 2] ?? 0, middle: apart[apart.length >> 1] ?? 0 };
  }

  it('waits half a millisecond for more while many come, and loses none', async () => {
    const { low, middle } = await waits(20, () => 'MESSAGE');
    expect(low).to.be.below(1.5);
    expect(middle).to.be.above(0.5);
  });

  it('waits three milliseconds while nearly all requests are of no call', async () => {
    const { middle } = await waits(20, (index) => (index % 20 === 0 ? 'INVITE' : 'REGISTER'));
    expect(middle).to.be.above(2.9);
  });

  it('waits so from fewer on than for calls', async () => {
    const { middle } = await waits(8, () => 'SUBSCRIBE');
    expect(middle).to.be.above(2.9);
  });

  it('waits no longer than for calls while one request of six is of a call', async () => {
    const { low } = await waits(20, (index) => (index % 6 === 0 ? 'INVITE' : 'OPTIONS'));
    expect(low).to.be.below(1.5);
  });

  it('waits no longer than for calls while phones ring whose calls come by TCP', async () => {
    const { low } = await waits(20, (index) => (index % 6 === 0 ? 'SIP/2.0 180 Ringing' : 'REGISTER'));
    expect(low).to.be.below(1.5);
  });

  for (const method of ['MESSAGE', 'REGISTER']) {
    it(`takes a ${method} at once while few come`, async () => {
      let before: number | undefined;
      // at first it may still think of what the tests before this one sent
      const enough = (count: number): boolean => {
        if (count === 30) before = native?.pauses();
        return count === 60;
      };
      await throwing(1, 2, enough, () => method);
      expect(native?.pauses()).to.equal(before);
    });
  }

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

describe('A UDP socket of IPv6 that takes many datagrams a call', () => {
  let scene: Scene;
  let phone: Socket;
  let heard: string[];

  before(function () {
    const has = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
    if (native === undefined || !has) this.skip();
  });

  beforeEach(async () => {
    scene = await Scene.open({ listeners: [{ transport: 'UDP', address: '::1' }] });
    phone = createSocket('udp6');
    heard = [];
    phone.on('message', (datagram) => heard.push(datagram.toString('latin1')));
    phone.bind(0, '::1');
    await once(phone, 'listening');
  });

  afterEach(async () => {
    phone.close();
    await scene.transports.close();
  });

  const port = (): number => scene.transports.listener('UDP', 6)?.port ?? 0;

  it('sends and receives what one turn brought, all of it and in order', async () => {
    const sent = Array.from({ length: 100 }, (_, i) => `MESSAGE ${i} ${'x'.repeat(i * 7)}`);
    const hop = scene.transports.hop('UDP', '::1', phone.address().port);
    for (const text of sent) scene.transports.send(text, hop);
    await until(() => heard.length === sent.length);
    expect(heard).to.deep.equal(sent);
    for (let i = 0; i < 100; i++) phone.send(`MESSAGE ${i}`, port(), '::1');
    await until(() => scene.messages.length === 100);
    expect(new Set(scene.messages.map(({ from }) => from))).to.deep.equal(new Set([hop]));
  });

  it('learns of the first datagram at once what became of it (ICMP), and loses nothing beside it', async () => {
    const nobody = createSocket('udp6');
    nobody.bind(0, '::1');
    await once(nobody, 'listening');
    const gone = scene.transports.hop('UDP', '::1', nobody.address().port);
    nobody.close();
    const hop = scene.transports.hop('UDP', '::1', phone.address().port);
    for (let i = 0; i < 20; i++) {
      scene.transports.send(`MESSAGE ${i} to nobody`, gone);
      scene.transports.send(`MESSAGE ${i}`, hop);
    }
    await until(() => heard.length === 20 && scene.undelivered.length === 20);
    expect(scene.undelivered[0]).to.deep.equal({ hop: gone, sent: 'MESSAGE 0 to nobody', reason: 'ECONNREFUSED' });
    expect(scene.failures).to.deep.equal([]);
  });

  it('finds the hop of a send that the system refuses', async () => {
    const [good, bad] = [
      scene.transports.hop('UDP', '::1', phone.address().port),
      scene.transports.hop('UDP', '::ffff:10.0.0.1', 5060),
    ];
    for (const hop of [good, bad, good]) scene.transports.send(options({}), hop);
    await until(() => scene.failures.length === 1 && heard.length === 2);
    expect(scene.failures[0]?.hop).to.equal(bad);
  });

  it('sends nothing to what is no address', async () => {
    scene.transports.send(options({}), scene.transports.hop('UDP', `${'1:'.repeat(60)}:x%lo`, phone.address().port));
    scene.transports.send('MESSAGE', scene.transports.hop('UDP', '::1', phone.address().port));
    await until(() => heard.length === 1 && scene.failures.length === 1);
    expect(heard).to.deep.equal(['MESSAGE']);
  });

  it('names an address as node:dgram does', async () => {
    const other = await Scene.open({ batched: false, listeners: [{ transport: 'UDP', address: '::1' }] });
    for (const one of [scene, other]) phone.send(options({}), one.transports.listener('UDP', 6)?.port ?? 0, '::1');
    await until(() => scene.messages.length === 1 && other.messages.length === 1);
    expect(scene.messages[0]?.from.address).to.equal(other.messages[0]?.from.address);
    await other.transports.close();
  });

  it('says what the system says of an address that is not its own', () => {
    expect(() => native && new BatchSocket(native, '2001:db8::1', 0, 65_536, 10, user)).to.throw('EADDRNOTAVAIL');
  });
});

describe('A UDP socket whose datagrams the kernel does not take', () => {
  const stuck = { version: 4, open: () => ({ flush: () => undefined, close: () => undefined }), pauses: () => 0 };

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
