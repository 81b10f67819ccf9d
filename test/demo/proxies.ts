import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchRegistrations, fetchStatus, unready } from '../../operator/admin-client.ts';
import type { ProxyStatus } from '../../proxy/status.ts';
import { eventually, within } from '../peers/deadline.ts';
import { proxies, type DataCentre, type ProxyPlace } from './places.ts';

const program = fileURLToPath(new URL('../../operator/bin/sipcluster.js', import.meta.url));
const adminPort = 9060;

/** `sipcluster up` for one data centre, as it would run on that one's machines. */
export class Proxies {
  readonly dataCentre: DataCentre;
  readonly places: readonly ProxyPlace[];
  readonly #folder: string;
  #up: ChildProcess | undefined;

  constructor(dataCentre: DataCentre, folder: string) {
    this.dataCentre = dataCentre;
    this.places = proxies.filter((place) => place.dataCentre === dataCentre);
    this.#folder = folder;
  }

  get pid(): number | undefined {
    return this.#up?.pid;
  }

  /** Where it says what goes wrong. */
  get log(): string {
    return join(this.#folder, 'up.log');
  }

  get dataDirectory(): string {
    return join(this.#folder, 'up');
  }

  /** Resolves when all proxies are ready. */
  async start(manifest: string): Promise<void> {
    const file = join(this.#folder, 'manifest.yaml');
    writeFileSync(file, manifest);
    const addresses = this.places.flatMap(({ number, address }) => [
      '--address',
      `${this.dataCentre}/${number}=${address}`,
    ]);
    const log = openSync(this.log, 'w');
    const argv = ['up', '-f', file, '--data-dir', this.dataDirectory, '--geo-location', this.dataCentre, '--testing'];
    const up = spawn(process.execPath, [program, ...argv, ...addresses], { stdio: ['ignore', log, log] });
    this.#up = up;
    await eventually(20_000, `the proxies of ${this.dataCentre} are ready`, async () => {
      if (up.exitCode !== null) throw new Error(`sipcluster up ended: ${readFileSync(this.log, 'utf8').slice(-2000)}`);
      const ready = await Promise.all(this.places.map((place) => isReady(place)));
      return ready.every(Boolean);
    });
  }

  /** What `sipcluster status` prints. */
  async statusTables(): Promise<string> {
    const child = spawn(process.execPath, [program, 'status', '--data-dir', this.dataDirectory], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, COLUMNS: '80' },
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await once(child, 'close');
    if (child.exitCode !== 0) throw new Error(`sipcluster status: ${text}`);
    return text.trimEnd();
  }

  async end(): Promise<void> {
    const up = this.#up;
    if (!up || up.exitCode !== null || up.signalCode !== null) return;
    const gone = once(up, 'exit');
    up.kill('SIGTERM');
    await within(8000, `sipcluster up of ${this.dataCentre} ends`, gone).catch(() => up.kill('SIGKILL'));
  }

  /** kill -9 of one proxy's process; resolves when it is gone. */
  async kill(place: ProxyPlace): Promise<void> {
    const config = new RegExp(`proxy\0--config\0${this.#folder}/[^\0]*-${place.number}\\.[a-z]+\0`);
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (!config.test(commandOf(pid))) continue;
      process.kill(Number(pid), 'SIGKILL');
      await eventually(5000, `${place.name} is gone`, () => commandOf(pid) === '');
      return;
    }
    throw new Error(`no process of ${place.name} was found`);
  }
}

export async function isReady(place: ProxyPlace): Promise<boolean> {
  return (await unready(adminOf(place))) === undefined;
}

export async function statusOf(place: ProxyPlace): Promise<ProxyStatus> {
  const status = await fetchStatus(adminOf(place));
  if (typeof status === 'string') throw new Error(`${place.name}: ${status}`);
  return status;
}

/** Users with a registration that this proxy knows, in order. */
export async function usersKnownTo(place: ProxyPlace): Promise<string[]> {
  const views = await fetchRegistrations(adminOf(place), undefined);
  if (typeof views === 'string') throw new Error(`${place.name}: ${views}`);
  return views.map(({ aor }) => aor.replace(/@.*/, '')).toSorted();
}

/** Makes the proxy drop whatever comes from or goes to these addresses. */
export async function block(place: ProxyPlace, addresses: readonly string[]): Promise<void> {
  const body = JSON.stringify(addresses);
  const response = await fetch(`${adminOf(place)}/block`, { method: 'POST', body, signal: AbortSignal.timeout(2000) });
  if (!response.ok) throw new Error(`${place.name} does not block: ${response.status}`);
}

function adminOf({ address }: ProxyPlace): string {
  return `http://${address}:${adminPort}`;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it ended in between
  }
}
