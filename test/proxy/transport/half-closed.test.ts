import { expect } from 'chai';
import type { Hop } from '../../../proxy/transport/hop.ts';
import { options } from '../../builders.ts';
import { type Client, type Scene, until } from './scene.ts';
import { TcpScenes } from './tcp-scenes.ts';

describe('TCP', () => {
  const tcp = new TcpScenes();
  afterEach(() => tcp.end());

  describe('a connection that came in', () => {
    describe('whose peer sends no more (FIN)', () => {
      async function halfClosed(holds: number): Promise<{ scene: Scene; client: Client; from: Hop }> {
        const scene = await tcp.open();
        const { client, from, connection } = await tcp.heard(scene);
        connection.holds = holds;
        client.socket.end();
        await until(() => scene.closed.length === 1);
        return { scene, client, from };
      }

      it('carries the answers that are still to come, and is closed after the last one', async () => {
        const { scene, client, from } = await halfClosed(1);
        expect(from.connection).to.include({ open: false, lingers: true });
        expect(scene.transports.connectionCount).to.equal(0);
        scene.pass(20_000);
        scene.transports.send('the answer', from);
        await until(() => client.received === 'the answer');
        expect(client.closed).to.equal(false);
        if (from.connection !== undefined) from.connection.holds = 0;
        scene.pass(1000);
        await until(() => client.closed);
        expect(from.connection).to.include({ open: false, lingers: false });
        scene.transports.send('too late', from);
        await until(() => scene.failures.length === 1);
      });

      it('is closed at once when nothing is asked', async () => {
        const { client, from } = await halfClosed(0);
        expect(from.connection).to.include({ open: false, lingers: false });
        await until(() => client.closed);
      });

      it('is closed after 32 s, whatever is still to come', async () => {
        const { scene, client } = await halfClosed(1);
        scene.pass(31_999);
        scene.pass(1);
        await until(() => client.closed);
        expect(client.received).to.equal('');
      });

      it('is used for no new request to its address', async () => {
        const { scene, client } = await halfClosed(1);
        scene.transports.send(options({}), scene.transports.hop('TCP', '127.0.0.1', client.port));
        await until(() => scene.failures.length === 1);
        expect(client.received).to.equal('');
      });

      it('ends when its peer is gone altogether', async () => {
        const { scene, client, from } = await halfClosed(1);
        client.socket.destroy();
        await until(() => {
          scene.transports.send('into the void', from);
          return from.connection?.lingers === false;
        });
      });

      it('does not hold up the end of the proxy', async () => {
        const { scene, client } = await halfClosed(1);
        await scene.transports.close();
        await until(() => client.closed);
      });

      it('takes no more than may wait for a peer that does not read', async () => {
        const { scene, client, from } = await halfClosed(1);
        client.socket.pause();
        for (let sent = 0; sent < 1000 && from.connection?.lingers === true; sent++)
          scene.transports.send('x'.repeat(50_000), from);
        expect(from.connection?.lingers).to.equal(false);
        expect(scene.transports.counters.closedUnread).to.equal(1);
      });
    });
  });
});
