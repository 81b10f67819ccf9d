import { createSocket } from 'node:dgram';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer, isIPv6 } from 'node:net';

export interface Endpoint {
  readonly protocol: 'UDP' | 'TCP';
  /** Numeric. */
  readonly address: string;
  readonly port: number;
}

/**
 * Tries to bind each endpoint for a moment.
 * @returns a line for each that can't be bound: the address, the port, why, and who holds it where that can be seen
 */
export async function unavailable(endpoints: readonly Endpoint[]): Promise<string[]> {
  const lines = await Promise.all(
    endpoints.map(async (endpoint) => {
      const error = await bind(endpoint);
      return error === undefined ? undefined : await complaint(endpoint, error);
    }),
  );
  return lines.filter((line) => line !== undefined);
}

async function complaint(endpoint: Endpoint, error: NodeJS.ErrnoException): Promise<string> {
  const { protocol, address, port } = endpoint;
  const where = `${protocol} ${isIPv6(address) ? `[${address}]` : address}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE': {
      const holder = await holderOf(endpoint);
      return `${where} is in use${holder === undefined ? '' : ` by ${holder}`}`;
    }
    case 'EADDRNOTAVAIL':
      return `${where}: this machine has no address ${address}`;
    case 'EACCES':
      return `${where}: not allowed to open ports below 1024`;
    default:
      return `${where}: ${error.message}`;
  }
}

function bind({ protocol, address, port }: Endpoint): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    if (protocol === 'UDP') {
      const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
      socket.once('error', (error) => socket.close(() => resolve(error)));
      socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(undefined)));
    } else {
      const server = createServer();
      server.once('error', resolve);
      server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(undefined)));
    }
  });
}

/** `pid 4711 (sipp)`: the process with a socket bound there, as far as /proc shows it. */
export async function holderOf({ protocol, address, port }: Endpoint): Promise<string | undefined> {
  if (isIPv6(address)) return undefined;
  const own = hexAddress(address);
  const wanted = [own, '00000000'].map((hex) => `${hex}:${port.toString(16).toUpperCase().padStart(4, '0')}`);
  try {
    const table = await readFile(`/proc/net/${protocol.toLowerCase()}`, 'utf8');
    for (const line of table.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [, local, , state] = fields;
      const inode = fields[9];
      // 0A is LISTEN: a TCP connection from there holds no listener's place
      if (local === undefined || !wanted.includes(local) || (protocol === 'TCP' && state !== '0A')) continue;
      if (inode !== undefined) return await ownerOf(inode);
    }
  } catch {
    // no such /proc: the address and port must do
  }
  return undefined;
}

/** As /proc/net writes it: the four bytes in the machine's order, little-endian wherever Node runs on Linux. */
function hexAddress(address: string): string {
  return address
    .split('.')
    .toReversed()
    .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
    .join('');
}

async function ownerOf(inode: string): Promise<string | undefined> {
  const socket = `socket:[${inode}]`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      if ((await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')) !== socket) continue;
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
      return name === '' ? `pid ${pid}` : `pid ${pid} (${name})`;
    }
  }
  return undefined;
}
