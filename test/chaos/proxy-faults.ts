import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { addressesOf, pairs, proxies } from './places.ts';

/** What a phone waits for a silent proxy before it takes the next one, ms, and a little. */
const PATIENCE = 1500;

const victim = 'dc1/0';
const addressOf = (name: string): string => proxies.find((place) => place.name === name)?.address ?? '';

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
  {
    name: 'link-cut',
    what: 'the link between the data centres cut for 10 s',
    promise: 'none lost inside a data centre',
    bound: 0,
    parts: true,
    inflict: async (world) => world.network.cut(addressesOf('dc1'), addressesOf('dc2')),
    lasts: 10_000,
    heal: async (world) => {
      world.network.mend();
      await sleep(1000);
    },
  },
  {
    name: 'one-way',
    what: 'what one proxy sends to one primary is dropped for 10 s, not what comes back',
    promise: 'new calls take another pair after interval + timeout + 0.5 s',
    bound: 3500,
    inflict: async (world) => {
      const primary = pairs.find(({ name }) => name === 'dc1-ss1')?.primary.address ?? '';
      world.network.drop([addressOf(victim)], [primary]);
    },
    lasts: 10_000,
    heal: async (world) => world.network.mend(),
  },
];
