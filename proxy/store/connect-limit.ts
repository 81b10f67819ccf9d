import { subscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

/**
 * How long a connection to etcd may take to be there, ms. gRPC sets no limit, and the kernel asks ever less often: where
 * a link had been cut for minutes, it would be up for another half a minute before anybody noticed.
 */
const LIMIT = 2500;

/** Ports of etcd members. */
const ports = new Set<number>();
let isSubscribed = false;

/** Gives up TCP connections of this process to these ports that are not there within `limit` ms; who made them tries anew. */
export function limitConnecting(to: Iterable<number>, limit = LIMIT): void {
  for (const port of to) ports.add(port);
  if (isSubscribed) return;
  isSubscribed = true;
  subscribe('net.client.socket', (message) => {
    const socket = socketOf(message);
    socket?.once('connectionAttempt', (address: string, port: number) => {
      if (ports.has(port)) limitOne(socket, `${address}:${port}`, limit);
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
