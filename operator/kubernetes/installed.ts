import { KubeConfig } from '@kubernetes/client-node';
import type { ClusterView, Installation } from '../installation.ts';
import { adminSecretName } from '../plan/name.ts';
import { plan } from '../plan/plan.ts';
import type { UpProxy, UpShard } from '../processes/data-directory.ts';
import { clusterLabels, label, manager } from '../render/kubernetes/metadata.ts';
import type { SipCluster } from '../sip-cluster.ts';
import { UserError } from '../user-error.ts';
import { ApiError } from './api-error.ts';
import { KubernetesApi } from './api.ts';
import { isRecord, type KubernetesObject } from './object.ts';
import { pathOf, resources, type Resource } from './resources.ts';

/** Which cluster, and where in it; all by the kubeconfig unless it is given. */
export interface ClusterArguments {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
}

/** A cluster as one's kubeconfig reaches it. */
export interface Access {
  readonly api: KubernetesApi;
  readonly namespace: string;
}

/** Throws UserError for a kubeconfig that can't be read, or without the context. */
export function access({ kubeconfig, context, namespace }: ClusterArguments): Access {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(
      `can't read the kubeconfig ${kubeconfig ?? process.env['KUBECONFIG'] ?? '~/.kube/config'}: ${why}`,
      {
        cause: error,
      },
    );
  }
  const contexts = config.getContexts().map(({ name }) => name);
  if (context !== undefined && !contexts.includes(context))
    throw new UserError(`the kubeconfig has no context ${context}; it has ${contexts.join(', ') || 'none'}`);
  if (context !== undefined) config.setCurrentContext(context);
  const own = config.getContextObject(config.getCurrentContext())?.namespace;
  return { api: new KubernetesApi(config, { mayWrite: () => true }), namespace: namespace ?? own ?? 'default' };
}

/** The proxies of a namespace's SipClusters, each asked by way of the API server. Rejects with UserError if there are none. */
export async function installed(where: ClusterArguments): Promise<Installation> {
  const { api, namespace } = access(where);
  try {
    const clusters = (await list(api, resources.SipCluster, namespace)) as unknown as readonly SipCluster[];
    if (clusters.length === 0) throw new UserError(`there is no SipCluster in the namespace ${namespace}`);
    const pods = await list(api, resources.Pod, namespace, `${label.managedBy}=${manager},${component}=proxy`);
    const proxies = pods.flatMap((pod) => proxyOf(pod, clusters));
    const tokens = new Map<string, Headers>();
    for (const { metadata } of clusters) tokens.set(metadata.name, await shown(api, namespace, metadata.name));
    return {
      clusters: clusters.map(clusterView),
      proxies,
      shards: clusters.flatMap(shardsOf),
      stores: clusters.flatMap((cluster) => plan(cluster, {}).stores),
      get: (path, deadline) => {
        const proxy = proxies.find(({ admin }) => path.startsWith(`${admin}/`));
        return api.ask(path, tokens.get(proxy?.cluster ?? '') ?? {}, AbortSignal.timeout(deadline));
      },
      close: () => api.close(),
    };
  } catch (error) {
    api.close();
    throw error instanceof ApiError ? new UserError(explained(error, namespace), { cause: error }) : error;
  }
}

type Headers = Readonly<Record<string, string>>;

/**
 * What opens the admin ports of a SipCluster's proxies, by way of the API server. Without the right to read the Secret,
 * or the Secret, it is nothing: the proxies' answers say so.
 */
export async function shown(api: KubernetesApi, namespace: string, cluster: string): Promise<Headers> {
  const secret = await api.read(resources.Secret, namespace, adminSecretName(cluster)).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  });
  const token = isRecord(secret?.['data']) ? secret['data']['token'] : undefined;
  return typeof token === 'string' ? { 'sipcluster-token': Buffer.from(token, 'base64').toString() } : {};
}

const component = 'app.kubernetes.io/component';

async function list(
  api: KubernetesApi,
  resource: Resource,
  namespace: string,
  selector?: string,
): Promise<readonly KubernetesObject[]> {
  const source = api.source(resource, namespace, selector);
  const objects: KubernetesObject[] = [];
  let next: string | undefined;
  do {
    const page = await source.list(next, AbortSignal.timeout(30_000));
    objects.push(...page.items);
    next = page.next;
  } while (next !== undefined);
  return objects;
}

function clusterView({ metadata, status }: SipCluster): ClusterView {
  return { name: metadata.name, namespace: metadata.namespace ?? '', conditions: status?.conditions ?? [] };
}

interface ProxyPod {
  readonly spec?: {
    readonly containers?: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: { readonly podIP?: string };
}

/** The path of a proxy's admin port by way of the API server. */
export function adminPath(pod: KubernetesObject): string {
  const { spec } = pod as unknown as ProxyPod;
  const ports = spec?.containers?.flatMap((container) => container.ports ?? []) ?? [];
  const port = ports.find(({ name }) => name === 'admin')?.containerPort ?? '';
  return `${pathOf(resources.Pod, pod.metadata.namespace, `${pod.metadata.name}:${port}`)}/proxy`;
}

/** The pod's address is what it binds; a pod without one is not asked, and shown as unreachable. */
function proxyOf(pod: KubernetesObject, clusters: readonly SipCluster[]): UpProxy[] {
  const { name, labels = {} } = pod.metadata;
  const { status } = pod as unknown as ProxyPod;
  const cluster = clusters.find(
    ({ metadata }) => clusterLabels(metadata.name)[label.cluster] === labels[label.cluster],
  );
  if (cluster === undefined) return [];
  return [
    {
      name,
      geoLocation: labels[label.geoLocation] ?? '',
      cluster: cluster.metadata.name,
      switch: labels[label.switch] ?? '',
      dn: labels[label.dn] ?? '',
      address: status?.podIP ?? '',
      admin: adminPath(pod),
    },
  ];
}

function shardsOf(cluster: SipCluster): UpShard[] {
  const shards = new Map<string, UpShard>();
  for (const { config } of plan(cluster, {}).shards) {
    const key = JSON.stringify([config.switch, config.dn]);
    if (!shards.has(key))
      shards.set(key, { cluster: config.cluster, switch: config.switch, dn: config.dn, servers: config.servers });
  }
  return [...shards.values()];
}

/** What an answer of the API server means to who asked. */
export function explained({ status, message }: ApiError, namespace: string): string {
  if (status === 404 && message.includes('sipclusters'))
    return `the cluster has no resource SipCluster: install the chart sipcluster-crds (${message})`;
  if (status === 403) return `you lack rights in the namespace ${namespace}: ${message}`;
  return message;
}
