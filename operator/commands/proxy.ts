import { readFileSync } from 'node:fs';
import type { Logger as Log } from 'pino';
import { parse } from 'yaml';
import { ConfigError, configHash, loadProxyConfig } from '../../proxy/config.ts';
import { openLog } from '../../proxy/log.ts';
import { startProxy, type RunningProxy } from '../../proxy/main.ts';
import { ListenError } from '../../proxy/transport/listen-error.ts';
import { followFile } from '../processes/follow-file.ts';
import { onOrphaned } from '../processes/orphaned.ts';
import { holderOf } from '../processes/port-holder.ts';

export interface ProxyArguments {
  /** Path of the configuration file. */
  readonly config: string;
  readonly testing: boolean;
}

/**
 * One proxy in the foreground, until SIGTERM, SIGINT, or the end of the process that started it over an IPC channel.
 * @returns the exit code: 0 after it ended in order, 1 if it could not run, 2 for a configuration that is wrong
 */
export async function runProxy({ config: file, testing }: ProxyArguments): Promise<number> {
  let text: string;
  let loaded: ReturnType<typeof loadProxyConfig>;
  try {
    text = readFileSync(file, 'utf8');
    loaded = loadProxyConfig(text, process.env);
  } catch (error) {
    for (const line of complaints(error)) process.stderr.write(`${file}: ${line}\n`);
    return 2;
  }
  const log = openLog({ level: loaded.config.log.level, name: loaded.config.place.name });
  exitOnAccident(log);

  const told = Promise.withResolvers<string>();
  const toldAgain = Promise.withResolvers<string>();
  let signals = 0;
  const onSignal = (signal: string): void => {
    signals++;
    if (signals === 1) told.resolve(signal);
    else if (signals === 2) toldAgain.resolve(signal);
    else process.exit(1);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.once('disconnect', () => told.resolve('the end of the process that started it'));
  onOrphaned(() => told.resolve('the end of npx'));

  let proxy: RunningProxy;
  try {
    proxy = await startProxy(loaded.config, { log, hash: loaded.hash, testing });
  } catch (error) {
    log.fatal({ err: error }, `proxy ${loaded.config.place.name} can't start: ${await startFailure(error)}`);
    return 1;
  }
  log.info({ addresses: proxy.addresses, admin: proxy.admin, hash: loaded.hash }, `proxy ${proxy.name} listens`);
  const unfollow = followFile(file, text, (changed) => reload(proxy, changed, file, log));

  log.info(`proxy ${proxy.name} drains on ${await told.promise}; a second signal ends it at once`);
  const endedAtOnce = toldAgain.promise.then((signal) => {
    log.warn(`proxy ${proxy.name} ends at once on a second signal, ${signal}`);
    return proxy.end();
  });
  try {
    await Promise.race([proxy.close(), endedAtOnce]);
    unfollow();
  } catch (error) {
    log.error({ err: error }, `proxy ${proxy.name} could not end in order`);
    return 1;
  }
  log.info(`proxy ${proxy.name} ended`);
  return 0;
}

/** Gives a running proxy its changed configuration; one that is wrong is refused, and the old one stays. */
function reload(proxy: RunningProxy, text: string, file: string, log: Log): void {
  try {
    const { config, hash } = loadProxyConfig(text, process.env);
    proxy.reconfigure(config, hash);
  } catch (error) {
    const lines = complaints(error);
    log.error(
      { file, problems: lines },
      `the changed configuration is refused, the old one stays: ${lines.join('; ')}`,
    );
    proxy.refuse(hashOf(text), lines.join('; '));
  }
}

/** What the hash of a refused text would be: whoever wrote it knows it by that. */
function hashOf(text: string): string {
  try {
    return configHash(parse(text));
  } catch {
    return configHash(text);
  }
}

function complaints(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.message.split('\n');
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return ['there is no such file'];
  if (code === 'EACCES') return ['no rights to read it'];
  return [message];
}

async function startFailure(error: unknown): Promise<string> {
  if (!(error instanceof ListenError)) return error instanceof Error ? error.message : String(error);
  const { transport, address, port, code, message } = error;
  const holder =
    code === 'EADDRINUSE'
      ? await holderOf({ protocol: transport === 'UDP' ? 'UDP' : 'TCP', address, port })
      : undefined;
  return holder === undefined ? message : `${message}; it is held by ${holder}`;
}

/** What nobody caught is said, with its stack, and ends the process: it is started again in a known state. */
function exitOnAccident(log: Log): void {
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, `an error that nobody expected ends the proxy: ${error.message}`);
    process.exit(1);
  });
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, `a rejected promise that nobody expected ends the proxy: ${String(error)}`);
    process.exit(1);
  });
}
