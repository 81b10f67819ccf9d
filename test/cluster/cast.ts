import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { ListenerConfig, ProxyConfig, StoreConfig } from '../../proxy/config.ts';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { MemoryCluster } from '../../proxy/store/memory.ts';
import { eventually } from '../peers/deadline.ts';
import { DnsServerStandIn } from '../peers/dns-server-stand-in.ts';
import { ownAddress } from '../peers/loopback.ts';
import { Phone, type PhoneOptions } from '../peers/phone.ts';
import { SipServerPair } from '../peers/sip-server-process.ts';
import { Authority, Directories } from '../proxy/transport/certificates.ts';
import { Front } from './front.ts';

const DOMAIN = 'sip.example.com';
const PROXIES = 'proxies.sip.example.com';
const GEO_LOCATIONS = ['dc1', 'dc2'] as const;
export type Geo = (typeof GEO_LOCATIONS)[number];
const LOG = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });

interface CastOptions {
  /** Etcd endpoints; without them the stores are in memory. */
  readonly etcd?: Record<Geo, string>;
  readonly ready?: boolean;
  /** The data centres reach each other at one address each, over this; undefined: each proxy at its own. */
  readonly link?: 'UDP' | 'TLS';
}

/** Two data centres in one process: two proxies and one SIP Server pair each, a DNS server, phones. */
export class Cast {
  readonly proxies: RunningProxy[] = [];
  readonly pairs: SipServerPair[] = [];
  readonly phones: Phone[] = [];
  readonly cluster = new MemoryCluster({ now: Date.now });
  readonly #folder = mkdtempSync(join(tmpdir(), 'sipcluster-cast-'));
  readonly #at: Record<Geo, { proxies: string[]; primary: string; backup: string }>;
  readonly #etcd: Record<Geo, string> | undefined;
  readonly #link: 'UDP' | 'TLS' | undefined;
  readonly #directories = new Directories();
  front: Front | undefined;
  #dns!: DnsServerStandIn;

  private constructor({ etcd, link }: CastOptions) {
    this.#etcd = etcd;
    this.#link = link;
    const place = () => ({ proxies: [ownAddress(), ownAddress()], primary: ownAddress(), backup: ownAddress() });
    this.#at = { dc1: place(), dc2: place() };
  }

  /** Resolves when every proxy is ready and has found its pair, unless `ready` is false. */
  static async assembles(options: CastOptions = {}): Promise<Cast> {
    const cast = new Cast(options);
    await cast.#start();
    if (options.ready !== false) await cast.isReady();
    return cast;
  }

  addressOf(proxy: RunningProxy | undefined): string {
    const [first] = proxy?.addresses ?? [];
    return first?.local?.address ?? first?.address ?? '';
  }

  /** A phone whose outbound proxy is the cluster's name, or the one address given. */
  async phone(user: string, options: Partial<PhoneOptions> = {}): Promise<Phone> {
    const phone = await Phone.start({
      user,
      domain: DOMAIN,
      password: 'secret',
      address: ownAddress(),
      port: 5060,
      proxy: PROXIES,
      dns: this.#dns.address,
      patience: { invite: 1000, other: 1000 },
      ...options,
    });
    this.phones.push(phone);
    return phone;
  }

  /** How many requests the proxies of a data centre have handed to others. */
  handedOver(geoLocation: Geo): number {
    const there = this.proxies.map((proxy) => proxy.status()).filter((status) => status.geoLocation === geoLocation);
    return there.reduce((sum, { counters }) => sum + (counters['handedOver'] ?? 0), 0);
  }

  async isReady(): Promise<void> {
    await eventually(10_000, 'every proxy finds its pair in service', () =>
      this.proxies.every(({ status }) => status().ready.ok && status().pairs.some((pair) => pair.active === 'primary')),
    );
  }

  /** Every proxy knows the binding of this user. */
  async isKnownEverywhere(user: string): Promise<void> {
    await eventually(5000, `every proxy knows ${user}`, () =>
      this.proxies.every(
        (proxy) => proxy.status().counts.registrations >= this.phones.filter((p) => p.isRegistered).length,
      ),
    );
  }

  async leaves(): Promise<void> {
    await Promise.all(this.phones.map((phone) => phone.close()));
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    await Promise.all(this.pairs.map((pair) => pair.ends()));
    this.front?.ends();
    await this.#dns.close();
    this.#directories.remove();
    rmSync(this.#folder, { recursive: true });
  }

  async #start(): Promise<void> {
    this.#dns = await DnsServerStandIn.start();
    const accounts = join(this.#folder, 'accounts');
    writeFileSync(accounts, 'alice secret\nbob secret\ncarol secret\nmallory secret 500\n');
    this.#dns.sip(
      PROXIES,
      GEO_LOCATIONS.flatMap((geo) => this.#at[geo].proxies.map((address) => ({ address, port: 5060 }))),
    );
    for (const geo of GEO_LOCATIONS) {
      const { primary, backup, proxies } = this.#at[geo];
      const pair = new SipServerPair({
        primary: `${primary}:5060`,
        backup: `${backup}:5060`,
        linkPort: 5999,
        accounts,
        domain: DOMAIN,
        outbound: proxies.map((address) => `${address}:5060`),
        more: ['--dns', this.#dns.address, '--promotion-time', '200', '--heartbeat-timeout', '300'],
      });
      this.pairs.push(pair);
    }
    await Promise.all(this.pairs.map((pair) => pair.starts()));
    const internal = await this.#internal();
    for (const geo of GEO_LOCATIONS) {
      for (const [i, address] of this.#at[geo].proxies.entries()) {
        const stores = this.#etcd === undefined ? { stores: (name: string) => this.cluster.store(name) } : {};
        this.proxies.push(
          await startProxy(this.#config(geo, `${geo}-${i}`, address, internal), { log: LOG, hash: 'test', ...stores }),
        );
      }
    }
  }

  /** Listeners for proxies alone: with one certificate for all of them, which both ends ask for. */
  async #internal(): Promise<ListenerConfig[]> {
    if (this.#link === undefined) return [];
    this.front = await Front.begins({ dc1: this.#at.dc1.proxies, dc2: this.#at.dc2.proxies });
    if (this.#link === 'UDP') return [];
    const authority = await Authority.make();
    const tls = this.#directories.write('proxies', {
      ...(await authority.issue({ names: [PROXIES] })),
      ca: authority.pem,
    });
    return [{ transport: 'TLS', port: 5061, side: 'Internal', tls }];
  }

  #store(geoLocation: Geo): StoreConfig {
    return this.#etcd === undefined
      ? { geoLocation, memory: true }
      : { geoLocation, endpoints: [this.#etcd[geoLocation]] };
  }

  #config(geoLocation: Geo, name: string, address: string, internal: readonly ListenerConfig[]): ProxyConfig {
    const advertise = this.front?.at[geoLocation];
    return {
      namespace: 'voice',
      cluster: 'test',
      switch: 'switch',
      dn: 'dn',
      geoLocation,
      place: { name, address, ...(advertise === undefined ? {} : { advertise }) },
      domains: [DOMAIN],
      fqdn: { srv: PROXIES },
      recordRoute: 'Srv',
      listeners: [
        { transport: 'UDP', port: 5060, side: 'Both' },
        { transport: 'TCP', port: 5060, side: 'Both' },
        ...internal,
      ],
      admin: { port: 0 },
      oosCheck: { interval: 500, recheck: 1000, timeout: 300, inService: [[200, 299]] },
      overload: {},
      registration: { maxContacts: 10, minExpires: 10_000, maxExpires: 3600_000, forking: 'Parallel', natPing: 25_000 },
      drain: { dnsGrace: 0, window: 0, limit: 500 },
      remoteServers: 'Never',
      trust: { sbcs: [], servers: [] },
      servers: GEO_LOCATIONS.map((geo) => ({
        name: `ss-${geo}`,
        geoLocation: geo,
        weight: 1,
        members: (['primary', 'backup'] as const).map((role) => ({
          role,
          host: this.#at[geo][role],
          port: 5060,
          transport: 'UDP' as const,
        })),
      })),
      proxiesIn: [...GEO_LOCATIONS],
      stores: [...GEO_LOCATIONS].sort((a) => (a === geoLocation ? -1 : 1)).map((geo) => this.#store(geo)),
      log: { level: 'silent' },
    };
  }
}
