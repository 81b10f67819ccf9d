import type { Problem } from './conditions.ts';
import type { EtcdMember } from './etcd-upkeep.ts';
import { ApiError } from './kubernetes/api-error.ts';
import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import type { ObserveTarget } from './observe.ts';
import type { Plan } from './plan/plan.ts';
import type { StorePlan } from './plan/store.ts';
import { prefix } from '../proxy/store/keys.ts';

/** The data of a Secret, or why there is none. */
type ReadSecret = (name: string) => Promise<KubernetesObject | undefined>;

/** Where the proxies of a plan publish, as far as it can be reached, and what stands in the way of the rest. */
export async function storeAccess(
  plan: Plan,
  namespace: string,
  readSecret: ReadSecret,
): Promise<{ targets: ObserveTarget[]; problems: Problem[] }> {
  const problems: Problem[] = [];
  const targets = new Map<string, ObserveTarget>();
  const accesses = new Map<string, ObserveTarget['access'] | undefined>();
  for (const store of plan.stores) accesses.set(store.name, await access(store, namespace, readSecret, problems));
  for (const { config, stores: names } of plan.shards) {
    for (const name of names) {
      const store = plan.stores.find((candidate) => candidate.name === name);
      const reached = accesses.get(name);
      if (store === undefined || reached === undefined) continue;
      const { switch: switchName, dn, cluster } = config;
      const range = prefix(config.namespace, cluster, switchName, dn);
      targets.set(`${name} ${range}`, {
        switch: switchName,
        dn,
        geoLocation: store.geoLocation,
        prefix: range,
        access: reached,
        own: plan.shards.some((shard) => shard.geoLocation === store.geoLocation),
      });
    }
  }
  return { targets: [...targets.values()], problems };
}

/** The members of each etcd that this operator runs, by the store's name: none while its Secrets are missing. */
export function etcdMembers(
  { stores }: Plan,
  targets: readonly ObserveTarget[],
  namespace: string,
): Map<string, EtcdMember[]> {
  const members = new Map<string, EtcdMember[]>();
  for (const { name, geoLocation, run } of stores) {
    const reached = targets.find((target) => target.geoLocation === geoLocation)?.access;
    if (run === undefined || reached === undefined) continue;
    const at = (ordinal: number): EtcdMember => ({
      endpoint: `https://${name}-${ordinal}.${name}.${namespace}.svc:2379`,
      access: reached,
    });
    members.set(
      name,
      Array.from({ length: run.replicas }, (_, ordinal) => at(ordinal)),
    );
  }
  return members;
}

async function access(
  store: StorePlan,
  namespace: string,
  readSecret: ReadSecret,
  problems: Problem[],
): Promise<ObserveTarget['access'] | undefined> {
  const { tlsSecretName, authSecretName } = store;
  const before = problems.length;
  const unreadable = (message: string): void => {
    if (!problems.some((problem) => problem.message === message))
      problems.push({ type: 'StoreAvailable', reason: 'SecretUnreadable', message });
  };
  const field = async (name: string, key: string, needed: boolean): Promise<Buffer | undefined> => {
    let secret: KubernetesObject | undefined;
    try {
      secret = await readSecret(name);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 0) throw error;
      unreadable(`the Secret ${name} of the etcd of ${store.geoLocation} can't be read: ${error.message}`);
      return undefined;
    }
    const data = secret?.['data'];
    const value = isRecord(data) ? data[key] : undefined;
    if (typeof value === 'string') return Buffer.from(value, 'base64');
    const of = `the etcd of ${store.geoLocation}`;
    const reason = secret === undefined ? 'SecretMissing' : 'SecretIncomplete';
    const message =
      secret === undefined ? `the Secret ${name} of ${of} is missing` : `the Secret ${name} of ${of} has no ${key}`;
    if (needed && !problems.some((problem) => problem.message === message))
      problems.push({ type: 'StoreAvailable', reason, message });
    return undefined;
  };
  const ca = tlsSecretName === undefined ? undefined : await field(tlsSecretName, 'ca.crt', true);
  const cert = tlsSecretName === undefined ? undefined : await field(tlsSecretName, 'tls.crt', false);
  const key = tlsSecretName === undefined ? undefined : await field(tlsSecretName, 'tls.key', false);
  const username = authSecretName === undefined ? undefined : await field(authSecretName, 'username', true);
  const password = authSecretName === undefined ? undefined : await field(authSecretName, 'password', true);
  if (problems.length > before) return undefined;
  // A Service's short name is known only to its own namespace's pods.
  const endpoints =
    store.run === undefined
      ? store.endpoints
      : store.endpoints.map((url) => url.replace(`://${store.name}:`, `://${store.name}.${namespace}.svc:`));
  return {
    endpoints,
    ...(ca !== undefined && { tls: { ca, ...(cert !== undefined && key !== undefined && { cert, key }) } }),
    ...(username !== undefined &&
      password !== undefined && {
        auth: { username: username.toString().trim(), password: password.toString().trim() },
      }),
  };
}
