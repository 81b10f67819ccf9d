import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { profiled } from './contender.ts';
import { callTree, flameGraph, selfShares, type CpuProfile } from './flame-graph.ts';
import { Load } from './load.ts';
import { measure } from './measure.ts';
import { CORE, takePlace } from './place.ts';

// Where a call's CPU goes, inside of JavaScript: a flame graph of the call scenario, and the greatest shares as a list.

const { values: args } = parseArgs({ options: { rate: { type: 'string', default: '1000' } } });
const [WARM, WINDOW] = [8000, 10_000];

takePlace();
const directory = mkdtempSync(join(tmpdir(), 'sipcluster-profile-'));
const load = await Load.open('127.0.0.1');
try {
  const step = { kind: 'call', rate: Number(args.rate) } as const;
  const { cpu, failed } = await measure(profiled(directory), step, { warm: WARM, window: WINDOW }, load, CORE.proxy);
  const [file] = readdirSync(directory).filter((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('the proxy wrote no profile: it did not end in order');
  const profile = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile;
  const length = profile.timeDeltas.reduce((sum, delta) => sum + delta, 0);
  // what comes before the window is start-up and compiling
  const tree = callTree(profile, Math.max(0, length - WINDOW * 1000));
  mkdirSync('.sipcluster', { recursive: true });
  writeFileSync('.sipcluster/profile.svg', flameGraph(tree));
  for (const [name, share] of selfShares(tree).slice(0, 25)) {
    console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
  }
  console.log(
    `${cpu.toFixed(0)} µs a call while it was profiled, ${failed} failed. The graph is .sipcluster/profile.svg.`,
  );
} finally {
  load.close();
  rmSync(directory, { recursive: true, force: true });
}
