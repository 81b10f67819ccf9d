/**
 * A proxy that is started again while its etcd holds a million bindings: `make restart`, or node test/scale/restart.ts
 * COUNT SAMPLE. It is a real process, killed and started; then its SIP Server sends a MESSAGE to each of a sample of the
 * addresses of record, and each must come to the phone that is bound there. Exits 1 if a bound is broken.
 */
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd } from '../peers/etcd.ts';
import { ownAddress } from '../peers/loopback.ts';
import { aorOf, udpPhone } from './phones.ts';
import { RealProxy } from './real-proxy.ts';
import { answer, Registrar } from './registrar.ts';

const [COUNT, SAMPLE] = [1_000_000, 10_000].map((usual, i) => Number(process.argv[2 + i] ?? usual)) as [number, number];
/** The bounds that the product promises for a million: s to be ready in, bytes of the whole process a binding. */
const [READY, BYTES] = [30, 600];
/** How many MESSAGEs are on their way at once. */
const AT_ONCE = 32;
const ADDRESSES = 8;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const seconds = async (what: () => Promise<void>): Promise<number> => {
  const begin = performance.now();
  await what();
  return (performance.now() - begin) / 1000;
};

/** Phones at one address each of a few: every request is answered 200, and where it came is kept by its URI. */
async function phonesAt(addresses: readonly string[], arrived: Map<string, string>): Promise<Socket[]> {
  return Promise.all(
    addresses.map(async (address) => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
      socket.on('message', (bytes, sender) => {
        const text = bytes.toString('latin1');
        arrived.set(text.split(' ', 2)[1] ?? '', address);
        const response = answer(text);
        if (response !== undefined) socket.send(Buffer.from(response, 'latin1'), sender.port, sender.address);
      });
      socket.bind(5060, address);
      await once(socket, 'listening');
      return socket;
    }),
  );
}

/** How many of the sample did not come to the phone they were for, and how the first of them ended. */
async function wrong(
  proxy: RealProxy,
  server: Registrar,
  addresses: readonly string[],
  arrived: ReadonlyMap<string, string>,
): Promise<string[]> {
  const found: string[] = [];
  let next = 0;
  const ask = async (): Promise<void> => {
    for (let n = next++; n < SAMPLE; n = next++) {
      const i = (n * 104_729) % COUNT;
      const status = await server.sends(aorOf(i), proxy.options.address);
      const { contact, sourceAddress } = udpPhone(i, 0, addresses);
      const at = arrived.get(contact);
      if (status !== 'SIP/2.0 200 OK' || at !== sourceAddress)
        found.push(`${aorOf(i)}: ${status}, came to ${at ?? 'nobody'}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return found;
}

const folder = mkdtempSync(join(tmpdir(), 'sipcluster-restart-'));
const addresses = Array.from({ length: ADDRESSES }, ownAddress);
const arrived = new Map<string, string>();
const etcd = await Etcd.start(['--quota-backend-bytes', String(8 * 2 ** 30)]);
const server = await Registrar.begin(ownAddress());
const phones = await phonesAt(addresses, arrived);
const stores = [{ geoLocation: 'dc1', endpoint: etcd.endpoint }];
const options = { name: 'dc1-0', address: ownAddress(), geoLocation: 'dc1', stores, server: server.address, folder };
const proxy = new RealProxy(options);
let failed = true;
try {
  await proxy.start(30_000);
  const bare = proxy.residentBytes();
  await proxy.kill();

  say(`Filling an etcd with ${COUNT} bindings …`);
  const fill = new URL('fill.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [fill, etcd.endpoint, String(COUNT), String(Date.now()), ...addresses], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`filling the store ended with ${code}`);

  const first = await seconds(() => proxy.start(300_000));
  say(`ready ${first.toFixed(1)} s after its start`);
  await proxy.kill();
  const again = await seconds(() => proxy.start(300_000));
  const { registrations } = (await proxy.status()).counts;
  const bytes = (proxy.residentBytes() - bare) / COUNT;
  say(`killed, and ready ${again.toFixed(1)} s after its start; at most ${READY} s`);
  say(`${registrations} registrations; ${bytes.toFixed(0)} bytes of memory a binding, at most ${BYTES}`);

  let found: string[] = [];
  const took = await seconds(async () => void (found = await wrong(proxy, server, addresses, arrived)));
  say(`${SAMPLE - found.length} of ${SAMPLE} MESSAGEs came to the right phone, ${(SAMPLE / took).toFixed(0)} a second`);
  for (const one of found.slice(0, 5)) say(`  ${one}`);
  failed = again > READY || bytes > BYTES || registrations !== COUNT || found.length > 0;
} finally {
  await proxy.kill();
  for (const socket of phones) socket.close();
  server.end();
  await etcd.stop();
  if (!failed) rmSync(folder, { recursive: true, force: true });
  else say(`Over a bound, or failed: the proxy's log is in ${folder}`);
}
process.exitCode = failed ? 1 : 0;
