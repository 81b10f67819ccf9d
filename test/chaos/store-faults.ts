import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from './fault.ts';
import type { World } from './world.ts';

const promise = 'none lost: what is known stays known, what is new is written later';

/** How much longer every fsync of a slow disk takes, ms: more than a 200 to a REGISTER waits for its commit. */
const SLOW = 400;

/** The members of dc1's etcd that this run has hit. */
let hit: string[] = [];
/** What holds up their disks: strace lets the kernel wait in each of their fsyncs. */
let brakes: ChildProcess[] = [];

async function takes(world: World, count: number): Promise<string[]> {
  const etcd = world.etcd('dc1');
  const leader = await etcd.leader();
  hit = [leader, ...etcd.names.filter((name) => name !== leader)].slice(0, count);
  return hit;
}

async function comesBack(world: World): Promise<void> {
  for (const name of hit) world.etcd('dc1').resume(name);
  await world.etcd('dc1').isWhole();
}

/** A file that leaves etcd's file system no room; each member's data may lie on one of its own. */
function ballast(world: World, name: string): string {
  return join(world.etcd('dc1').dataOf(name), 'ballast');
}

export const storeFaults: readonly Fault[] = [
  {
    name: 'etcd-leader',
    what: 'leader of a data centre’s etcd killed',
    promise,
    inflict: async (world) => {
      for (const name of await takes(world, 1)) await world.etcd('dc1').kill(name);
    },
    lasts: 5000,
    heal: comesBack,
  },
  {
    name: 'etcd-quorum',
    what: 'two of three members of a data centre’s etcd killed for 10 s',
    promise,
    inflict: async (world) => {
      for (const name of await takes(world, 2)) await world.etcd('dc1').kill(name);
    },
    lasts: 10_000,
    heal: comesBack,
  },
  {
    name: 'etcd-hangs',
    what: 'all members of a data centre’s etcd paused for 10 s',
    promise,
    inflict: async (world) => {
      for (const name of await takes(world, 3)) world.etcd('dc1').pause(name);
    },
    lasts: 10_000,
    heal: comesBack,
  },
  {
    name: 'etcd-disk-full',
    what: 'disk of the leader of a data centre’s etcd full for 10 s',
    promise,
    inflict: async (world) => {
      const [name = ''] = await takes(world, 1);
      try {
        execFileSync('dd', ['if=/dev/zero', `of=${ballast(world, name)}`, 'bs=1M'], { stdio: 'ignore' });
      } catch {
        // "no space left" is what it is for
      }
    },
    lasts: 10_000,
    heal: async (world) => {
      for (const name of hit) {
        if (existsSync(ballast(world, name))) rmSync(ballast(world, name));
        await world.etcd('dc1').kill(name);
      }
      await comesBack(world);
    },
  },
  {
    name: 'etcd-disk-slow',
    what: `disks of a data centre’s etcd slow: each fsync takes ${SLOW} ms longer, for 10 s`,
    promise,
    inflict: async (world) => {
      const members = await takes(world, 3);
      brakes = members.map((name) => {
        const inject = `inject=fsync,fdatasync:delay_enter=${SLOW * 1000}`;
        const argv = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', inject];
        return spawn('strace', [...argv, '-p', String(world.etcd('dc1').pidOf(name))], { stdio: 'ignore' });
      });
    },
    lasts: 10_000,
    heal: async (world) => {
      for (const brake of brakes) {
        if (brake.exitCode !== null) throw new Error(`strace ended by itself: ${brake.exitCode}`);
        brake.kill('SIGTERM');
        await once(brake, 'exit');
      }
      await comesBack(world);
    },
  },
];
