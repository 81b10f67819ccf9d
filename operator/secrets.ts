import type { Logger as Log } from 'pino';
import { adminSecret } from './admin-secret.ts';
import { isOurs } from './apply-kubernetes.ts';
import type { KubernetesApi } from './kubernetes/api.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { resources } from './kubernetes/resources.ts';
import { manager } from './render/kubernetes/metadata.ts';
import { adminSecretName } from './plan/name.ts';
import type { Place } from './render/kubernetes/place.ts';
import type { SipCluster } from './sip-cluster.ts';
import { authoritySecret, authoritySecretName, isDue, ownStores, storeSecret } from './store-certificates.ts';
import type { Clock } from './watch.ts';

/** ms for which a Secret that was read is believed. */
const believed = 60_000;

/**
 * The Secrets of etcds and of admin ports: the only ones that the operator reads, by name, and makes where there is none. Of
 * the others it asks only whether they are there.
 */
export class Secrets {
  readonly #api: KubernetesApi;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known = new Map<string, { at: number; read: Promise<KubernetesObject | undefined> }>();
  /** When each of those that it does not read was last found, ms. */
  readonly #found = new Map<string, number>();

  constructor(api: KubernetesApi, clock: Clock, log: Log) {
    this.#api = api;
    this.#clock = clock;
    this.#log = log;
  }

  /** Undefined: there is none. */
  read(namespace: string, name: string): Promise<KubernetesObject | undefined> {
    const key = `${namespace}/${name}`;
    const known = this.#known.get(key);
    if (known !== undefined && this.#clock.now() - known.at < believed) return known.read;
    const read = this.#api.read(resources.Secret, namespace, name);
    this.#known.set(key, { at: this.#clock.now(), read });
    // One that is missing, or could not be read, is asked for again at once.
    read.then(
      (secret) => secret === undefined && this.#known.delete(key),
      () => this.#known.delete(key),
    );
    return read;
  }

  /** Whether there is one: what it holds is not read. One that was found is believed to stay for a minute. */
  async exists(namespace: string, name: string): Promise<boolean> {
    const key = `${namespace}/${name}`;
    const now = this.#clock.now();
    if (now - (this.#found.get(key) ?? -Infinity) < believed) return true;
    const found = await this.#api.exists(resources.Secret, namespace, name);
    if (found) this.#found.set(key, now);
    else this.#found.delete(key);
    return found;
  }

  /** The token of the proxies' admin ports: made once. Who deletes it gets another. */
  async makeAdmin(place: Place): Promise<void> {
    const name = adminSecretName(place.owner.name);
    if ((await this.read(place.namespace, name)) !== undefined) return;
    await this.#api.create(adminSecret(place));
    this.#log.info({ secret: name }, 'made the token of the admin ports');
  }

  /**
   * Those of etcds that are run here without a Secret of the user's: made, and renewed in time by the authority that signed
   * the ones before. etcd reads its files again at every connection.
   * @param now ms since the epoch
   */
  async make(
    cluster: SipCluster,
    geoLocations: readonly string[] | undefined,
    place: Place,
    now: number,
  ): Promise<void> {
    const { namespace } = place;
    for (const { secret, store } of ownStores(cluster, geoLocations)) {
      const is = await this.read(namespace, secret);
      if (is !== undefined && !(isOurs(is, place.owner.uid) && isDue(is, now))) continue;
      const authority = await this.#authority(store, is === undefined, place, now);
      if (authority === undefined) continue;
      await this.#api.apply(await storeSecret(store, secret, authority, place, now), manager);
      this.#known.delete(`${namespace}/${secret}`);
      this.#log.info(
        { secret },
        is === undefined ? 'made the certificates of an etcd' : 'renewed the certificates of an etcd',
      );
    }
  }

  /** Made where nobody trusts another one yet. */
  async #authority(store: string, first: boolean, place: Place, now: number): Promise<KubernetesObject | undefined> {
    const name = authoritySecretName(store);
    const known = await this.#api.read(resources.Secret, place.namespace, name);
    if (known !== undefined) return known;
    if (first) return this.#api.create(await authoritySecret(store, place, now));
    this.#log.error(
      { secret: name },
      `the certificates of ${store} can't be renewed: the Secret of their authority is gone. Delete the Secret with them, and restart its members and proxies`,
    );
    return undefined;
  }
}
