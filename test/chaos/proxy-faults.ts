import type { Fault } from './fault.ts';

/** What a phone waits for a silent proxy before it takes the next one, ms, and a little. */
const PATIENCE = 1500;

const victim = 'dc1/0';

export const proxyFaults: readonly Fault[] = [
  {
    name: 'proxy-killed',
    what: 'proxy killed (kill -9)',
    promise: 'none lost: phones take the next proxy',
    bound: PATIENCE,
    inflict: (world) => world.proxy(victim).kill(),
    lasts: 5000,
    heal: (world) => world.comesBack(victim),
  },
  {
    name: 'proxy-paused',
    what: 'proxy paused (SIGSTOP) for 15 s',
    promise: 'none lost: phones take the next proxy',
    bound: PATIENCE,
    inflict: async (world) => world.proxy(victim).pause(),
    lasts: 15_000,
    heal: async (world) => {
      world.proxy(victim).resume();
      await world.proxy(victim).isReady();
    },
  },
  {
    name: 'proxy-drained',
    what: 'proxy ended by SIGTERM and started again, as in a roll',
    promise: 'none lost',
    bound: 0,
    inflict: (world) => world.drains(victim),
    lasts: 1000,
    heal: (world) => world.comesBack(victim),
  },
];
