import { subscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

/**
 * How long a connection to etcd may take to be there, ms. gRPC sets no limit, and the kernel asks ever less often: where
 * a link had been cut for minutes, it would be up for another half a minute before anybody noticed.
 */
const LIMIT = 2500;

/** Ports of etcd members, and how long connections to them may take. */
const limits = new Map<number, number>();
let isSubscribed = false;

/** Gives up TCP connections of this process to these ports that are not there within `limit` ms; who made them tries anew. */
export function limitConnecting(to: Iterable<number>, limit = LIMIT): void {
  for (const port of to) limits.set(port, limit);
  if (isSubscribed) return;
  isSubscribed = true;
  subscribe('net.client.socket', (message) => {
    const socket = socketOf(message);
    socket?.once('connectionAttempt', (address: string, port: number) => {
      const ms = limits.get(port);
      if (ms !== undefined) limitOne(socket, `${address}:${port}`, ms);
    });
  });
}

function limitOne(socket: Socket, to: string, limit: number): void {
  const timer = setTimeout(() => {
    if (socket.connecting) socket.destroy(new Error(`no connection to ${to} within ${limit} ms`));
  }, limit);
  timer.unref();
  for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(timer));
}

function socketOf(message: unknown): Socket | undefined {
  if (typeof message !== 'object' || message === null || !('socket' in message)) return undefined;
  return message.socket instanceof Socket ? message.socket : undefined;
}
