import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { openLog } from '../../proxy/log.ts';
import { readManifest } from '../manifest.ts';
import type { ProxyProcess } from '../render/processes.ts';
import type { SipCluster } from '../sip-cluster.ts';
import { onOrphaned } from '../processes/orphaned.ts';
import { Up } from '../processes/up.ts';
import { followFile } from '../processes/follow-file.ts';
import { UserError } from '../user-error.ts';
import { formatProblem, validateManifest } from '../validate.ts';

export interface UpArguments {
  /** Path of the manifest. */
  readonly file: string;
  readonly store: 'etcd' | 'memory';
  readonly dataDir: string;
  readonly geoLocation?: readonly string[] | undefined;
  /** Each `GEO/N=IP`. */
  readonly address?: readonly string[] | undefined;
  /** Each `NAME=DIR`. */
  readonly secret?: readonly string[] | undefined;
  readonly logLevel?: string | undefined;
  readonly testing: boolean;
}

/**
 * Runs a manifest on this machine until SIGTERM or SIGINT.
 * What people read goes to standard output, logs of all processes to standard error.
 * @returns the exit code
 */
export async function runUp(args: UpArguments): Promise<number> {
  const began = performance.now();
  const text = readText(args.file);
  const resources = read(text, args.file);
  const log = openLog({ level: args.logLevel ?? 'info', name: 'up', to: 2 });
  const up = new Up({
    store: args.store,
    dataDirectory: args.dataDir,
    manifest: resolve(args.file),
    ...(args.geoLocation === undefined ? {} : { geoLocations: args.geoLocation }),
    addresses: pairsOf(args.address ?? [], /^([^/=]+\/\d+)=(.+)$/, '--address', 'GEO/N=IP, like dc1/0=192.0.2.10'),
    secrets: secretsOf(args.secret ?? []),
    ...(args.logLevel === undefined ? {} : { logLevel: args.logLevel }),
    testing: args.testing,
    log,
    ready: (proxy, took) => say(`${describe(proxy)}  ready in ${seconds(took)}`),
  });

  const ended = Promise.withResolvers<number>();
  let signals = 0;
  const onSignal = (signal: string): void => {
    signals += 1;
    if (signals === 1) {
      say(`${signal}: ending`);
      up.close().then(() => ended.resolve(0), ended.reject);
    } else {
      up.kill();
      ended.resolve(1);
    }
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', onSignal);
  onOrphaned(() => onSignal('npx is gone'));
  const onAccident = (error: unknown): void => {
    log.fatal({ err: error }, `an error that nobody expected ends all: ${String(error)}`);
    up.kill();
    process.exit(1);
  };
  process.on('uncaughtException', onAccident).on('unhandledRejection', onAccident);

  let unfollow = (): void => undefined;
  try {
    noteFieldsWithoutEffect(text);
    const start = up.apply(resources).then((ready) => {
      if (ready) say(summary(up.proxies, performance.now() - began, args.dataDir));
    });
    unfollow = followFile(args.file, text, (changed) => void follow(up, changed, args.file));
    await Promise.race([start, ended.promise]);
  } catch (error) {
    await up.close();
    throw error;
  }
  const code = await ended.promise;
  unfollow();
  return code;
}

/** Takes a changed manifest, or says why it doesn't. Never rejects. */
async function follow(up: Up, text: string, file: string): Promise<void> {
  const began = performance.now();
  try {
    const resources = read(text, file);
    say(`${file} has changed`);
    if (await up.apply(resources))
      say(`${file} is in force after ${seconds(performance.now() - began)}: ${up.proxies.length} proxies`);
  } catch (error) {
    say(
      `${error instanceof UserError ? error.message : String(error)}\n${file}: nothing is changed, the last valid manifest stays in force`,
    );
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserError(`can't read the manifest ${file}: ${code === 'ENOENT' ? 'there is no such file' : message}`, {
      cause: error,
    });
  }
}

function read(text: string, file: string): readonly SipCluster[] {
  const { resources, problems } = validateManifest(text, file);
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new UserError(errors.map(formatProblem).join('\n'), { exitCode: 2 });
  if (problems.length > 0)
    say(`${problems.length} warnings about ${file}: \`sipcluster validate -f ${file}\` shows them`);
  return resources;
}

/** Fields that only Kubernetes has a use for. */
const KUBERNETES_ONLY = ['exposure', 'advertise', 'template', 'dnsEndpoint'] as const;

function noteFieldsWithoutEffect(text: string): void {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, field] of Object.entries(value)) {
      if ((KUBERNETES_ONLY as readonly string[]).includes(name)) found.add(name);
      else visit(field);
    }
  };
  for (const { value } of readManifest(text).documents) visit(value);
  if (found.size > 0) say(`Without effect here, since no Kubernetes runs it: ${[...found].toSorted().join(', ')}`);
}

function secretsOf(texts: readonly string[]): ReadonlyMap<string, string> {
  const secrets = pairsOf(texts, /^([^=]+)=(.+)$/, '--secret', 'NAME=DIR, like sip-tls=./certs');
  for (const [name, directory] of secrets) {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new UserError(`--secret ${name}=${directory}: there is no such directory`);
    }
  }
  return new Map([...secrets].map(([name, directory]) => [name, resolve(directory)]));
}

function pairsOf(texts: readonly string[], pattern: RegExp, option: string, form: string): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const [, name, value] = pattern.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new UserError(`${option} ${text}: must be ${form}`);
    if (pairs.has(name)) throw new UserError(`${option} ${name} is given twice`);
    pairs.set(name, value);
  }
  return pairs;
}

function describe({ name, geoLocation, address, listeners, admin }: ProxyProcess): string {
  const ports = listeners.map(({ transport, port }) => `${transport} ${port}`).join(', ');
  return `${name}  ${geoLocation}  ${address}  ${ports}  ${admin}`;
}

function summary(proxies: readonly ProxyProcess[], took: number, dataDirectory: string): string {
  const where = [...Map.groupBy(proxies, (proxy) => proxy.geoLocation)].map(([geo, those]) => `${geo} ${those.length}`);
  const option = dataDirectory === '.sipcluster' ? '' : ` --data-dir ${dataDirectory}`;
  return `All ${proxies.length} proxies ready in ${seconds(took)} (${where.join(', ')}). See \`sipcluster status${option}\`; Ctrl-C ends it.`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
