/**
 * What it does to a store when very many bindings expire together: node test/scale/expiry.ts COUNT PROXIES. They are
 * written by so many proxies with one expiry; while etcd ends their leases, one more goes on writing and one watches.
 * What the machine and its disk do to writes is seen at a second etcd, in which nothing expires. Exits 1 if a write waits
 * longer than the bound, and none there does, or if the watch breaks.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { encodeBinding } from '../../proxy/store/codec.ts';
import { EtcdStore } from '../../proxy/store/etcd.ts';
import { bindingKey } from '../../proxy/store/keys.ts';
import type { StoreFollower } from '../../proxy/store/store.ts';
import { Etcd } from '../peers/etcd.ts';
import { phone, PREFIX } from './phones.ts';

const [COUNT, PROXIES] = [500_000, 5].map((usual, i) => Number(process.argv[2 + i] ?? usual)) as [number, number];
/** No write may wait longer, ms. */
const BOUND = 50;
/** How many of a proxy's writes are on their way at once, and how often one is made while the leases end, ms. */
const [AT_ONCE, EVERY] = [1024, 10];
/** How long it may take to write them, and what comes before they expire besides, ms. */
const TIME = 20_000 + COUNT / 8;
/** The leases end a minute after the last expiry in them: by clocks that are so far ahead they do soon, ms. */
const AHEAD = 60_000;

const log = pino({ level: 'warn' }, pino.destination(2));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Counts what goes, and how often it was out of touch. */
class Watcher implements StoreFollower {
  held = 0;
  listings = 0;
  breaks = 0;
  isLoaded = false;

  listing(): void {
    this.listings++;
  }
  put(key: string): void {
    if (key.startsWith('binding/')) this.held++;
  }
  remove(): void {
    this.held--;
  }
  loaded(): void {
    this.isLoaded = true;
  }
  available(available: boolean): void {
    if (!available) this.breaks++;
  }
}

const etcd = await Etcd.start(['--quota-backend-bytes', String(8 * 2 ** 30)]);
const calm = await Etcd.start();
const open = (ahead: number, { endpoint } = etcd): EtcdStore =>
  new EtcdStore({
    geoLocation: 'dc1',
    endpoints: [endpoint],
    prefix: PREFIX,
    log,
    now: () => Date.now() + ahead,
    times: { write: 120_000 },
  });

/** How long writes take until `end`, ms. */
async function writes(store: EtcdStore, end: () => boolean): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; !end(); n++) {
    const start = performance.now();
    await store.put(`call/probe/${n % 100}`, String(n));
    took.push(performance.now() - start);
    await pause(EVERY);
  }
  return took.toSorted((a, b) => a - b);
}

function tell(what: string, took: readonly number[]): number {
  const p = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0;
  const figures = [0.5, 0.99, 0.999].map((share) => `p${share * 100} ${p(share).toFixed(1)}`).join(', ');
  say(`${what}: ${took.length} writes, ${figures}, at the most ${p(1).toFixed(1)} ms`);
  return p(1);
}

const stores = Array.from({ length: PROXIES }, () => open(AHEAD));
const [writer, control, follower] = [open(0), open(0, calm), open(0)];
const watcher = new Watcher();
let failed = true;
try {
  follower.follow(watcher);
  const expires = Date.now() + TIME;
  let next = 0;
  const fill = async (store: EtcdStore): Promise<void> => {
    for (let i = next++; i < COUNT; i = next++) {
      const binding = phone(i, expires);
      await store.put(bindingKey(binding), encodeBinding(binding), { expires });
    }
  };
  await Promise.all(stores.flatMap((store) => Array.from({ length: AT_ONCE }, () => fill(store))));
  if (Date.now() > expires) throw new Error('the machine is too slow: they expire while they are written');
  say(
    `${COUNT} bindings of ${PROXIES} proxies, written ${((expires - Date.now()) / 1000).toFixed(0)} s before they expire`,
  );

  while (watcher.held < COUNT) await pause(10);
  const quiet = performance.now() + 10_000;
  tell('before', await writes(writer, () => performance.now() > quiet));
  say('they go as their leases end, those of a proxy a second apart');
  await writes(writer, () => watcher.held < COUNT);
  const begin = performance.now();
  const gone = (): boolean => watcher.held <= 0;
  const progress = setInterval(() => {
    say(`${watcher.held} of ${COUNT} are left after ${((performance.now() - begin) / 1000).toFixed(0)} s`);
  }, 60_000).unref();
  const [took, beside] = await Promise.all([writes(writer, gone), writes(control, gone)]);
  clearInterval(progress);
  const longest = tell('while they go', took);
  const usual = tell('at an etcd beside it', beside);
  const seconds = (performance.now() - begin) / 1000;
  say(`all were gone after ${seconds.toFixed(0)} s; the watch broke ${watcher.breaks} times`);
  const isOver = longest > BOUND && usual <= BOUND;
  failed = isOver || watcher.breaks > 0 || watcher.listings !== 1;
  if (longest > BOUND && !isOver) say(`not judged: the machine keeps writes for more than ${BOUND} ms by itself`);
  else say(failed ? `OVER: no write may wait ${BOUND} ms, and no watch break` : `within ${BOUND} ms`);
} finally {
  await Promise.allSettled([...stores, writer, control, follower].map((store) => store.close()));
  await Promise.all([etcd.stop(), calm.stop()]);
}
process.exitCode = failed ? 1 : 0;
