/**
 * A data centre is lost and its phones register with the one that is left, 2,000 a second, at a pair that holds 200
 * requests a second of any kind, while others call: no call may fail or wait long, every phone must get its place, and
 * the server must be kept busy until then. `make storm`.
 */
import { Header } from '../../proxy/sip/header.ts';
import { ownAddress } from '../peers/loopback.ts';
import { OneProxy } from './one-proxy.ts';
import { Party } from './party.ts';
import { SlowServer } from './slow-server.ts';

const phoneCount = Number(process.env['PHONES'] ?? 10_000);
const phonesPerSecond = Number(process.env['RATE'] ?? 2_000);
const serverHolds = Number(process.env['SERVER'] ?? 200);
const callsPerSecond = 10;
/** Phones behind one address. */
const office = 100;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const at = { proxy: ownAddress(), primary: ownAddress(), backup: ownAddress(), caller: ownAddress() };
let server: SlowServer | undefined;
let proxy: OneProxy | undefined;
const parties: Party[] = [];
const told: number[] = [];
let refused = 0;
let unanswered = 0;
let placed = 0;

/** One phone, until it has its place. */
async function comesBack(party: Party, user: string): Promise<void> {
  for (;;) {
    const answer = await party.registers(user).catch(() => undefined);
    if (answer?.status === 200) {
      placed++;
      return;
    }
    if (answer === undefined) unanswered++;
    else refused++;
    const wait = Number(answer?.value(Header.RetryAfter) ?? 30);
    if (answer !== undefined) told.push(wait);
    await pause((wait + Math.random()) * 1000);
  }
}

let failed = true;
try {
  server = await SlowServer.begin(at.primary, serverHolds);
  proxy = await OneProxy.starts(at.proxy, at);
  const caller = await Party.begin(at.caller, at.proxy);
  parties.push(caller);
  for (let i = 0; i < phoneCount / office; i++) parties.push(await Party.begin(ownAddress(), at.proxy));

  const took: number[] = [];
  const failures: string[] = [];
  const calls: Promise<void>[] = [];
  const began = performance.now();
  const calling = setInterval(() => {
    const call = caller.calls('alice', 'service', 500);
    calls.push(
      call.then(
        (ms) => void took.push(ms),
        (error: unknown) => void failures.push(String(error)),
      ),
    );
  }, 1000 / callsPerSecond);
  const phones: Promise<void>[] = [];
  const progress = setInterval(() => {
    console.log(
      `${((performance.now() - began) / 1000).toFixed(0)} s: ${placed} of ${phoneCount} registered, ${refused} refusals, ${took.length} calls answered`,
    );
  }, 5000);
  let afterTwentySeconds = 0;
  setTimeout(() => (afterTwentySeconds = placed), 20_000).unref();
  for (let i = 0; i < phoneCount; i++) {
    const party = parties[1 + Math.floor(i / office)];
    if (party !== undefined) phones.push(comesBack(party, `u${i}`));
    if (i % 20 === 19) await pause(Math.max(0, began + ((i + 1) * 1000) / phonesPerSecond - performance.now()));
  }
  await Promise.race([Promise.all(phones), pause(300_000)]);
  const seconds = (performance.now() - began) / 1000;
  clearInterval(calling);
  clearInterval(progress);
  await Promise.all(calls);

  const sorted = took.toSorted((a, b) => a - b);
  const of = (part: number): number => Math.round(sorted[Math.floor(sorted.length * part)] ?? 0);
  const least = phoneCount / (serverHolds - 2 * callsPerSecond);
  console.log(
    [
      `${placed} of ${phoneCount} phones registered in ${seconds.toFixed(0)} s; a server that is never idle needs ${least.toFixed(0)} s`,
      `in the first 20 s: ${(afterTwentySeconds / 20).toFixed(0)}/s`,
      `${refused} refusals, Retry-After ${Math.min(...told)} to ${Math.max(...told)} s; ${unanswered} without an answer`,
      `longest queue of the server: ${server.longestQueue}`,
      `${calls.length} calls, ${failures.length} failed, answered in p50 ${of(0.5)} ms, p99 ${of(0.99)} ms`,
    ].join('\n'),
  );
  for (const failure of new Set(failures)) console.log(`  ${failure}`);
  failed = placed < phoneCount || failures.length > 0 || seconds > 2.5 * least;
} finally {
  await proxy?.ends();
  server?.end();
  for (const party of parties) party.end();
}
process.exit(failed ? 1 : 0);
