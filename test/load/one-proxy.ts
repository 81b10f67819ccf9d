import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ProxyConfig } from '../../proxy/config.ts';
import type { ProxyStatus } from '../../proxy/status.ts';
import { eventually, within } from '../peers/deadline.ts';

export type Order = 'measure' | 'end';

export interface Measured {
  /** Bytes of JavaScript and of what it holds outside, after collecting garbage. */
  readonly heap: number;
  readonly rss: number;
  /** Seconds of CPU since its start. */
  readonly cpu: number;
  readonly status: ProxyStatus;
}

const script = fileURLToPath(new URL('proxy.ts', import.meta.url));
/** As the builders' addresses of record. */
const domain = 'example.com';

/** One proxy on UDP and TCP port 5060 of a loopback address, with a store in memory, in a process of its own. */
export class OneProxy {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#child = child;
  }

  /** Resolves when it is ready for calls. `servers`: addresses of a pair's primary and backup, UDP port 5060. */
  static async starts(address: string, servers: { primary: string; backup: string }): Promise<OneProxy> {
    const child = fork(script, {
      execArgv: ['--expose-gc'],
      env: { ...process.env, PROXY_CONFIG: JSON.stringify(configOf(address, servers)) },
    });
    const proxy = new OneProxy(address, child);
    await within(20_000, 'the proxy starts', Promise.race([once(child, 'message'), proxy.#death()]));
    await eventually(20_000, 'the proxy finds its SIP Server', async () => {
      const { status } = await proxy.measured();
      return status.ready.ok && status.pairs.some(({ active }) => active === 'primary');
    });
    return proxy;
  }

  async measured(): Promise<Measured> {
    this.#child.send('measure' satisfies Order);
    const [measured] = await Promise.race([once(this.#child, 'message'), this.#death()]);
    return measured;
  }

  async ends(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.send('end' satisfies Order);
    const killed = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(killed);
  }

  async #death(): Promise<never> {
    const [code, signal] = await once(this.#child, 'exit');
    throw new Error(`the proxy ended: ${String(code ?? signal)}`);
  }
}

function configOf(address: string, servers: { primary: string; backup: string }): ProxyConfig {
  return {
    namespace: 'voice',
    cluster: 'load',
    switch: 'switch',
    dn: 'dn',
    geoLocation: 'dc1',
    place: { name: 'p1', address },
    domains: [domain],
    fqdn: {},
    recordRoute: 'Address',
    listeners: [
      { transport: 'UDP', port: 5060, side: 'Both' },
      { transport: 'TCP', port: 5060, side: 'Both' },
    ],
    admin: { port: 0 },
    oosCheck: { interval: 1_000, recheck: 1_000, timeout: 1_000, inService: [[200, 299]] },
    overload: {},
    registration: { maxContacts: 10, minExpires: 10_000, maxExpires: 3600_000, forking: 'Parallel', natPing: 25_000 },
    drain: { dnsGrace: 0, window: 0, limit: 1_000 },
    remoteServers: 'Never',
    trust: { sbcs: [], servers: [] },
    servers: [
      {
        name: 'ss1',
        geoLocation: 'dc1',
        weight: 1,
        members: (['primary', 'backup'] as const).map((role) => ({
          role,
          host: servers[role],
          port: 5060,
          transport: 'UDP',
        })),
      },
    ],
    proxiesIn: ['dc1'],
    stores: [{ geoLocation: 'dc1', memory: true }],
    log: { level: 'silent' },
  };
}
