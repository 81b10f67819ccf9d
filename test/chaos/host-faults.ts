import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { TlsClients } from './tls-clients.ts';
import type { World } from './world.ts';

const victim = 'dc1/0';
/** How far a clock is set, s. */
const STEP = 20;
/** Debian's faketime, whose library answers for the clock of the program that it is loaded into. */
const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((arch) => `/usr/lib/${arch}/faketime/libfaketime.so.1`);

function setsClock(world: World, offset: string): void {
  writeFileSync(join(world.folder, 'clock'), `${offset}\n`);
}

async function restarts(world: World, env: NodeJS.ProcessEnv): Promise<void> {
  const proxy = world.proxy(victim);
  await proxy.kill();
  proxy.start(env);
  await proxy.isReady();
  await world.hasPairsInService();
}

/** What the faults leave running. */
let hogs: ChildProcess[] = [];
let clients: TlsClients | undefined;

export const hostFaults: readonly Fault[] = [
  {
    name: 'clock-stepped',
    what: `clock of a proxy ${STEP} s ahead, 5 s later ${STEP} s behind, 5 s later right`,
    promise: 'none lost',
    skew: STEP * 1000,
    prepare: async (world) => {
      setsClock(world, '+0');
      const library = libraries.find((path) => existsSync(path));
      if (library === undefined) throw new Error('no faketime is installed');
      await restarts(world, {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: join(world.folder, 'clock'),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      });
    },
    inflict: async (world) => {
      setsClock(world, `+${STEP}`);
      await sleep(5000);
      setsClock(world, `-${STEP}`);
    },
    lasts: 5000,
    heal: async (world) => {
      setsClock(world, '+0');
      await sleep(1000);
    },
    complaint: async (world) => {
      await restarts(world, {});
      return undefined;
    },
  },
  {
    name: 'cpu-hog',
    what: 'four programs take all of the processors for 10 s',
    promise: 'none lost',
    inflict: async () => {
      hogs = Array.from({ length: 4 }, () => spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
    },
    lasts: 10_000,
    heal: async () => {
      for (const hog of hogs) hog.kill('SIGKILL');
    },
  },
  {
    name: 'names-gone',
    what: 'DNS server of the proxies gone for 10 s',
    promise: 'none lost: addresses stay known',
    inflict: (world) => world.losesNames(),
    lasts: 10_000,
    heal: (world) => world.findsNames(),
  },
  {
    name: 'certificate-renewed',
    what: 'certificate of the proxies renewed',
    promise: 'none lost; connections stay, new ones get the new one',
    prepare: async (world) => {
      clients = await TlsClients.connect(world, 20);
    },
    inflict: (world) => world.renewsCertificate(),
    lasts: 5000,
    heal: async () => undefined,
    complaint: async () => clients?.complaint(),
  },
];
