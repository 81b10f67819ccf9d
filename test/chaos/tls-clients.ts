import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { eventually } from '../peers/deadline.ts';
import { domain, proxiesName } from './places.ts';
import type { ProxyHost } from './proxies.ts';
import type { World } from './world.ts';

/** Connections over TLS that stay open while the proxies' certificate changes. */
export class TlsClients {
  readonly #world: World;
  readonly #sockets: TLSSocket[] = [];
  readonly #first: string[] = [];

  private constructor(world: World) {
    this.#world = world;
  }

  static async connect(world: World, count: number): Promise<TlsClients> {
    const clients = new TlsClients(world);
    for (let n = 0; n < count; n++) {
      const proxy = world.proxies[n % world.proxies.length];
      if (proxy !== undefined) clients.#sockets.push(await clients.#open(proxy));
    }
    clients.#first.push(...clients.#sockets.map(fingerprint));
    return clients;
  }

  /** What is wrong: a connection that broke, or a new one with the old certificate. They are closed by this. */
  async complaint(): Promise<string | undefined> {
    const broken = (await Promise.all(this.#sockets.map(answers))).filter((answered) => !answered).length;
    const old = new Set(this.#first);
    let stale = 0;
    for (const proxy of this.#world.proxies) {
      const socket = await this.#open(proxy);
      if (old.has(fingerprint(socket))) stale += 1;
      socket.destroy();
    }
    for (const socket of this.#sockets) socket.destroy();
    if (broken > 0) return `${broken} of ${this.#sockets.length} TLS connections broke`;
    return stale === 0 ? undefined : `${stale} proxies still show the old certificate`;
  }

  async #open({ place }: ProxyHost): Promise<TLSSocket> {
    const options = { host: place.address, port: 5061, servername: proxiesName, ca: this.#world.authority };
    const socket = connect(options);
    socket.on('error', () => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  }
}

function fingerprint(socket: TLSSocket): string {
  return socket.getPeerCertificate().fingerprint256;
}

/** Whether an OPTIONS over this connection is answered. */
async function answers(socket: TLSSocket): Promise<boolean> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  const id = Math.random().toString(36).slice(2);
  const lines = [
    `OPTIONS sip:${domain} SIP/2.0`,
    `Via: SIP/2.0/TLS 198.18.1.53;branch=z9hG4bK${id}`,
    `From: <sip:probe@${domain}>;tag=${id}`,
    `To: <sip:${domain}>`,
    `Call-ID: ${id}`,
    'CSeq: 1 OPTIONS',
    'Max-Forwards: 70',
    'Content-Length: 0',
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return eventually(3000, 'an answer', () => text.startsWith('SIP/2.0 200')).then(
    () => true,
    () => false,
  );
}
