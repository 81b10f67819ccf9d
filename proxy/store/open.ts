import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger as Log } from 'pino';
import type { ProxyConfig, StoreConfig } from '../config.ts';
import type { EtcdClientOptions } from './etcd-client.ts';
import { EtcdStore } from './etcd.ts';
import { prefix } from './keys.ts';
import { MemoryCluster } from './memory.ts';
import { SecretStore } from './secret-store.ts';
import type { Store } from './store.ts';

/** Whose key range it is. */
type Shard = Pick<ProxyConfig, 'namespace' | 'cluster' | 'switch' | 'dn'>;

/** The store that the configuration names, for a shard. Credentials that can't be read yet, or change, are read again. */
export function openStore(store: StoreConfig, shard: Shard, options: { log: Log; now(): number }): Store {
  const { geoLocation, endpoints, tls, auth } = store;
  if (store.memory === true || endpoints === undefined)
    return new MemoryCluster({ ...options, isVolatile: true }).store(geoLocation);
  const open = (part: Credentials): Store =>
    new EtcdStore({
      geoLocation,
      endpoints,
      prefix: prefix(shard.namespace, shard.cluster, shard.switch, shard.dn),
      log: options.log,
      now: () => options.now(),
      ...part,
    });
  if (tls === undefined && auth === undefined) return open({});
  const credentials = (): Credentials => ({
    ...(tls === undefined ? {} : { tls: readTls(geoLocation, tls) }),
    ...(auth === undefined ? {} : { auth: readAuth(geoLocation, auth) }),
  });
  return new SecretStore({ geoLocation, read: credentials, open, log: options.log });
}

type Credentials = Pick<EtcdClientOptions, 'tls' | 'auth'>;

function readAuth(geoLocation: string, directory: string): { username: string; password: string } {
  const [username, password] = ['username', 'password'].map((name) =>
    read(geoLocation, directory, name).toString().trim(),
  );
  return { username: username ?? '', password: password ?? '' };
}

function readTls(geoLocation: string, directory: string): { ca: Buffer; cert?: Buffer; key?: Buffer } {
  const ca = read(geoLocation, directory, 'ca.crt');
  const cert = readIfThere(geoLocation, directory, 'tls.crt');
  const key = readIfThere(geoLocation, directory, 'tls.key');
  return cert === undefined || key === undefined ? { ca } : { ca, cert, key };
}

function read(geoLocation: string, directory: string, name: string): Buffer {
  try {
    return readFileSync(join(directory, name));
  } catch (error) {
    throw new Error(`the credentials of ${geoLocation}'s etcd: ${String(error)}`, { cause: error });
  }
}

function readIfThere(geoLocation: string, directory: string, name: string): Buffer | undefined {
  try {
    return readFileSync(join(directory, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Error(`the credentials of ${geoLocation}'s etcd: ${String(error)}`, { cause: error });
  }
}
