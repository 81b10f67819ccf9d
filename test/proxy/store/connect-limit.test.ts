import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { limitConnecting } from '../../../proxy/store/connect-limit.ts';

const LIMIT = 300;

describe('connect limit', () => {
  /** A port that takes no more connections: its kernel drops what asks for one, as a cut link does. */
  async function deaf(): Promise<{ port: number; end: () => void }> {
    const program = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
      console.log(this.address().port);
    })`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    child.kill('SIGSTOP');
    const port = Number(line.toString());
    const held: Socket[] = [];
    for (let isFull = false; !isFull;) {
      const socket = connect(port, '127.0.0.1');
      held.push(socket);
      socket.on('error', () => undefined);
      isFull = await Promise.race([
        once(socket, 'connect').then(() => false),
        new Promise<boolean>((resolve) => void setTimeout(() => resolve(true), 200)),
      ]);
    }
    return {
      port,
      end: () => {
        for (const socket of held) socket.destroy();
        child.kill('SIGKILL');
      },
    };
  }

  it('gives up a connection whose packets are dropped, so that it is tried anew', async () => {
    const [near, far] = [await deaf(), await deaf()];
    limitConnecting([near.port], LIMIT);
    try {
      const limited = connect(near.port, '127.0.0.1');
      const free = connect(far.port, '127.0.0.1').on('error', () => undefined);
      const [error] = (await once(limited, 'error')) as [Error];
      expect(error.message).to.equal(`no connection to 127.0.0.1:${near.port} within ${LIMIT} ms`);
      expect([limited.destroyed, free.destroyed], 'others are left alone').to.deep.equal([true, false]);
      free.destroy();
    } finally {
      near.end();
      far.end();
    }
  });
});
