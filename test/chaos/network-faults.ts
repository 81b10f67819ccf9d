import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';
import { addressesOf, etcdMembers, movers, pairs, phones, proxies, type Place } from './places.ts';
import type { World } from './world.ts';

/** How long a link is bad, ms. */
const LASTS = 10_000;
const victim = 'dc1/0';
const addresses = (places: readonly Place[]): string[] => places.map(({ address }) => address);
const named = (name: string): string[] => addresses(proxies.filter((place) => place.name === name));
const primary = addresses(pairs.filter(({ name }) => name === 'dc1-ss1').map((pair) => pair.primary));
const phonesHere = addresses([...phones, ...movers].filter(({ dataCentre }) => dataCentre === 'dc1'));
const etcdHere = addresses(etcdMembers.filter(({ dataCentre }) => dataCentre === 'dc1'));

type Link = Pick<Fault, 'name' | 'what' | 'promise' | 'bound' | 'parts'> & {
  /** What is dropped, by addresses: from and to. */
  drops(world: World): Promise<readonly (readonly [readonly string[], readonly string[]])[]>;
};

async function leaderAndOthers(world: World): Promise<readonly [string[], string[]]> {
  const leader = await world.etcd('dc1').leader();
  const here = etcdMembers.filter(({ dataCentre }) => dataCentre === 'dc1');
  return [addresses(here.filter(({ name }) => name === leader)), addresses(here.filter(({ name }) => name !== leader))];
}

const bothWays = (a: readonly string[], b: readonly string[]): [readonly string[], readonly string[]][] => [
  [a, b],
  [b, a],
];

const known = 'none lost: what is known stays known, what is new is written later';
const another = 'new calls take another pair after interval + timeout + 0.5 s';
const meanwhile = 'no call that is up; set-ups that need the link, while it is bad';

const links: readonly Link[] = [
  {
    name: 'link-cut',
    what: 'the link between the data centres cut for 10 s',
    promise: 'none lost inside a data centre',
    parts: true,
    drops: async () => bothWays(addressesOf('dc1'), addressesOf('dc2')),
  },
  {
    name: 'link-one-way',
    what: 'what one data centre sends to the other is dropped for 10 s, not what comes back',
    promise: 'none lost inside a data centre',
    parts: true,
    drops: async () => [[addressesOf('dc1'), addressesOf('dc2')]],
  },
  {
    name: 'one-way',
    what: 'what one proxy sends to one primary is dropped for 10 s, not what comes back',
    promise: another,
    bound: 3500,
    drops: async () => [[named(victim), primary]],
  },
  {
    name: 'server-one-way',
    what: 'what one primary sends to one proxy is dropped for 10 s, not what comes back',
    promise: another,
    bound: 3500,
    drops: async () => [[primary, named(victim)]],
  },
  {
    name: 'server-cut',
    what: 'one proxy and one primary cut off from each other for 10 s',
    promise: another,
    bound: 3500,
    drops: async () => bothWays(named(victim), primary),
  },
  {
    name: 'proxies-cut',
    what: 'two proxies of a data centre cut off from each other for 10 s',
    promise: 'none lost: phones are reached another way',
    drops: async () => bothWays(named(victim), named('dc1/1')),
  },
  {
    name: 'proxies-one-way',
    what: 'what one proxy sends to another one is dropped for 10 s, not what comes back',
    promise: 'none lost: phones are reached another way',
    drops: async () => [[named(victim), named('dc1/1')]],
  },
  {
    name: 'phones-cut',
    what: 'one proxy and all phones of its data centre cut off from each other for 10 s',
    promise: meanwhile,
    bound: LASTS,
    drops: async () => bothWays(named(victim), phonesHere),
  },
  {
    name: 'phones-one-way',
    what: 'what one proxy sends to the phones of its data centre is dropped for 10 s, not what comes back',
    promise: meanwhile,
    bound: LASTS,
    drops: async () => [[named(victim), phonesHere]],
  },
  {
    name: 'etcd-cut',
    what: 'one proxy cut off from its data centre’s etcd for 10 s',
    promise: known,
    drops: async () => bothWays(named(victim), etcdHere),
  },
  {
    name: 'etcd-one-way',
    what: 'what a data centre’s etcd sends to one proxy is dropped for 10 s, not what comes back',
    promise: known,
    drops: async () => [[etcdHere, named(victim)]],
  },
  {
    name: 'members-cut',
    what: 'leader of a data centre’s etcd cut off from its other members for 10 s, not from proxies',
    promise: known,
    drops: async (world) => bothWays(...(await leaderAndOthers(world))),
  },
  {
    name: 'members-one-way',
    what: 'what the leader of a data centre’s etcd sends to its other members is dropped for 10 s, not what comes back',
    promise: known,
    drops: async (world) => [await leaderAndOthers(world)],
  },
];

/** Links that bring nothing, both ways or one way, between any two kinds of hosts that talk with each other. */
export const networkFaults: readonly Fault[] = links.map(({ drops, ...fault }) => ({
  ...fault,
  inflict: async (world) => {
    for (const [from, to] of await drops(world)) world.network.drop(from, to);
  },
  lasts: LASTS,
  heal: async (world) => {
    world.network.mend();
    await sleep(1000);
  },
}));
