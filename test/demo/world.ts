import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { findEtcd } from '../../operator/find-etcd.ts';
import { choosePorts, EtcdProcess } from '../../operator/processes/etcd-process.ts';
import { eventually } from '../peers/deadline.ts';
import { DnsServerStandIn } from '../peers/dns-server-stand-in.ts';
import { Phone } from '../peers/phone.ts';
import { Relay } from '../peers/relay.ts';
import { SipServerPair } from '../peers/sip-server-process.ts';
import type { TraceLine, Tracer } from '../peers/trace.ts';
import { Guard } from './guard.ts';
import { manifest } from './manifest.ts';
import {
  addressesOf,
  dataCentres,
  domain,
  intruder,
  pairs,
  password,
  phones,
  proxies,
  proxiesName,
  type DataCentre,
  type PhonePlace,
} from './places.ts';
import { block, Proxies } from './proxies.ts';

interface Site {
  readonly name: DataCentre;
  readonly etcd: EtcdProcess;
  /** By which the other data centre reaches its etcd. */
  readonly relay: Relay;
  readonly dns: DnsServerStandIn;
  readonly proxies: Proxies;
}

/** Everything that the demo runs. */
export class World {
  /** Every message that a phone or a SIP Server sent or received. */
  readonly trace: TraceLine[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'sipcluster-demo-'));
  readonly #guard = new Guard();
  readonly #sites = new Map<DataCentre, Site>();
  /** Taken by the etcds. */
  readonly #ports = new Set<number>();
  readonly #pairs = new Map<string, SipServerPair>();
  readonly #phones = new Map<string, Phone>();
  readonly #tracer: Tracer = (line) => this.trace.push(line);

  /** Where logs and data are. */
  get folder(): string {
    return this.#folder;
  }

  site(name: DataCentre): Site {
    return known(this.#sites, name);
  }

  pair(name: string): SipServerPair {
    return known(this.#pairs, name);
  }

  phone(user: string): Phone {
    return known(this.#phones, user);
  }

  async startStores(): Promise<void> {
    const binary = await findEtcd();
    await Promise.all(dataCentres.map((name) => this.#startStore(name, binary)));
  }

  async startServers(): Promise<void> {
    const accounts = join(this.#folder, 'accounts');
    writeFileSync(accounts, [...phones, intruder].map(({ user }) => `${user} ${password}\n`).join(''));
    await Promise.all(
      pairs.map(async ({ name, dataCentre, primary, backup }) => {
        const here = proxies.filter((place) => place.dataCentre === dataCentre);
        const pair = new SipServerPair({
          primary: `${primary}:5060`,
          backup: `${backup}:5060`,
          linkPort: 5999,
          accounts,
          domain,
          outbound: here.map(({ address }) => `${address}:5060`),
          more: ['--dns', this.site(dataCentre).dns.address, '--promotion-time', '300'],
          tracer: this.#tracer,
        });
        this.#pairs.set(name, pair);
        await pair.starts();
      }),
    );
  }

  async startProxies(): Promise<void> {
    await Promise.all(
      [...this.#sites.values()].map(async (site) => {
        const starting = site.proxies.start(this.#manifestOf(site));
        this.#guard.watches(site.proxies.pid);
        await starting;
      }),
    );
  }

  async startPhones(): Promise<void> {
    for (const place of phones) await this.#startPhone(place, password);
    await this.#startPhone(intruder, 'guessed');
  }

  /** No packet between the data centres any more: neither to the other's etcd nor by SIP. */
  async cutLink(): Promise<void> {
    for (const { relay } of this.#sites.values()) relay.cut();
    await this.#block((dataCentre) => addressesOf(dataCentre === 'dc1' ? 'dc2' : 'dc1'));
  }

  async mendLink(): Promise<void> {
    await this.#block(() => []);
    for (const { relay } of this.#sites.values()) relay.mend();
  }

  /** Ends all that runs, in whatever state it is. */
  async end({ folder }: { readonly folder: 'removed' | 'kept' }): Promise<void> {
    await Promise.allSettled([...this.#phones.values()].map((phone) => phone.close()));
    const sites = [...this.#sites.values()];
    await Promise.allSettled([
      ...sites.map((site) => site.proxies.end()),
      ...this.#pairList().map((pair) => pair.ends()),
    ]);
    await Promise.allSettled(sites.flatMap(({ etcd, relay, dns }) => [etcd.stop(), relay.close(), dns.close()]));
    this.#guard.release();
    if (folder === 'removed') rmSync(this.#folder, { recursive: true, force: true });
  }

  async #startStore(name: DataCentre, binary: string): Promise<void> {
    const folder = join(this.#folder, name);
    mkdirSync(folder);
    const etcd = new EtcdProcess(
      name,
      binary,
      folder,
      await choosePorts(folder, this.#ports),
      pino({ level: 'silent' }),
    );
    etcd.start();
    const dns = await DnsServerStandIn.start();
    // Phones and servers try the proxies of their own data centre first (RFC 2782).
    dns.sip(
      proxiesName,
      proxies.map(({ address, dataCentre }) => ({ address, port: 5060, priority: dataCentre === name ? 10 : 20 })),
    );
    this.#sites.set(name, {
      name,
      etcd,
      relay: await Relay.to(etcd.ports.client),
      dns,
      proxies: new Proxies(name, folder),
    });
    await eventually(10_000, `the etcd of ${name} is healthy`, async () => {
      const response = await fetch(`${etcd.endpoint}/health`).catch(() => undefined);
      return response?.ok === true;
    });
  }

  async #startPhone({ user, dataCentre, address }: PhonePlace, secret: string): Promise<void> {
    const phone = await Phone.start({
      user,
      domain,
      password: secret,
      address,
      port: 5060,
      proxy: proxiesName,
      dns: this.site(dataCentre).dns.address,
      expires: 120,
      tracer: this.#tracer,
    });
    this.#phones.set(user, phone);
  }

  #manifestOf(site: Site): string {
    const endpoint = (name: DataCentre): string => {
      const { etcd, relay } = this.site(name);
      return name === site.name ? etcd.endpoint : `http://127.0.0.1:${relay.port}`;
    };
    return manifest({ dc1: endpoint('dc1'), dc2: endpoint('dc2') });
  }

  #pairList(): SipServerPair[] {
    return [...this.#pairs.values()];
  }

  async #block(addresses: (dataCentre: DataCentre) => readonly string[]): Promise<void> {
    await Promise.all(proxies.map((place) => block(place, addresses(place.dataCentre))));
  }
}

function known<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`the demo has no ${String(key)}`);
  return value;
}
