import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEtcd } from '../../operator/find-etcd.ts';
import { eventually } from '../peers/deadline.ts';
import { DnsServerStandIn } from '../peers/dns-server-stand-in.ts';
import { Phone } from '../peers/phone.ts';
import { SipServerPair } from '../peers/sip-server-process.ts';
import { Authority } from '../proxy/transport/certificates.ts';
import { EtcdCluster } from './etcd-cluster.ts';
import { manifest } from './manifest.ts';
import type { Network } from './network.ts';
import {
  dataCentres,
  domain,
  etcdMembers,
  movers,
  nameOf,
  nameServers,
  pairs,
  password,
  phones,
  proxies,
  proxiesName,
  proxyNameServer,
  type DataCentre,
  type PairPlace,
  type Place,
} from './places.ts';
import { proxyHosts, type ProxyHost } from './proxies.ts';

/** The pair whose backup takes 5 s from noticing its partner's death to opening its port; the others take 0.3 s. */
export const slowPair = 'dc1-ss2';

/** What a phone asks for, s. By itself it registers again after half of that, which no experiment lasts. */
const EXPIRES = 300;

/** Two data centres with everything in them on hosts of their own, and phones in both. */
export class World {
  readonly network: Network;
  readonly folder = mkdtempSync(join(tmpdir(), 'sipcluster-chaos-'));
  readonly phones: Phone[] = [];
  /** Phones that nobody calls. */
  readonly movers: Phone[] = [];
  readonly proxies: ProxyHost[] = [];
  readonly #pairs = new Map<string, SipServerPair>();
  readonly #etcds = new Map<DataCentre, EtcdCluster>();
  readonly #nameServers = new Map<DataCentre, DnsServerStandIn>();
  /** Proxies that no name leads to. */
  readonly #leaving = new Set<string>();
  #proxyNames: DnsServerStandIn | undefined;
  #authority!: Authority;

  private constructor(network: Network) {
    this.network = network;
  }

  /** Resolves when every proxy is ready and has found its pairs, and every phone is registered. */
  static async starts(network: Network): Promise<World> {
    const world = new World(network);
    try {
      await world.#start();
    } catch (error) {
      await world.end();
      throw new Error(`it does not start: see the logs in ${world.folder}`, { cause: error });
    }
    return world;
  }

  proxy(name: string): ProxyHost {
    return known(
      this.proxies.find(({ place }) => place.name === name),
      `proxy ${name}`,
    );
  }

  pair(name: string): SipServerPair {
    return known(this.#pairs.get(name), `pair ${name}`);
  }

  etcd(dataCentre: DataCentre): EtcdCluster {
    return known(this.#etcds.get(dataCentre), `etcd of ${dataCentre}`);
  }

  /** SIGTERM, as the kubelet sends it: DNS names the proxy no more, since it says itself that it is not ready. */
  async drains(name: string): Promise<void> {
    this.#leaving.add(name);
    this.#tellNames();
    await this.proxy(name).stop(60_000);
  }

  /** The proxy of that name starts, or in its place `next`; DNS names it once it is ready. */
  async comesBack(name: string, next = this.proxy(name)): Promise<void> {
    this.proxies[this.proxies.findIndex(({ place }) => place.name === name)] = next;
    next.start();
    await next.isReady();
    this.#leaving.delete(name);
    this.#tellNames();
  }

  /** Ends a proxy in order, and runs this checkout's in its place; absent: this one's. */
  async replaces(name: string, release?: string): Promise<void> {
    const next = (await this.#proxiesOf(release)).find(({ place }) => place.name === name);
    if (next === undefined) throw new Error(`the release has no proxy ${name}`);
    await this.drains(name);
    await this.comesBack(name, next);
  }

  /** Whom the proxies' certificates are issued by, PEM. */
  get authority(): string {
    return this.#authority.pem;
  }

  /** A new certificate of the proxies, put where a Secret's would be. */
  async renewsCertificate(): Promise<void> {
    const { cert, key } = await this.#authority.issue({ names: [proxiesName] });
    const directory = join(this.folder, 'secrets', 'sip-tls');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'tls.key'), key);
    writeFileSync(join(directory, 'tls.crt'), cert);
  }

  /** The proxies' DNS is gone; the phones' stays. */
  async losesNames(): Promise<void> {
    await this.#proxyNames?.close();
    this.#proxyNames = undefined;
  }

  async findsNames(): Promise<void> {
    const server = await DnsServerStandIn.start({ address: proxyNameServer, port: 53 });
    for (const { primary, backup } of pairs) {
      for (const member of [primary, backup]) server.a(nameOf(member), [member.address]);
    }
    this.#proxyNames = server;
  }

  async #startNameServers(): Promise<void> {
    await this.findsNames();
    for (const name of dataCentres) {
      this.#nameServers.set(name, await DnsServerStandIn.start({ address: nameServers[name], port: 53 }));
    }
    this.#tellNames();
  }

  /** Phones and servers try the proxies of their own data centre first (RFC 2782). */
  #tellNames(): void {
    for (const [name, server] of this.#nameServers) {
      const named = proxies.filter((place) => !this.#leaving.has(place.name));
      server.sip(
        proxiesName,
        named.map(({ address, dataCentre }) => ({ address, port: 5060, priority: dataCentre === name ? 10 : 20 })),
      );
    }
  }

  /** Every proxy of a data centre has every pair of it in service. */
  async hasPairsInService(): Promise<void> {
    for (const proxy of this.proxies) {
      await eventually(30_000, `proxy ${proxy.place.name} has its pairs in service`, async () => {
        const seen = (await proxy.status())?.pairs ?? [];
        return seen.length > 0 && seen.every(({ active }) => active !== 'none');
      });
    }
  }

  async end(): Promise<void> {
    await Promise.allSettled([...this.phones, ...this.movers].map((phone) => phone.close()));
    for (const proxy of this.proxies) proxy.resume();
    await Promise.allSettled(this.proxies.map((proxy) => proxy.kill()));
    await Promise.allSettled([...this.#pairs.values()].map((pair) => pair.ends()));
    await Promise.allSettled([...this.#etcds.values()].map((etcd) => etcd.end()));
    await Promise.allSettled([...this.#nameServers.values()].map((server) => server.close()));
    await this.losesNames();
  }

  removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    await this.#startNameServers();
    const binary = await findEtcd();
    for (const name of dataCentres) {
      const members = etcdMembers.filter(({ dataCentre }) => dataCentre === name);
      const etcd = new EtcdCluster(binary, members, this.network, this.folder);
      this.#etcds.set(name, etcd);
      etcd.start();
    }
    this.#authority = await Authority.make();
    await Promise.all([this.renewsCertificate(), ...[...this.#etcds.values()].map((etcd) => etcd.isWhole())]);
    const accounts = join(this.folder, 'accounts');
    writeFileSync(accounts, [...phones, ...movers].map(({ name }) => `${name} ${password}\n`).join(''));
    await Promise.all(pairs.map((place) => this.#startPair(place, accounts)));
    this.proxies.push(...(await this.#proxiesOf()));
    for (const proxy of this.proxies) proxy.start();
    await Promise.all(this.proxies.map((proxy) => proxy.isReady()));
    await this.hasPairsInService();
    for (const place of phones) this.phones.push(await this.#startPhone(place));
    for (const place of movers) this.movers.push(await this.#startPhone(place));
    await Promise.all([...this.phones, ...this.movers].map((phone) => phone.registers()));
  }

  #proxiesOf(release?: string): Promise<ProxyHost[]> {
    const { network, folder } = this;
    return proxyHosts({ manifest: manifest(), network, folder, ...(release === undefined ? {} : { release }) });
  }

  async #startPair({ name, dataCentre, primary, backup }: PairPlace, accounts: string): Promise<void> {
    const here = proxies.filter((place) => place.dataCentre === dataCentre);
    const pair = new SipServerPair({
      primary: `${primary.address}:5060`,
      backup: `${backup.address}:5060`,
      linkPort: 5999,
      accounts,
      domain,
      outbound: here.map(({ address }) => `${address}:5060`),
      more: ['--dns', `${nameServers[dataCentre]}:53`, '--promotion-time', name === slowPair ? '5000' : '300'],
      on: { primary: this.network.on(primary.name), backup: this.network.on(backup.name) },
    });
    this.#pairs.set(name, pair);
    await pair.starts();
  }

  #startPhone({ name, dataCentre, address }: Place): Promise<Phone> {
    return Phone.start({
      user: name,
      domain,
      password,
      address,
      port: 5060,
      proxy: proxiesName,
      dns: `${nameServers[dataCentre]}:53`,
      expires: EXPIRES,
      answering: 'automatically',
      patience: { invite: 1000, other: 4000 },
    });
  }
}

function known<T>(thing: T | undefined, what: string): T {
  if (thing === undefined) throw new Error(`the world has no ${what}`);
  return thing;
}
