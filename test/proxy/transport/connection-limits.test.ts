import { expect } from 'chai';
import { options } from '../../builders.ts';
import { until } from './scene.ts';
import { TcpScenes } from './tcp-scenes.ts';

describe('TCP', () => {
  const tcp = new TcpScenes();
  afterEach(() => tcp.end());

  describe('a connection that came in', () => {
    it('is closed when no whole message came in time', async () => {
      const scene = await tcp.open();
      const silent = await tcp.dial(scene);
      const slow = await tcp.dial(scene);
      const good = await tcp.dial(scene);
      slow.write('OPTIONS sip:a SIP/2.0\r\nVi');
      good.write(options({}));
      await until(() => scene.messages.length === 1 && scene.transports.connectionCount === 3);
      scene.pass(29_999);
      expect(scene.transports.counters.closedHalfOpen).to.equal(0);
      scene.pass(1);
      await until(() => silent.closed && slow.closed);
      expect(scene.transports.counters.closedHalfOpen).to.equal(2);
      expect(good.closed).to.equal(false);
    });

    it('makes room for newer ones when too many have sent nothing', async () => {
      const scene = await tcp.open({ limits: { halfOpen: 2 } });
      const proven = await tcp.dial(scene);
      proven.write(options({}));
      await until(() => scene.messages.length === 1);
      const silent = [await tcp.dial(scene), await tcp.dial(scene), await tcp.dial(scene)];
      await until(() => silent[0]?.closed === true);
      expect([proven, ...silent].map((client) => client.closed)).to.deep.equal([false, true, false, false]);
    });

    it('is refused above a limit that was lowered meanwhile', async () => {
      const scene = await tcp.open();
      await tcp.dial(scene);
      scene.transports.limit({ connections: 1 });
      const refused = await tcp.dial(scene);
      await until(() => refused.closed);
    });

    it('is cut off at the first byte beyond the limit of a message that is set', async () => {
      const scene = await tcp.open({ limits: { message: { maxBytes: 5_000, maxFields: 256, maxUri: 4096 } } });
      const client = await tcp.dial(scene);
      client.write(options({}).replace('Content-Length: 0', 'Content-Length: 5000'));
      await until(() => scene.malformed.length === 1);
      expect(scene.malformed[0]?.error.status).to.equal(513);
    });

    it('is refused above the limit', async () => {
      const scene = await tcp.open({ limits: { connections: 1 } });
      await tcp.dial(scene);
      const refused = await tcp.dial(scene);
      await until(() => refused.closed);
      expect(scene.transports.counters).to.include({ connectionsAccepted: 1, connectionsRefused: 1 });
    });

    it('is closed when a message takes too long, even while it is held', async () => {
      const scene = await tcp.open();
      const client = await tcp.dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      const connection = scene.messages[0]?.from.connection;
      if (connection === undefined) throw new Error('no connection');
      connection.holds = 1;
      // A pong is no message that was begun
      client.write('\r\n');
      scene.pass(29_999);
      client.write(options({}).slice(0, 40));
      await until(() => {
        scene.pass(1_000);
        return !connection.open;
      });
      expect(scene.transports.counters.closedSlow).to.equal(1);
    });

    it('makes room for a new one at the limit if nothing has needed it for a while', async () => {
      const scene = await tcp.open({ limits: { connections: 2 } });
      const dialled = [await tcp.dial(scene), await tcp.dial(scene)];
      for (const [index, client] of dialled.entries()) {
        client.write(options({}));
        await until(() => scene.messages.length === index + 1);
      }
      const held = scene.messages[0]?.from.connection;
      if (held === undefined) throw new Error('no connection');
      held.holds = 1;
      scene.at += 10_000;
      const third = await tcp.dial(scene);
      await until(() => dialled[1]?.closed === true);
      third.write(options({}));
      await until(() => scene.messages.length === 3);
      expect([dialled[0]?.closed, scene.transports.counters.connectionsRefused]).to.deep.equal([false, 0]);
    });

    it('is closed as idle unless something holds it', async () => {
      const scene = await tcp.open();
      const held = await tcp.dial(scene);
      const idle = await tcp.dial(scene);
      held.write(options({}));
      await until(() => scene.messages.length === 1);
      idle.write(options({}));
      await until(() => scene.messages.length === 2);
      const connection = scene.messages[0]?.from.connection;
      if (connection === undefined) throw new Error('no connection');
      connection.holds = 1;
      scene.pass(300_000);
      await until(() => idle.closed);
      expect(scene.transports.counters.closedIdle).to.equal(1);
      connection.holds = 0;
      scene.pass(0);
      await until(() => held.closed);
    });

    it('is not read from while its peer does not read, and is closed when that lasts', async () => {
      const scene = await tcp.open({
        onMessage: (_text, from) => scene.transports.send(`SIP/2.0 200 OK\r\n${'x'.repeat(2_000)}`, from),
      });
      const client = await tcp.dial(scene);
      client.socket.pause();
      const asked = 20_000;
      client.write(options({}).repeat(asked));
      // the answers fill both kernels' buffers, some MB, and then ours: from there on no more requests are taken in
      let before = -1;
      await until(() => {
        const stands = scene.messages.length === before && before > 0;
        before = scene.messages.length;
        return stands;
      });
      expect(scene.messages.length).to.be.below(asked);
      expect(scene.transports.connectionCount).to.equal(1);
      scene.pass(10_000);
      await until(() => scene.closed.length === 1);
      expect(scene.transports.counters.closedUnread).to.equal(1);
    });

    it('is read on when its peer reads again', async () => {
      const scene = await tcp.open({
        onMessage: (_text, from) => scene.transports.send(`SIP/2.0 200 OK\r\n${'x'.repeat(2_000)}`, from),
      });
      const client = await tcp.dial(scene);
      client.socket.pause();
      client.write(options({}).repeat(4_000));
      await until(() => scene.messages.length > 0);
      client.socket.resume();
      await until(() => scene.messages.length === 4_000);
      scene.pass(10_000);
      expect(scene.transports.connectionCount).to.equal(1);
    });

    it('is closed when its peer does not read', async () => {
      const scene = await tcp.open({ limits: { writeQueue: 100_000 } });
      const client = await tcp.dial(scene);
      client.write(options({}));
      await until(() => scene.messages.length === 1);
      client.socket.pause();
      const from = scene.messages[0]?.from;
      if (from === undefined) throw new Error('no message');
      const message = 'x'.repeat(50_000);
      for (let sent = 0; sent < 1_000 && scene.transports.connectionCount === 1; sent++) {
        scene.transports.send(message, from);
      }
      await until(() => scene.closed.length === 1);
      expect(scene.transports.counters.closedUnread).to.equal(1);
      expect(scene.failures[0]?.error.message).to.match(/100000 bytes that its peer does not read/);
    });
  });
});
