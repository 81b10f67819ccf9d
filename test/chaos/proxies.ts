import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fetchRegistrations, fetchStatus, unready } from '../../operator/admin-client.ts';
import type * as planning from '../../operator/plan/plan.ts';
import type * as rendering from '../../operator/render/processes.ts';
import type * as validate from '../../operator/validate.ts';
import type { ProxyStatus } from '../../proxy/status.ts';
import { eventually } from '../peers/deadline.ts';
import { HostProcess } from './host-process.ts';
import type { Network } from './network.ts';
import { dataCentres, proxies, type Place } from './places.ts';
import type { Held } from './registrations.ts';

/** One proxy on a host of its own, run as the operator would configure it. */
export class ProxyHost extends HostProcess {
  readonly place: Place;
  readonly #admin: string;

  constructor(place: Place, admin: string, command: HostProcess['command']) {
    super(command);
    this.place = place;
    this.#admin = admin;
  }

  async isReady(): Promise<void> {
    await eventually(30_000, `proxy ${this.place.name} is ready`, async () => {
      if (!this.runs) throw new Error(`proxy ${this.place.name} ended: see ${this.command.log}`);
      return (await unready(this.#admin)) === undefined;
    });
  }

  /** Undefined if it does not answer. */
  async status(): Promise<ProxyStatus | undefined> {
    const status = await fetchStatus(this.#admin);
    return typeof status === 'string' ? undefined : status;
  }

  /** What it holds, by user. */
  async registrations(): Promise<ReadonlyMap<string, readonly Held[]>> {
    const views = await fetchRegistrations(this.#admin, undefined);
    if (typeof views === 'string') throw new Error(`proxy ${this.place.name}: ${views}`);
    const held = views.map(({ aor, contact, expires }) => ({
      user: aor.replace(/@.*/, ''),
      contact,
      until: Date.parse(expires),
    }));
    return Map.groupBy(held, ({ user }) => user);
  }
}

export interface ProxyOptions {
  readonly manifest: string;
  readonly network: Network;
  readonly folder: string;
  /** The checkout whose proxies run; absent: this one. */
  readonly release?: string;
}

const here = fileURLToPath(new URL('../..', import.meta.url));

/** The manifest's proxies, each with the configuration that an operator of the same release writes. */
export async function proxyHosts({ manifest, network, folder, release = here }: ProxyOptions): Promise<ProxyHost[]> {
  const { validateManifest, formatProblem } = await load<Validate>(release, 'operator/validate.ts');
  const { plan } = await load<Plan>(release, 'operator/plan/plan.ts');
  const { renderProcesses } = await load<Render>(release, 'operator/render/processes.ts');
  const { resources, problems } = validateManifest(manifest, 'the manifest');
  if (problems.some(({ severity }) => severity === 'error')) throw new Error(problems.map(formatProblem).join('\n'));
  const shards = resources.flatMap((resource) => plan(resource, { reachedDirectly: true }).shards);
  const rendered = renderProcesses(shards, {
    geoLocations: dataCentres,
    addresses: new Map(proxies.map(({ name, address }) => [name, address])),
    secrets: new Set(['sip-tls']),
    secretsDirectory: join(folder, 'secrets'),
    logLevel: 'info',
  });
  if (rendered.problems.length > 0) throw new Error(rendered.problems.join('\n'));
  const configurations = join(folder, release === here ? 'proxies' : 'proxies-of-the-other-release');
  mkdirSync(configurations, { recursive: true });
  return rendered.proxies.map((proxy) => {
    const place = proxies.find(({ address }) => address === proxy.address);
    if (place === undefined) throw new Error(`no place has the address ${proxy.address}`);
    const config = join(configurations, `${proxy.name}.yaml`);
    writeFileSync(config, proxy.config);
    return new ProxyHost(place, proxy.admin, {
      what: `proxy ${place.name}`,
      on: network.on(hostOf(place)),
      argv: [process.execPath, join(release, 'operator/bin/sipcluster.js'), 'proxy', '--config', config],
      env: proxy.env,
      log: join(folder, `${proxy.name}.log`),
    });
  });
}

type Validate = typeof validate;
type Plan = typeof planning;
type Render = typeof rendering;

async function load<T>(release: string, file: string): Promise<T> {
  return (await import(pathToFileURL(join(release, file)).href)) as T;
}

/** The host that a proxy runs on. */
export function hostOf(place: Place): string {
  return `proxy-${place.name.replace('/', '-')}`;
}
