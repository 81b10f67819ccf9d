import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import pino from 'pino';
import { startProxy } from '../../proxy/main.ts';
import { options } from '../builders.ts';
import { ownAddress } from '../peers/loopback.ts';
import { config } from '../proxy/routing/scene.ts';
import { Random } from '../simulation/random.ts';
import { readCorpus } from './corpus.ts';
import { mutateText } from './mutate-text.ts';

/**
 * Mutated messages over real UDP at a real proxy, from many ports since each is held to a number of bad ones. Ends
 * with 1 unless every OPTIONS between them is answered and the heap is back where it began once the last has timed out.
 */
const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const count = Number(values.count);
const random = new Random(Number(values.seed));
const SOCKETS = 200;
const AT_ONCE = 500;
/** Timer C is the longest that anything waits; what was answered before it is gone after 32 s. */
const QUIET = 240_000;

const address = ownAddress();
const proxy = await startProxy(
  config({ place: { name: 'p1', address }, stores: [{ geoLocation: 'dc1', memory: true }], proxiesIn: ['dc1'] }),
  { log: pino({ level: 'silent' }), hash: 'fuzz' },
);
const sources = await Promise.all(Array.from({ length: SOCKETS }, async () => bound()));
const asker = await bound();
const texts = readCorpus().flatMap((one) => one.flatMap((step) => (step.does === 'say' ? [step.text] : [])));
let unanswered = 0;

// What loads code and fills caches is no leak
await send(20_000);
const before = await heapAtRest();
const begun = Date.now();
for (let sent = 0; sent < count; sent += AT_ONCE) {
  await send(AT_ONCE);
  if (!(await isAnswered())) unanswered++;
  if (sent % 100_000 === 0) console.log(`${sent} sent, ${unanswered} OPTIONS unanswered, heap ${megabytes(used())}`);
}
const seconds = (Date.now() - begun) / 1000;
const after = await heapAtRest();
const { internalErrors = -1 } = proxy.status().counters;
await proxy.end();
for (const socket of [...sources, asker]) socket.close();
console.log(
  `${count} mutated messages in ${seconds.toFixed(0)} s: ${count / AT_ONCE} OPTIONS, ${unanswered} unanswered; ` +
    `heap ${megabytes(before)} before, ${megabytes(after)} after; ${internalErrors} internal errors`,
);
process.exitCode = unanswered === 0 && internalErrors === 0 && after <= before * 1.2 ? 0 : 1;

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket.on('message', () => undefined).on('error', () => undefined);
}

async function send(messages: number): Promise<void> {
  for (let i = 0; i < messages; i++) {
    const text = mutateText(random.pick(texts), random, random.pick(texts)).slice(0, 8000);
    random.pick(sources).send(Buffer.from(text, 'latin1'), 5060, address);
    if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function isAnswered(): Promise<boolean> {
  const { address: host, port } = asker.address();
  const text = options({ sentBy: `${host}:${port}`, uri: `sip:${address}` });
  const signal = AbortSignal.timeout(10_000);
  const again = setInterval(() => asker.send(text, 5060, address), 500);
  asker.send(text, 5060, address);
  try {
    await once(asker, 'message', { signal });
    return true;
  } catch {
    return false;
  } finally {
    clearInterval(again);
  }
}

async function heapAtRest(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, QUIET));
  return used();
}

function used(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
