import type { Fault } from './fault.ts';

const victim = 'dc1/0';
const another = 'none lost but set-ups under way in it: phones take the next proxy';

export const proxyFaults: readonly Fault[] = [
  {
    name: 'proxy-killed',
    what: 'proxy killed (kill -9)',
    promise: another,
    bound: 0,
    inflict: (world) => world.proxy(victim).kill(),
    lasts: 5000,
    heal: (world) => world.comesBack(victim),
  },
  {
    name: 'proxy-paused',
    what: 'proxy paused (SIGSTOP) for 15 s',
    promise: another,
    bound: 0,
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
    inflict: (world) => world.drains(victim),
    lasts: 1000,
    heal: (world) => world.comesBack(victim),
  },
];
