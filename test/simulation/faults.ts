import type { MemberRole } from '../../proxy/store/records.ts';
import { FaultLog, type Fault } from './fault-log.ts';
import type { LinkFault } from './network.ts';
import type { Random } from './random.ts';
import type { World } from './world.ts';

/** `lasts`: how long, ms; `end`: when all faults are over. */
type Injection = (world: World, lasts: number, end: number) => void;

/** In one world of so many nothing but etcds fail: there it shows what calls have to do with them. */
const STORES_ONLY = 16;

/** Begins faults by chance until `end`; each ends by itself. */
export function injectFaults(world: World, end: number): void {
  const { options, random } = world;
  const only = options.only ?? options.mutation?.faults ?? (options.seed % STORES_ONLY === 5 ? storeKinds : undefined);
  /** Some worlds are calm, some stormy: ms between one fault and the next, by chance around this. */
  const every = random.pick([2500, 5000, 5000, 10_000]);
  inject(world, kinds, { end, every, random, only });
  if (only !== undefined || world.isRare)
    inject(world, rareKinds, { end, every: 2 * every, random: world.rareRandom, only });
}

function inject(
  world: World,
  kindsOf: Readonly<Record<string, Injection>>,
  when: { end: number; every: number; random: Random; only: readonly string[] | undefined },
): void {
  const { clock } = world;
  const { end, every, random, only } = when;
  const names = Object.keys(kindsOf).filter((name) => only === undefined || only.includes(name));
  if (names.length === 0) return;
  const next = (): void => {
    if (clock.now >= end) return;
    const kind = random.pick(names);
    // not past the end: then all is healed
    const lasts = Math.min(Math.exp(random.between(Math.log(800), Math.log(35_000))), end - clock.now);
    kindsOf[kind]?.(world, lasts, end);
    clock.after(every * random.between(0.2, 1.8), next);
  };
  clock.after(every, next);
}

function during(world: World, fault: Fault, lasts: number, end: () => void): void {
  world.trace.note(
    undefined,
    `fault: ${fault.what} ${[...fault.hosts, ...(fault.between ?? [])].join(' ')} for ${Math.round(lasts)} ms`,
  );
  world.clock.after(lasts, () => {
    end();
    fault.to = world.clock.now;
    world.trace.note(undefined, `healed: ${fault.what} ${[...fault.hosts, ...(fault.between ?? [])].join(' ')}`);
  });
}

/** Two places: hosts or sites. */
function twoPlaces(world: World): [string, string] {
  const { random } = world;
  if (world.sites.length > 1 && random.chance(0.4)) {
    const a = random.pick(world.sites);
    return [a, random.pick(world.sites.filter((site) => site !== a))];
  }
  const a = random.pick(world.proxies).host.address;
  const others = [...world.network.hosts.values()].filter((host) => host.address !== a);
  return [a, random.pick(others).address];
}

function link(world: World, lasts: number, what: string, how: Omit<LinkFault, 'from' | 'to'>, bothWays: boolean): void {
  const [a, b] = twoPlaces(world);
  const { network } = world;
  const faults: LinkFault[] = [{ from: a, to: b, ...how }, ...(bothWays ? [{ from: b, to: a, ...how }] : [])];
  network.faults = [...network.faults, ...faults];
  // no call may fail of what is only doubled or out of order: that is noted apart
  const log = how.loss === 0 && how.delay === 0 ? new FaultLog() : world.faults;
  during(world, log.between(what, world.clock.now, a, b), lasts, () => {
    network.faults = network.faults.filter((fault) => !faults.includes(fault));
  });
}

const none = { loss: 0, duplicate: 0, delay: 0, jitter: 0 };

/** All that can be done to the world. */
const kinds: Readonly<Record<string, Injection>> = {
  loss: (world, lasts) =>
    link(world, lasts, 'loss', { ...none, loss: world.random.between(0.05, 0.5) }, world.random.chance(0.5)),
  duplication: (world, lasts) =>
    link(world, lasts, 'duplication', { ...none, duplicate: world.random.between(0.1, 0.6) }, true),
  reordering: (world, lasts) =>
    link(world, lasts, 'reordering', { ...none, jitter: world.random.between(20, 400) }, true),
  delay: (world, lasts) =>
    link(world, lasts, 'delay', { ...none, delay: world.random.between(50, 900) }, world.random.chance(0.7)),
  partition: (world, lasts) => link(world, lasts, 'partition', { ...none, loss: 1 }, true),
  oneWay: (world, lasts) => link(world, lasts, 'one-way partition', { ...none, loss: 1 }, false),

  proxyKilled(world, lasts) {
    const running = world.proxies.filter((proxy) => proxy.process !== undefined && !proxy.host.paused);
    if (running.length < 2) return;
    const proxy = world.random.pick(running);
    const silent = world.random.chance(0.5);
    proxy.kill();
    proxy.host.powered = !silent;
    during(world, world.faults.at(silent ? 'power off' : 'killed', world.clock.now, [proxy.host]), lasts, () => {
      proxy.host.powered = true;
      proxy.start();
    });
  },
  proxyRestarted(world) {
    const running = world.proxies.filter((proxy) => proxy.process !== undefined && !proxy.host.paused);
    if (running.length < 2) return;
    const proxy = world.random.pick(running);
    const fault = world.faults.at('restart in order', world.clock.now, [proxy.host]);
    world.trace.note(proxy.host, 'restart in order');
    const begun = (): void => {
      proxy.start();
      fault.to = world.clock.now;
    };
    proxy.stop().then(begun, (error: unknown) => world.violation('Threw', String(error)));
  },
  /** A rolling upgrade: one proxy after the other, each when the one before is ready, as a Deployment does it. */
  proxiesRolled(world, _lasts, end) {
    const fault = world.faults.at(
      'rolling restart',
      world.clock.now,
      world.proxies.map(({ host }) => host),
    );
    const roll = async (): Promise<void> => {
      for (const proxy of world.proxies) {
        if (proxy.process === undefined || proxy.host.paused || world.clock.now >= end) continue;
        await proxy.stop();
        proxy.start();
        do await new Promise<void>((resolve) => void world.clock.after(world.random.between(500, 4000), resolve));
        while (proxy.process?.state === 'Starting');
      }
      fault.to = world.clock.now;
    };
    world.trace.note(undefined, 'rolling restart');
    roll().catch((error: unknown) => world.violation('Threw', String(error)));
  },
  proxyPaused(world, lasts) {
    const proxy = world.random.pick(world.proxies);
    if (proxy.process === undefined || proxy.host.paused) return;
    proxy.host.pause();
    during(world, world.faults.at('paused', world.clock.now, [proxy.host]), lasts, () => proxy.host.resume());
  },
  clockSet(world, lasts) {
    const proxy = world.random.pick(world.proxies);
    if (proxy.clockOffset !== proxy.skew) return;
    proxy.setClock(world.random.between(-world.options.clockStep, world.options.clockStep));
    during(
      world,
      world.faults.at(`clock set by ${Math.round(proxy.clockOffset)} ms`, world.clock.now, [proxy.host]),
      lasts,
      () => proxy.setClock(0),
    );
  },

  memberKilled(world, lasts) {
    const pair = world.random.pick(world.pairs);
    const role: MemberRole = world.random.chance(0.7) ? (pair.serving[0]?.role ?? 'primary') : 'backup';
    const member = pair.members.get(role);
    if (member === undefined || member.closed || member.host.paused) return;
    const fault = world.faults.at('member killed', world.clock.now, Object.values(pair.hosts));
    pair.kill(role, world.random.chance(0.5));
    during(world, fault, lasts, () => pair.restart(role));
  },
  memberPaused(world, lasts) {
    const pair = world.random.pick(world.pairs);
    const member = pair.serving[0];
    if (member === undefined) return;
    const fault = world.faults.at('member paused', world.clock.now, Object.values(pair.hosts));
    pair.pause(member.role);
    during(world, fault, lasts, () => {
      if (member.host.paused) pair.resume(member.role);
    });
  },
  dualPrimary(world) {
    const pair = world.random.pick(world.pairs);
    const fault = world.faults.at('dual primary', world.clock.now, Object.values(pair.hosts));
    world.trace.note(undefined, `dual primary of ${pair.name}`);
    pair.split();
    world.clock.after(8500, () => void (fault.to = world.clock.now));
  },

  storeStopped(world, lasts) {
    const etcd = world.random.pick(world.etcds);
    if (!etcd.running) return;
    etcd.stop();
    during(world, world.faults.at('store stopped', world.clock.now, [etcd.host]), lasts, () => etcd.start());
  },
  storeSlow(world, lasts) {
    const etcd = world.random.pick(world.etcds);
    etcd.slow = world.random.between(100, 4000);
    during(world, world.faults.at('store slow', world.clock.now, [etcd.host]), lasts, () => void (etcd.slow = 0));
  },
  storeLost(world, lasts) {
    const etcd = world.random.pick(world.etcds);
    if (!etcd.running) return;
    etcd.stop();
    during(world, world.faults.at('store lost', world.clock.now, [etcd.host]), lasts, () => {
      etcd.lose(world.random.chance(0.5));
      etcd.start();
    });
  },
  /** One proxy loses touch with a store, which forgets its history meanwhile. */
  storeCut(world, lasts) {
    const { random, network, clock } = world;
    const etcd = random.pick(world.etcds);
    const a = random.pick(world.proxies).host.address;
    const b = etcd.host.address;
    const cut: LinkFault[] = [
      { ...none, from: a, to: b, loss: 1 },
      { ...none, from: b, to: a, loss: 1 },
    ];
    network.faults = [...network.faults, ...cut];
    if (random.chance(0.6)) clock.after(lasts * 0.8, () => etcd.compact());
    during(world, world.faults.between('cut from a store', clock.now, a, b), lasts, () => {
      network.faults = network.faults.filter((fault) => !cut.includes(fault));
    });
  },
  phonePaused(world, lasts) {
    const { host } = world.random.pick(world.phones);
    if (host.paused) return;
    host.pause();
    during(world, world.faults.at('phone paused', world.clock.now, [host]), lasts, () => host.resume());
  },
  /** Taken live, and no fault: no call may fail of it. */
  configurationChanged(world) {
    const interval = world.random.pick([3000, 4000, world.oosCheck.interval]);
    world.trace.note(undefined, `oosCheck.interval becomes ${interval} ms`);
    for (const { process, host } of world.proxies) {
      world.clock.after(world.random.between(0, 2000), () =>
        host.happens(() => void (process?.alive === true && process.reconfigure({ ...world.oosCheck, interval }))),
      );
    }
  },
  phoneRebooted(world) {
    const phone = world.random.pick(world.phones);
    if (!phone.wanted) return;
    world.trace.note(phone.host, 'rebooted');
    phone.reboot();
  },
};

const rareKinds: Readonly<Record<string, Injection>> = {
  /** All members stopped (SIGSTOP) or behind a dead switch: connections stay, and nothing is said. */
  storeHung(world, lasts) {
    const { network, clock, sites, rareRandom } = world;
    const etcd = rareRandom.pick(world.etcds);
    if (etcd.host.paused) return;
    const { address } = etcd.host;
    const silence = sites.flatMap((site): LinkFault[] => [
      { ...none, from: site, to: address, loss: 1 },
      { ...none, from: address, to: site, loss: 1 },
    ]);
    network.faults = [...network.faults, ...silence];
    etcd.host.pause();
    during(world, world.faults.at('store hung', clock.now, [etcd.host]), lasts, () => {
      network.faults = network.faults.filter((fault) => !silence.includes(fault));
      etcd.host.resume();
    });
  },
  /** Restored as disk snapshots restore it: the same cluster, as it was. */
  storeSetBack(world, lasts) {
    const etcd = world.rareRandom.pick(world.etcds);
    if (!etcd.running) return;
    etcd.stop();
    during(world, world.faults.at('store lost', world.clock.now, [etcd.host]), lasts, () => {
      etcd.setBack();
      etcd.start();
      world.trace.note(etcd.host, 'set back');
    });
  },
  sbcPaused(world, lasts) {
    const { host } = world.sbc;
    if (host.paused) return;
    host.pause();
    during(world, world.faults.at('SBC paused', world.clock.now, [host]), lasts, () => host.resume());
  },
  sbcPowerOff(world, lasts) {
    const { host } = world.sbc;
    if (!host.powered) return;
    host.powered = false;
    during(
      world,
      world.faults.at('SBC without power', world.clock.now, [host]),
      lasts,
      () => void (host.powered = true),
    );
  },
};

const storeKinds: readonly string[] = [
  'storeStopped',
  'storeSlow',
  'storeHung',
  'storeLost',
  'storeSetBack',
  'storeCut',
];

/** By name, as `--only` takes them. */
export const faultKinds: readonly string[] = [...Object.keys(kinds), ...Object.keys(rareKinds)];
