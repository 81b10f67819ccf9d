import { setTimeout as sleep } from 'node:timers/promises';
import { sees, type Fault } from './fault.ts';
import { oosCheck } from './manifest.ts';
import { pairs } from './places.ts';
import { slowPair } from './world.ts';
import type { World } from './world.ts';

/** Half a second is what a switch may take beyond the ping that finds it. */
const SLACK = 500;
const silent = oosCheck.interval + oosCheck.timeout + SLACK;
const promotion = 300 + 500;

const ss1 = 'dc1-ss1';
/** The primary that died comes back, as a backup. */
async function comesBack(world: World, name: string): Promise<void> {
  const { primary } = world.pair(name);
  await primary.starts();
  await primary.follows();
}

const primaryOf = (name: string): string => pairs.find((pair) => pair.name === name)?.primary.address ?? '';

/** Brings a pair's primary back in its place, by taking its partner down. */
async function restores(world: World, name: string): Promise<void> {
  const { primary, backup } = world.pair(name);
  await primary.isKilled();
  await primary.starts();
  await primary.follows();
  await backup.isKilled();
  await primary.serves();
  await backup.starts();
  await backup.follows();
}

export const serverFaults: readonly Fault[] = [
  {
    name: 'primary-killed',
    what: 'SIP Server primary killed (kill -9): its port refuses',
    promise: 'the backup serves + 0.5 s',
    bound: promotion + SLACK + 700,
    inflict: (world) => world.pair(ss1).primary.isKilled(),
    switched: (world) => sees(world, 'dc1', ss1, 'backup'),
    lasts: 2000,
    heal: (world) => comesBack(world, ss1),
    restore: (world) => restores(world, ss1),
  },
  {
    name: 'primary-silent',
    what: 'SIP Server primary loses its network: silence',
    promise: 'interval + timeout + 0.5 s',
    bound: silent,
    inflict: async (world) => world.network.isolate(primaryOf(ss1)),
    switched: (world) => sees(world, 'dc1', ss1, 'backup'),
    lasts: 2000,
    heal: async (world) => world.network.mend(),
    restore: (world) => restores(world, ss1),
  },
  {
    name: 'primary-paused',
    what: 'SIP Server primary paused (SIGSTOP), resumed 20 s later',
    promise: 'interval + timeout + 0.5 s; it does not take its pair back',
    bound: silent,
    inflict: async (world) => world.pair(ss1).primary.pauses(),
    switched: (world) => sees(world, 'dc1', ss1, 'backup'),
    lasts: 20_000,
    heal: async (world) => world.pair(ss1).primary.wakes(),
    complaint: async (world) => {
      await sleep(3000);
      const kept = await sees(world, 'dc1', ss1, 'backup');
      return kept ? undefined : 'the primary took its pair back when it woke';
    },
    restore: (world) => restores(world, ss1),
  },
  {
    name: 'backup-late',
    what: 'SIP Server primary killed, its backup’s port closed for 5 s',
    promise: '0.5 s after the backup first answers',
    bound: 5000 + 500 + SLACK + 700,
    inflict: (world) => world.pair(slowPair).primary.isKilled(),
    switched: (world) => sees(world, 'dc1', slowPair, 'backup'),
    lasts: 2000,
    heal: (world) => comesBack(world, slowPair),
    restore: (world) => restores(world, slowPair),
  },
];
