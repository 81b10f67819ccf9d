/**
 * Ten thousand hostile TCP connections against one proxy: it must not end, must answer every OPTIONS meanwhile, and must
 * hold no more afterwards than before. `make hostile`; CONNECTIONS=1000 for fewer.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ownAddress } from '../peers/loopback.ts';
import { OneProxy } from './one-proxy.ts';
import { Pings } from './pings.ts';
import { PrimaryStandIn } from './primary-stand-in.ts';

const total = Number(process.env['CONNECTIONS'] ?? 10_000);
/** How long they are let be when all are there, s: above each deadline of the proxy's (30 s). */
const lasts = 35;
/** Transactions are remembered for 32 s (RFC 3261 17). */
const forgets = 34;
/** Of the heap, how much more may be held afterwards. */
const mayGrow = 0.2;
const shown = [
  'connectionsAccepted',
  'connectionsRefused',
  'closedHalfOpen',
  'closedSlow',
  'closedUnread',
  'closedMalformed',
  'unparseable',
  'badUnanswered',
  'internalErrors',
];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

const server = await PrimaryStandIn.begin(ownAddress());
const at = { proxy: ownAddress(), crowd: ownAddress(), good: ownAddress() };
const proxy = await OneProxy.starts(at.proxy, { primary: server.address, backup: ownAddress() });
let failed = true;
try {
  const warm = await Pings.begin(at.proxy, at.good);
  await pause(3_000);
  await warm.end();
  const before = await proxy.measured();
  const pings = await Pings.begin(at.proxy, at.good);
  const script = fileURLToPath(new URL('hostile-crowd.ts', import.meta.url));
  const crowd = spawn(process.execPath, [script, at.proxy, at.crowd, String(total), String(lasts)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  crowd.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  process.once('exit', () => crowd.kill('SIGKILL'));
  await once(crowd, 'close');
  await pings.end();
  await pause(forgets * 1_000);
  const after = await proxy.measured();
  const growth = after.heap / before.heap - 1;
  const { counters } = after.status;
  console.log(`${total} hostile connections; what became of them: ${said.trim()}`);
  console.log(
    `OPTIONS: ${pings.sent} sent, ${pings.unanswered} unanswered, ${pings.again} sent again; ` +
      `p50 ${pings.within(0.5)} ms, p99 ${pings.within(0.99)} ms, longest ${pings.within(1)} ms`,
  );
  console.log(
    `heap: ${mib(before.heap)} MiB before, ${mib(after.heap)} after (${(growth * 100).toFixed(1)} %); ` +
      `RSS ${mib(before.rss)} and ${mib(after.rss)} MiB; CPU ${(after.cpu - before.cpu).toFixed(1)} s`,
  );
  console.log(shown.map((name) => `${name} ${counters[name] ?? 0}`).join(', '));
  failed = pings.unanswered > 0 || growth > mayGrow || (counters['internalErrors'] ?? 0) > 0;
} finally {
  await proxy.ends();
  server.end();
}
console.log(failed ? 'FAILED' : 'passed');
process.exitCode = failed ? 1 : 0;
