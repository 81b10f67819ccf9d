/**
 * Three data centres of three proxies each, with registrations in all; then one of them is cut off for long, while phones
 * register, refresh and leave on both sides: `make partition`, or node test/scale/partition.ts COUNT SECONDS RATE.
 * Exits 1 unless all proxies are equal within ten seconds of its return and nothing that was removed comes back.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import type { RegistrationView } from '../../proxy/status.ts';
import { encodeBinding } from '../../proxy/store/codec.ts';
import { EtcdStore } from '../../proxy/store/etcd.ts';
import { bindingKey } from '../../proxy/store/keys.ts';
import type { Binding } from '../../proxy/store/records.ts';
import { Etcd } from '../peers/etcd.ts';
import { ownAddress } from '../peers/loopback.ts';
import { Relay } from '../peers/relay.ts';
import { PhoneLine } from './phone-line.ts';
import { PREFIX } from './phones.ts';
import { RealProxy } from './real-proxy.ts';
import { Registrar } from './registrar.ts';

/** Changes a second at each data centre: three times 18 are what 100,000 phones make that refresh every half an hour. */
const [COUNT, SECONDS, RATE] = [100_000, 600, 18].map((usual, i) => Number(process.argv[2 + i] ?? usual)) as [
  number,
  number,
  number,
];
const DATA_CENTRES = ['dc1', 'dc2', 'dc3'] as const;
const PROXIES = 3;
/** Bindings on their way to a store while it is filled. */
const AT_ONCE = 4096;
/** All are to be equal so long after the return, ms. */
const BOUND = 10_000;
/** And nothing removed may be back so long after it, ms. */
const AFTER = 60_000;

const say = (text: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

/** A data centre, and its links to the etcds of the others. */
interface DataCentre {
  readonly name: string;
  readonly etcd: Etcd;
  readonly line: PhoneLine;
  readonly registrar: Registrar;
  readonly links: ReadonlyMap<string, Relay>;
  readonly proxies: readonly RealProxy[];
}

/** What became of a phone last. */
interface Phone {
  readonly user: string;
  readonly contact: string;
  /** Where it registered first, if that was during the partition: elsewhere nobody knows what `Contact: *` would mean. */
  readonly at: DataCentre | undefined;
  cseq: number;
  bound: boolean;
  /** A REGISTER of it is under way. */
  busy: boolean;
}

// each process that it starts ends with it
process.setMaxListeners(50);
const folder = mkdtempSync(join(tmpdir(), 'sipcluster-partition-'));
const phones: Phone[] = [];
const failures: string[] = [];
const started: DataCentre[] = [];
const counts = { registered: 0, refreshed: 0, removed: 0, removedAll: 0 };

async function build(): Promise<DataCentre[]> {
  const parts = await Promise.all(
    DATA_CENTRES.map(async (name) => ({ name, etcd: await Etcd.start(), server: ownAddress() })),
  );
  const all: DataCentre[] = [];
  for (const { name, etcd, server } of parts) {
    const links = new Map<string, Relay>();
    for (const other of parts) if (other.name !== name) links.set(other.name, await Relay.to(other.etcd.port));
    const others = [...links].map(([geoLocation, { port }]) => ({ geoLocation, endpoint: `http://127.0.0.1:${port}` }));
    const stores = [{ geoLocation: name, endpoint: etcd.endpoint }, ...others];
    const proxies = Array.from(
      { length: PROXIES },
      (_, i) =>
        new RealProxy({ name: `${name}-${i}`, address: ownAddress(), geoLocation: name, stores, server, folder }),
    );
    const registrar = await Registrar.begin(server);
    all.push({ name, etcd, links, proxies, registrar, line: await PhoneLine.begin(ownAddress()) });
    started.push(...all.slice(-1));
  }
  say(`Storing ${COUNT} phones …`);
  await Promise.all(all.map(fill));
  say(`Starting ${DATA_CENTRES.length * PROXIES} proxies …`);
  await Promise.all(all.flatMap(({ proxies }) => proxies.map((proxy) => proxy.start(120_000))));
  return all;
}

/** One REGISTER of a phone by a proxy of a data centre, chosen by `pick`. */
async function register(
  phone: Phone,
  dataCentre: DataCentre,
  pick: number,
  how: 'binds' | 'leaves' | 'leaves with all',
): Promise<void> {
  const proxy = dataCentre.proxies[pick % PROXIES];
  if (proxy === undefined) throw new Error('a data centre has no proxies');
  phone.busy = true;
  phone.cseq++;
  phone.bound = how === 'binds';
  const expires = phone.bound ? 3600 : 0;
  const registration = { user: phone.user, cseq: phone.cseq, expires, all: how === 'leaves with all' } as const;
  await dataCentre.line.registers(registration, phone.contact, proxy.options.address).catch((error: unknown) => {
    failures.push(error instanceof Error ? error.message : String(error));
  });
  phone.busy = false;
}

/** All phones as their proxies have stored them, before those start. */
async function fill({ name, etcd, line }: Omit<DataCentre, 'proxies'>): Promise<void> {
  const store = new EtcdStore({
    geoLocation: name,
    endpoints: [etcd.endpoint],
    prefix: PREFIX,
    log: pino({ level: 'warn' }, pino.destination(2)),
    now: Date.now,
    times: { write: 60_000 },
  });
  const now = Date.now();
  const writes: Promise<void>[] = [];
  for (let i = DATA_CENTRES.findIndex((one) => one === name); i < COUNT; i += DATA_CENTRES.length) {
    const user = `u${i}`;
    const contact = line.contactOf(user);
    const phone: Phone = { user, contact, at: undefined, cseq: 1, bound: true, busy: false };
    phones[i] = phone;
    const binding: Binding = {
      ...{ aor: aorOf(phone), id: contact, contact, q: 1000, transport: 'UDP' },
      ...{ sourceAddress: line.address, sourcePort: 5060, expires: now + 3_600_000 },
      stamp: { first: now, callId: `${user}@phones.example.com`, cseq: 1, commit: now },
    };
    writes.push(store.put(bindingKey(binding), encodeBinding(binding), { expires: binding.expires }));
    if (writes.length === AT_ONCE) await Promise.all(writes.splice(0));
  }
  await Promise.all(writes);
  await store.close();
}

/** One change at a data centre: most refresh, some leave, some come back, some are new and soon elsewhere. */
async function change(dataCentre: DataCentre): Promise<void> {
  const pick = Math.floor(Math.random() * 1000);
  if (pick < 200) {
    const user = `n${phones.length}`;
    const contact = dataCentre.line.contactOf(user);
    const phone = { user, contact, at: dataCentre, cseq: 0, bound: true, busy: false };
    phones.push(phone);
    counts.registered++;
    await register(phone, dataCentre, pick, 'binds');
    return;
  }
  const phone = phones[Math.floor(Math.random() * phones.length)];
  if (phone === undefined || phone.busy) return;
  if (!phone.bound || pick >= 500) {
    counts.refreshed++;
    await register(phone, dataCentre, pick, 'binds');
  } else if (pick < 350 && (phone.at === undefined || phone.at === dataCentre)) {
    counts.removedAll++;
    await register(phone, dataCentre, pick, 'leaves with all');
  } else {
    counts.removed++;
    await register(phone, dataCentre, pick, 'leaves');
  }
}

async function changes(all: readonly DataCentre[], seconds: number): Promise<void> {
  const running = new Set<Promise<void>>();
  const begin = performance.now();
  for (let n = 0; performance.now() - begin < seconds * 1000; n++) {
    await pause(Math.max(0, begin + (n * 1000) / (RATE * all.length) - performance.now()));
    const dataCentre = all[n % all.length];
    if (dataCentre === undefined) continue;
    const one = change(dataCentre).finally(() => running.delete(one));
    running.add(one);
  }
  await Promise.all(running);
}

/** A new phone at each data centre: an etcd tells in order, so who knows it knows all that was before. */
async function marks(all: readonly DataCentre[]): Promise<Phone[]> {
  return Promise.all(
    all.map(async (dataCentre) => {
      const user = `n${phones.length}`;
      const phone = {
        user,
        contact: dataCentre.line.contactOf(user),
        at: dataCentre,
        cseq: 0,
        bound: true,
        busy: false,
      };
      phones.push(phone);
      await register(phone, dataCentre, 0, 'binds');
      return phone;
    }),
  );
}

const aorOf = ({ user }: Phone): string => `${user}@sip.example.com`;

/** When every proxy knows every mark, ms after `begin`. */
async function known(all: readonly DataCentre[], marked: readonly Phone[], begin: number): Promise<number> {
  const proxies = all.flatMap((dataCentre) => dataCentre.proxies);
  let lacking = proxies.flatMap((proxy) => marked.map((phone) => ({ proxy, phone, isKnown: false })));
  for (;;) {
    // one each, in turn: what is measured must not be busy with being asked
    for (const one of lacking) one.isKnown = (await one.proxy.registrations(aorOf(one.phone))).length > 0;
    lacking = lacking.filter(({ isKnown }) => !isKnown);
    const took = performance.now() - begin;
    if (lacking.length === 0) return took;
    if (took > 6 * BOUND) return Infinity;
    await pause(100);
  }
}

/** How the proxies differ from each other and from what phones were told, in words. */
async function differences(all: readonly DataCentre[]): Promise<string[]> {
  const found: string[] = [];
  let first: Map<string, RegistrationView> | undefined;
  for (const proxy of all.flatMap((dataCentre) => dataCentre.proxies)) {
    const views = new Map((await proxy.registrations()).map((view) => [view.aor, view]));
    let [lost, back, unequal] = [0, 0, 0];
    for (const phone of phones) {
      const view = views.get(aorOf(phone));
      if (phone.bound && view?.contact !== phone.contact) lost++;
      if (!phone.bound && view !== undefined) back++;
      const other = first?.get(aorOf(phone));
      if (first !== undefined && (view?.expires !== other?.expires || view?.contact !== other?.contact)) unequal++;
    }
    first ??= views;
    if (lost + back + unequal > 0)
      found.push(`${proxy.options.name}: ${lost} lost, ${back} came back, ${unequal} differ from the first proxy's`);
  }
  return found;
}

let failed = true;
try {
  const all = await build();
  await known(all, await marks(all), performance.now());
  const before = await differences(all);
  if (before.length > 0) throw new Error(`not equal before: ${before.join('; ')}`);

  const links = all.flatMap((dataCentre) =>
    [...dataCentre.links].filter(([other]) => dataCentre.name === 'dc3' || other === 'dc3').map(([, relay]) => relay),
  );
  say(`dc3 is cut off for ${SECONDS} s; ${RATE} changes a second at each data centre`);
  for (const link of links) link.hold();
  await changes(all, SECONDS);
  say(
    `  ${counts.registered} registered anew, ${counts.refreshed} refreshed, ${counts.removed} left, ${counts.removedAll} left by Contact: *`,
  );
  const marked = await marks(all);
  for (const link of links) link.mend();
  const healed = performance.now();
  say('dc3 is back');
  const took = await known(all, marked, healed);
  say(`  every proxy has the last change of each data centre after ${(took / 1000).toFixed(1)} s`);
  const found = took > BOUND ? [`not equal within ${BOUND / 1000} s`] : [];
  found.push(...(await differences(all)));
  say(
    `  all ${phones.length} phones compared at all proxies after ${((performance.now() - healed) / 1000).toFixed(1)} s`,
  );
  await pause(Math.max(0, AFTER - (performance.now() - healed)));
  found.push(...(await differences(all)));
  say(`  and again after ${((performance.now() - healed) / 1000).toFixed(0)} s`);
  for (const one of [...found, ...new Set(failures)]) say(`  ${one}`);
  failed = found.length > 0 || failures.length > 0;
  say(failed ? 'Not equal, or not all registered.' : 'All proxies are equal, and nothing that was removed came back.');
} finally {
  for (const { proxies, links, line, registrar, etcd } of started) {
    await Promise.all(proxies.map((proxy) => proxy.kill()));
    await Promise.all([...links.values()].map((link) => link.close()));
    line.end();
    registrar.end();
    await etcd.stop();
  }
  if (!failed) rmSync(folder, { recursive: true, force: true });
  else say(`The proxies' logs are in ${folder}`);
}
process.exitCode = failed ? 1 : 0;
