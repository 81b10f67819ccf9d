/**
 * Ten million phones and a hundred proxies, divided as docs/scaling.md says: `make divided`, or node --expose-gc
 * test/scale/divided.ts DNS PHONES PROXIES DATA-CENTRES. DNs share nothing, so they come one after the other: no one machine holds
 * them all. Network and etcds are the simulation's, on virtual time; the proxies' replicas hold every binding. With --docs
 * what came of it goes into docs/scaling.md. Exits 1 where it is not what the model takes for granted.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { encodeBinding } from '../../proxy/store/codec.ts';
import { bindingKey } from '../../proxy/store/keys.ts';
import { Replica } from '../../proxy/store/replica.ts';
import type { StoreFollower } from '../../proxy/store/store.ts';
import { proxyRecord } from '../proxy/store/records.ts';
import { Clock, EPOCH } from '../simulation/clock.ts';
import { EtcdModel } from '../simulation/etcd-model.ts';
import { Network } from '../simulation/network.ts';
import { Random } from '../simulation/random.ts';
import { EtcdClientModel } from '../simulation/store-model.ts';
import { phone } from './phones.ts';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: { docs: { type: 'boolean', default: false } },
});
const USUAL = [10, 1_000_000, 10, 2];
/** How many there are; of phones and proxies in each DN, of proxies as many in each data centre. */
const [DNS = 0, PHONES = 0, PROXIES = 0, SITES = 0] = USUAL.map((usual, i) => Number(positionals[i] ?? usual));
const CENTRES = Array.from({ length: SITES }, (_, i) => `dc${i + 1}`);
/** Each phone refreshes so often, s; for how long they do so here, and what the last of it may take to be everywhere, ms. */
const [REFRESH, WINDOW, SETTLED] = [1800, 10_000, 1000];
/** What comes up and sweeps through its bindings has done so by then, ms. */
const LOADED = 20_000;
/** Whoever comes next is far from whoever came before. */
const STRIDE = 7919;
/** As proxies have them that have much to do (proxy/ticker.ts, proxy/main.ts), ms. */
const [TICK, HOUSEKEEPING] = [10, 1000];
/** Promises that wait for one another have all had their turn after so many. */
const TURNS = 10;
const PAGE = 'docs/scaling.md';

const log = pino({ level: 'silent' });
const settled = Promise.resolve();

/** One DN. */
interface Shard {
  readonly clock: Clock;
  readonly proxies: Proxy[];
  /** Bindings written to the etcds since the proxies began. */
  written: number;
}

interface Proxy {
  readonly replica: Replica;
  /** News of bindings that it has taken in since it had loaded its stores. */
  news: number;
}

interface Outcome {
  readonly registers: number;
  readonly written: number;
  /** The least and the most that a proxy took in. */
  readonly news: readonly [number, number];
  /** Bytes of a proxy for its bindings. */
  readonly bytes: number;
  /** Proxies that know all phones, and answers that are not of the last REGISTER. */
  readonly whole: number;
  readonly outdated: number;
}

function shardOf(seed: number): Shard {
  const clock = new Clock();
  const network = new Network(clock, new Random(seed));
  const etcds = CENTRES.map(
    (name, dc) => new EtcdModel(name, network.add(`etcd-${name}`, `10.${dc + 1}.9.1`, name), network),
  );
  for (let i = 0; i < PHONES; i++) {
    const binding = phone(i, EPOCH);
    const lease = { endsAt: binding.expires + 60_000 };
    const { held, revision } = homeOf(i, etcds);
    held.set(bindingKey(binding), { value: encodeBinding(binding), revision, lease });
  }
  const shard: Shard = { clock, proxies: [], written: 0 };
  for (const etcd of etcds) {
    const commit = etcd.commit.bind(etcd);
    etcd.commit = (key, ...rest) => {
      if (key.startsWith('binding/')) shard.written++;
      commit(key, ...rest);
    };
  }
  for (let i = 0; i < PROXIES; i++) {
    const own = homeOf(i, etcds);
    const name = `${own.geoLocation}-${Math.floor(i / CENTRES.length)}`;
    const host = network.add(name, `10.0.0.${i + 1}`, own.geoLocation);
    const now = (): number => clock.now;
    const stores = [own, ...etcds.filter((etcd) => etcd !== own)].map((etcd) => new EtcdClientModel(etcd, host, now));
    const proxy: Proxy = { replica: replicaOf(name, stores, now), news: 0 };
    for (const store of stores) count(store, proxy);
    proxy.replica.onReady(() =>
      proxy.replica.publishProxy(proxyRecord(name, { geoLocation: own.geoLocation, boot: 'b1' })),
    );
    proxy.replica.start();
    clock.every(TICK, () => proxy.replica.tick(clock.now));
    clock.every(HOUSEKEEPING, () => proxy.replica.expire(clock.now));
    shard.proxies.push(proxy);
  }
  return shard;
}

/** Phones and proxies are in the data centres in turn. */
function homeOf<T>(i: number, all: readonly T[]): T {
  const home = all[i % CENTRES.length];
  if (home === undefined) throw new RangeError('there is no data centre');
  return home;
}

function replicaOf(proxy: string, [own, ...others]: readonly EtcdClientModel[], now: () => number): Replica {
  if (own === undefined) throw new Error('a proxy needs a store');
  return new Replica({ proxy, boot: 'b1', own, others, now, log });
}

/** Has a proxy's news counted. */
function count(store: EtcdClientModel, proxy: Proxy): void {
  const follow = store.follow.bind(store);
  store.follow = (follower: StoreFollower) => {
    let isLoaded = false;
    follow({
      listing: (restored, keys) => follower.listing(restored, keys),
      put: (key, value) => {
        if (isLoaded && key.startsWith('binding/')) proxy.news++;
        follower.put(key, value);
      },
      remove: (key) => follower.remove(key),
      loaded: () => {
        isLoaded = true;
        follower.loaded();
      },
      available: (available, reason) => follower.available(available, reason),
    });
  };
}

/** To this time, ms since the beginning. */
async function until(clock: Clock, ms: number): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await settled;
  while (clock.step(EPOCH + ms)) for (let turn = 0; turn < TURNS; turn++) await settled;
}

async function run(seed: number): Promise<Outcome> {
  // of the DN before nothing is left
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  const shard = shardOf(seed);
  const { clock, proxies } = shard;
  await until(clock, LOADED);
  const bytes = (process.memoryUsage().arrayBuffers - before) / PROXIES;
  const ready = proxies.filter(({ replica }) => replica.ready && replica.complete);
  if (ready.length < PROXIES) throw new Error(`${ready.length} of ${PROXIES} proxies are ready`);

  const registers = Math.round((PHONES / REFRESH) * (WINDOW / 1000));
  for (let n = 0; n < registers; n++) {
    clock.at(EPOCH + LOADED + (n * WINDOW) / registers, () => {
      const i = (n * STRIDE) % PHONES;
      const proxy = proxies[(i % CENTRES.length) + CENTRES.length * (n % (PROXIES / CENTRES.length))];
      if (proxy === undefined) throw new RangeError('there is no proxy');
      const known = phone(i, EPOCH);
      const stamp = proxy.replica.stamp(known.aor, known.id, known.stamp.callId, 2, clock.now);
      proxy.replica.save({ ...known, expires: clock.now + 3_600_000, stamp });
    });
  }
  await until(clock, LOADED + WINDOW + SETTLED);
  const news = proxies.map((proxy) => proxy.news);
  let outdated = 0;
  for (const { replica } of proxies) {
    for (let n = 0; n < registers; n++) {
      const { aor, id } = phone((n * STRIDE) % PHONES, EPOCH);
      if (replica.binding(aor, id)?.stamp.cseq !== 2) outdated++;
    }
  }
  const whole = proxies.filter(({ replica }) => replica.counts(clock.now).bindings === PHONES).length;
  const { written } = shard;
  return { registers, written, news: [Math.min(...news), Math.max(...news)], bytes, whole, outdated };
}

const number = (value: number): string => Math.round(value).toLocaleString('en');
const outcomes: Outcome[] = [];
for (let dn = 1; dn <= DNS; dn++) {
  const outcome = await run(dn);
  outcomes.push(outcome);
  process.stderr.write(`DN ${dn}: ${JSON.stringify(outcome)}\n`);
}
const sum = (of: (outcome: Outcome) => number): number => outcomes.reduce((total, outcome) => total + of(outcome), 0);
const [whole, registers, written, outdated] = [
  sum((outcome) => outcome.whole),
  sum((outcome) => outcome.registers),
  sum((outcome) => outcome.written),
  sum((outcome) => outcome.outdated),
];
const news = [
  Math.min(...outcomes.map((one) => one.news[0])),
  Math.max(...outcomes.map((one) => one.news[1])),
] as const;
const bytes = sum((outcome) => outcome.bytes) / DNS;
const text =
  `${DNS} DNs of ${number(PHONES)} phones, each with ${CENTRES.length === 1 ? 'one data centre' : `${CENTRES.length} data centres`} of ${PROXIES / CENTRES.length} proxies: ` +
  `${number(DNS * PHONES)} registrations and ${DNS * PROXIES} proxies, of which ${whole} held all of their DN, in ` +
  `${number(bytes / 2 ** 20)} MiB each. ${number(registers)} REGISTERs in ${WINDOW / 1000} s were ${number(written)} writes; each proxy took in ` +
  `${news[0] === news[1] ? number(news[0]) : `${number(news[0])} to ${number(news[1])}`} changes, those of its own DN, and ` +
  `${SETTLED / 1000} s after the last one ${outdated === 0 ? 'all' : `all but ${outdated}`} were everywhere.`;
console.log(text);
if (args.docs) {
  const before = readFileSync(PAGE, 'utf8');
  const marked = `<!-- divided -->\n\n${text}\n\n<!-- /divided -->`;
  writeFileSync(
    PAGE,
    before.replace(/<!-- divided -->[^]*<!-- \/divided -->/, () => marked),
  );
}
const each = registers / DNS;
if (whole < DNS * PROXIES || written !== registers || outdated > 0 || news[0] !== each || news[1] !== each)
  process.exitCode = 1;
