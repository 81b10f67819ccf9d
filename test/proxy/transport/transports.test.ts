import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { options } from '../../builders.ts';
import { Scene, until } from './scene.ts';

/** The error it rejects with. */
async function refusal(attempt: Promise<unknown>): Promise<Error> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it was not refused');
}

describe('Transports', () => {
  const scenes: Scene[] = [];

  async function open(settings: Parameters<typeof Scene.open>[0] = {}): Promise<Scene> {
    const scene = await Scene.open(settings);
    scenes.push(scene);
    return scene;
  }

  afterEach(async () => {
    await Promise.all(scenes.splice(0).map((scene) => scene.transports.close()));
  });

  it('knows where a connection leads, by whichever side it was opened, and who was heard by UDP', async () => {
    const [near, far] = [await open(), await open()];
    const leads = (port: number): boolean => near.transports.isConnected('TCP', '127.0.0.1', port);
    const [tcp, udp] = [far.port('TCP'), far.port('UDP')];
    expect([leads(tcp), near.transports.hasHeard('127.0.0.1', udp)]).to.deep.equal([false, false]);
    near.transports.send(options({}), near.hopTo(far, 'TCP'));
    far.transports.send(options({}), far.hopTo(near, 'UDP'));
    await until(() => far.messages.length === 1 && near.messages.length === 1);
    expect([leads(tcp), near.transports.hasHeard('127.0.0.1', udp)]).to.deep.equal([true, true]);
    expect(near.transports.isConnected('UDP', '127.0.0.1', udp)).to.equal(false);
    const from = far.messages[0]?.from;
    expect(far.transports.isConnected('TCP', '127.0.0.1', from?.port ?? 0)).to.equal(true);
    far.transports.closeConnection(from?.connection?.number ?? 0, 'to be gone');
    await until(() => near.closed.length === 1);
    expect([leads(tcp), far.transports.hasHeard('127.0.0.1', near.port('UDP'))]).to.deep.equal([false, false]);
  });

  describe('listening', () => {
    it('tells which ports the system chose and advertises them', async () => {
      const scene = await open();
      for (const listener of scene.transports.listeners) {
        expect(listener.port).to.be.greaterThan(0);
        expect(listener).to.include({ advertisedAddress: '127.0.0.1', advertisedPort: listener.port, side: 'Both' });
      }
    });

    it('advertises what it is told to', async () => {
      const advertised = { advertisedAddress: '198.51.100.7', advertisedPort: 15060 };
      const scene = await open({ listeners: [{ transport: 'UDP', ...advertised }] });
      expect(scene.transports.listener('UDP', 4)).to.include(advertised);
    });

    for (const transport of ['UDP', 'TCP'] as const) {
      it(`says what is wrong when a ${transport} port is in use, and what to do`, async () => {
        const first = await open();
        const second = new Scene();
        scenes.push(second);
        const port = first.port(transport);
        const error = await refusal(
          second.transports.listen([{ transport, address: '127.0.0.1', port, side: 'Both' }]),
        );
        expect(error.message).to.equal(
          `can't listen on ${transport} 127.0.0.1:${port}: another process uses this port; ` +
            'stop it or choose another port (EADDRINUSE)',
        );
        expect(error).to.include({ name: 'ListenError', code: 'EADDRINUSE', address: '127.0.0.1', port });
      });

      it(`says so when the machine has no such address for ${transport}`, async () => {
        const scene = new Scene();
        scenes.push(scene);
        const error = await refusal(
          scene.transports.listen([{ transport, address: '192.0.2.1', port: 5060, side: 'Both' }]),
        );
        expect(error.message).to.match(/^can't listen on (UDP|TCP) 192.0.2.1:5060: this machine has no such address/);
      });
    }

    it('opens all or none, and tells all that is wrong', async () => {
      const taken = await open();
      const scene = new Scene();
      scenes.push(scene);
      const free = createSocket('udp4').bind(0, '127.0.0.1');
      await once(free, 'listening');
      const { port } = free.address();
      await new Promise<void>((resolve) => free.close(resolve));
      const both = { address: '127.0.0.1', side: 'Both' } as const;
      const error = await refusal(
        scene.transports.listen([
          { ...both, transport: 'UDP', port },
          { ...both, transport: 'UDP', port: taken.port('UDP') },
          { ...both, transport: 'TCP', port: taken.port('TCP') },
        ]),
      );
      expect(error.message).to.match(/UDP 127.0.0.1:\d+: .*; can't listen on TCP 127.0.0.1:\d+: /);
      expect(scene.transports.listeners).to.deep.equal([]);
      await scene.transports.listen([{ ...both, transport: 'UDP', port }]);
    });
  });

  describe('sending', () => {
    it('goes to servers from a listener on which they are known, and to phones from one that is not for servers alone', async () => {
      const scene = await open({
        listeners: [
          { transport: 'UDP', side: 'External' },
          { transport: 'UDP', side: 'Internal' },
        ],
      });
      expect(scene.transports.listener('UDP', 4, 'Internal')?.side).to.equal('Internal');
      expect(scene.transports.listener('UDP', 4, 'External')?.side).to.equal('External');
    });

    it('fails, and does not throw, without a listener of that transport or family', async () => {
      const scene = await open({ listeners: [{ transport: 'UDP' }] });
      const tcp = scene.transports.hop('TCP', '127.0.0.1', 5060);
      const ipv6 = scene.transports.hop('UDP', '::1', 5060);
      scene.transports.send(options({}), tcp);
      scene.transports.send(options({}), ipv6);
      await until(() => scene.failures.length === 2);
      expect(scene.failures.map(({ hop }) => hop)).to.have.members([tcp, ipv6]);
    });

    it('does nothing any more once it is closed', async () => {
      const scene = await open();
      const udp = scene.transports.hop('UDP', '127.0.0.1', 5060);
      const tcp = scene.transports.hop('TCP', '127.0.0.1', 5060);
      await scene.transports.close();
      scene.transports.send(options({}), udp);
      scene.transports.send(options({}), tcp);
      await scene.transports.close();
      expect(scene.transports.connectionCount).to.equal(0);
    });
  });

  describe('a simulated cut', () => {
    const cut = new Set(['127.0.0.1']);

    it('swallows datagrams both ways and lets them through again when it is over', async () => {
      const [near, far] = [await open(), await open()];
      near.transports.block(cut);
      near.transports.send('cut off on its way out', near.hopTo(far, 'UDP'));
      far.transports.send('cut off on its way in', far.hopTo(near, 'UDP'));
      await until(() => near.transports.counters.blockedDropped === 2);
      near.transports.block(new Set());
      near.transports.send('through again', near.hopTo(far, 'UDP'));
      far.transports.send('back again', far.hopTo(near, 'UDP'));
      await until(() => near.messages.length === 1 && far.messages.length === 1);
      expect(far.messages[0]?.text).to.equal('through again');
      expect(near.messages[0]?.text).to.equal('back again');
      expect(near.failures).to.deep.equal([]);
    });

    it('leaves other addresses alone', async () => {
      const [near, far] = [await open(), await open({ listeners: [{ transport: 'UDP', address: '127.0.0.2' }] })];
      near.transports.block(cut);
      near.transports.send('not concerned', near.transports.hop('UDP', '127.0.0.2', far.port('UDP')));
      await until(() => far.messages.length === 1);
    });

    it('stops a connection both ways without closing it; what was under way arrives afterwards', async () => {
      const [near, far] = [await open(), await open()];
      const hop = near.hopTo(far, 'TCP');
      near.transports.send(options({}), hop);
      await until(() => far.messages.length === 1);
      const back = far.messages[0]?.from;
      if (back === undefined) throw new Error('no message');
      near.transports.block(cut);
      near.transports.send(options({}), hop);
      far.transports.send(options({}), back);
      // A second connection is the clock: it takes as long as the first would have
      const third = await open();
      third.transports.send(options({}), third.hopTo(far, 'TCP'));
      await until(() => far.messages.length === 2);
      expect(far.messages.filter(({ from }) => from === back)).to.have.lengthOf(1);
      expect(near.messages).to.deep.equal([]);
      expect(near.closed.length + far.closed.length).to.equal(0);
      near.transports.block(new Set());
      await until(() => near.messages.length === 1 && far.messages.length === 3);
    });

    it('keeps new connections from coming about, in and out', async () => {
      const [near, far] = [await open(), await open()];
      near.transports.block(cut);
      near.transports.send(options({}), near.hopTo(far, 'TCP'));
      far.transports.send(options({}), far.hopTo(near, 'TCP'));
      await until(() => near.transports.counters.connectionsAccepted === 1);
      near.pass(3_999);
      expect(near.transports.counters.connectTimedOut).to.equal(0);
      near.pass(1);
      await until(() => near.failures.length === 1);
      expect(near.failures[0]?.error.message).to.match(/no connection within 4000 ms/);
      expect(near.messages).to.deep.equal([]);
      expect(far.transports.counters.connectionsAccepted).to.equal(0);
      near.transports.block(new Set());
      await until(() => near.messages.length === 1);
    });
  });
});
