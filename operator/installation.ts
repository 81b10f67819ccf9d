import type { Get } from './admin-client.ts';
import { fetchJson } from './admin-client.ts';
import { readUpState, type UpProxy, type UpShard } from './processes/data-directory.ts';
import type { Condition } from './sip-cluster.ts';
import { UserError } from './user-error.ts';

/** Where proxies run that commands ask. */
export interface Installation {
  /** Of an `up` on this machine. */
  readonly up?: { readonly pid: number; readonly startedAt: string; readonly manifest: string };
  /** Of a Kubernetes cluster. */
  readonly clusters?: readonly ClusterView[];
  readonly proxies: readonly UpProxy[];
  readonly shards: readonly UpShard[];
  readonly stores: readonly { readonly geoLocation: string; readonly endpoints: readonly string[] }[];
  /** Asks for a path below a proxy's `admin`. */
  readonly get: Get;
  close(): void;
}

/** A SipCluster's own account of itself. */
export interface ClusterView {
  readonly name: string;
  readonly namespace: string;
  readonly conditions: readonly Condition[];
}

/** What commands take to find one. */
export interface WhereArguments {
  readonly dataDir: string;
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
  /** It was called as kubectl's plugin. */
  readonly plugin: boolean;
}

/**
 * A Kubernetes cluster's where one of its options is given, or where kubectl called; else that of the `up` in the data
 * directory. Rejects with UserError if there is none.
 */
export async function findInstallation(where: WhereArguments): Promise<Installation> {
  if (inKubernetes(where)) {
    const { installed } = await import('./kubernetes/installed.ts');
    return installed(where);
  }
  let up: ReturnType<typeof readUpState>;
  try {
    up = readUpState(where.dataDir);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${error.message} For proxies on Kubernetes name a namespace by -n, or a context by --context.`,
      {
        cause: error,
      },
    );
  }
  const { pid, startedAt, manifest, proxies, shards, stores } = up;
  return { up: { pid, startedAt, manifest }, proxies, shards, stores, get: fetchJson, close: () => undefined };
}

function inKubernetes({ kubeconfig, context, namespace, plugin }: Omit<WhereArguments, 'dataDir'>): boolean {
  return plugin || kubeconfig !== undefined || context !== undefined || namespace !== undefined;
}

/** Those of one name, or all. Throws UserError if there is none. */
export function proxiesNamed({ proxies }: Installation, name: string | undefined): readonly UpProxy[] {
  const asked = name === undefined ? proxies : proxies.filter((proxy) => proxy.name === name);
  if (asked.length > 0) return asked;
  const names = proxies.map((proxy) => proxy.name).join(', ');
  throw new UserError(`there is no proxy ${name ?? 'here'}${names === '' ? '' : `; there are ${names}`}`);
}
