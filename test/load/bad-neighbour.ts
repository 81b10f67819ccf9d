/**
 * One endpoint sends 10,000 bad messages a second while registered phones call each other 100 times a second: no call may
 * fail. `make neighbour`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ownAddress } from '../peers/loopback.ts';
import { OneProxy } from './one-proxy.ts';
import { Party } from './party.ts';

const callsPerSecond = Number(process.env['CALLS'] ?? 100);
const badPerSecond = Number(process.env['BAD'] ?? 10_000);
const seconds = Number(process.env['SECONDS'] ?? 20);
const phoneCount = 40;
/** How long each call is up, ms. */
const talk = 500;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const at = { proxy: ownAddress(), primary: ownAddress(), backup: ownAddress() };
const phones = new Map<string, Party>();
let server: Party | undefined;
let proxy: OneProxy | undefined;

interface Round {
  readonly calls: number;
  readonly failures: string[];
  readonly took: number[];
  readonly cpu: number;
}

/** Calls at the rate for so long; what became of them. */
async function round(under: OneProxy): Promise<Round> {
  const failures: string[] = [];
  const took: number[] = [];
  const running: Promise<void>[] = [];
  const before = (await under.measured()).cpu;
  const began = performance.now();
  const users = [...phones.keys()];
  for (let i = 0; performance.now() - began < seconds * 1000; i++) {
    const user = users[i % users.length] ?? '';
    // every other call is the server's, to a phone at its registered contact
    const caller = i % 2 === 0 ? phones.get(user) : server;
    if (caller === undefined) break;
    running.push(
      (i % 2 === 0 ? caller.calls(user, 'service', talk) : caller.calls('service', user, talk)).then(
        (ms) => void took.push(ms),
        (error: unknown) => void failures.push(error instanceof Error ? error.message : String(error)),
      ),
    );
    await pause(Math.max(0, began + ((i + 1) * 1000) / callsPerSecond - performance.now()));
  }
  const cpu = ((await under.measured()).cpu - before) / seconds;
  await Promise.all(running);
  return { calls: running.length, failures, took: took.toSorted((a, b) => a - b), cpu };
}

function tell(what: string, { calls, failures, took, cpu }: Round): void {
  const at99 = took[Math.floor(took.length * 0.99)] ?? 0;
  const half = took[Math.floor(took.length / 2)] ?? 0;
  console.log(
    `${what}: ${calls} calls, ${failures.length} failed, answered in p50 ${half.toFixed(0)} ms, p99 ${at99.toFixed(0)} ms; proxy's CPU ${(cpu * 100).toFixed(0)} %`,
  );
  for (const failure of new Set(failures)) console.log(`  ${failure}`);
}

let failed = true;
try {
  server = await Party.begin(at.primary, at.proxy);
  proxy = await OneProxy.starts(at.proxy, at);
  for (let i = 0; i < phoneCount; i++) phones.set(`u${i}`, await Party.begin(ownAddress(), at.proxy));
  await Promise.all([...phones].map(([user, phone]) => phone.registers(user)));
  tell('in peace', await round(proxy));

  const script = fileURLToPath(new URL('flood.ts', import.meta.url));
  const flood = spawn(process.execPath, [script, at.proxy, ownAddress(), String(badPerSecond), String(seconds + 2)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  flood.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await pause(1_000);
  const under = await round(proxy);
  tell(`beside ${badPerSecond} bad messages a second`, under);
  if (flood.exitCode === null) await once(flood, 'exit');
  const { status } = await proxy.measured();
  const { unparseable = 0, badUnanswered = 0, internalErrors = 0, udpReceived = 0 } = status.counters;
  console.log(
    `sent ${said.trim()}; udpReceived ${udpReceived}, unparseable ${unparseable}, badUnanswered ${badUnanswered}, internalErrors ${internalErrors}, transactions ${status.counts.transactions}`,
  );
  failed = under.failures.length > 0 || internalErrors > 0;
} finally {
  for (const phone of phones.values()) phone.end();
  server?.end();
  await proxy?.ends();
}
console.log(failed ? 'FAILED' : 'passed');
process.exitCode = failed ? 1 : 0;
