import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import type { ProxyConfig } from '../../proxy/config.ts';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { eventually } from '../peers/deadline.ts';
import { ownAddress } from '../peers/loopback.ts';
import { Authority, Directories } from '../proxy/transport/certificates.ts';
import { Kamailio } from './kamailio.ts';

export const DOMAIN = 'sip.example.com';
/** Of every user. */
export const PASSWORD = 'secret';

export const PORTS = { UDP: 5060, TCP: 5060, TLS: 5061, WSS: 8443 } as const;
export type Transport = keyof typeof PORTS;

/** A real proxy with a Kamailio for its SIP Server, which authenticates; another Kamailio is an SBC before it. */
export class Stage {
  readonly proxyAddress = ownAddress();
  readonly serverAddress = ownAddress();
  readonly sbcAddress = ownAddress();
  readonly folder = mkdtempSync(join(tmpdir(), 'sipcluster-interop-'));
  readonly #certificates = new Directories();
  readonly #kamailios: Kamailio[] = [];
  #proxy: RunningProxy | undefined;
  #folders = 0;

  /** Resolves when the proxy is ready and has found its SIP Server. */
  static async begins(): Promise<Stage> {
    const stage = new Stage();
    try {
      await stage.#start();
    } catch (error) {
      await stage.ends();
      throw error;
    }
    return stage;
  }

  /** A new empty folder, gone when the stage ends. */
  newFolder(): string {
    const path = join(this.folder, String(++this.#folders));
    mkdirSync(path);
    return path;
  }

  get registrations(): number {
    return this.#proxy?.status().counts.registrations ?? 0;
  }

  async ends(): Promise<void> {
    await this.#proxy?.end();
    await Promise.all(this.#kamailios.map((kamailio) => kamailio.end()));
    this.#certificates.remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const authority = await Authority.make();
    const leaf = await authority.issue({ names: [DOMAIN, this.proxyAddress], commonName: DOMAIN });
    const tls = this.#certificates.write('proxy', leaf);
    const places = { SERVER: this.serverAddress, PROXY: this.proxyAddress, SBC: this.sbcAddress, DOMAIN, PASSWORD };
    for (const role of ['server', 'sbc'] as const) {
      this.#kamailios.push(await Kamailio.start(role, places, this.newFolder()));
    }
    const config = proxyConfig({ proxy: this.proxyAddress, server: this.serverAddress, transport: 'UDP' });
    const { listeners } = config;
    const whole: ProxyConfig = {
      ...config,
      listeners: [
        ...listeners,
        { transport: 'TLS', port: PORTS.TLS, side: 'External', tls },
        { transport: 'WSS', port: PORTS.WSS, side: 'External', tls },
      ],
      trust: { sbcs: [{ cidr: `${this.sbcAddress}/32` }], servers: [] },
    };
    this.#proxy = await startProxy(whole, {
      log: pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }),
      hash: 'interop',
    });
    const { status } = this.#proxy;
    await eventually(20_000, 'the proxy finds its SIP Server', () =>
      status().pairs.some(({ active }) => active === 'primary'),
    );
  }
}

/** A proxy over UDP and TCP at `proxy`, with one SIP Server. */
export function proxyConfig(places: { proxy: string; server: string; transport: 'UDP' | 'TCP' }): ProxyConfig {
  return {
    namespace: 'voice',
    cluster: 'interop',
    switch: 'switch',
    dn: 'dn',
    geoLocation: 'dc1',
    place: { name: 'p1', address: places.proxy },
    domains: [DOMAIN],
    fqdn: {},
    recordRoute: 'Address',
    listeners: [
      { transport: 'UDP', port: PORTS.UDP, side: 'Both' },
      { transport: 'TCP', port: PORTS.TCP, side: 'Both' },
    ],
    admin: { port: 0 },
    // Slow to judge: what is tested is what agents say, on a machine that may have much else to do
    oosCheck: { interval: 10_000, recheck: 1000, timeout: 8000, inService: [[200, 299]] },
    overload: {},
    registration: { maxContacts: 10, minExpires: 10_000, maxExpires: 3600_000, forking: 'Parallel', natPing: 25_000 },
    drain: { dnsGrace: 0, window: 0, limit: 500 },
    remoteServers: 'Never',
    trust: { sbcs: [], servers: [] },
    servers: [
      {
        name: 'kamailio',
        geoLocation: 'dc1',
        weight: 1,
        members: [{ role: 'primary', host: places.server, port: 5060, transport: places.transport }],
      },
    ],
    proxiesIn: ['dc1'],
    stores: [{ geoLocation: 'dc1', memory: true }],
    log: { level: 'silent' },
  };
}
