import type { Logger as Log } from 'pino';
import type { KubernetesApi } from './kubernetes/api.ts';
import type { KubernetesObject } from './kubernetes/object.ts';
import { resources } from './kubernetes/resources.ts';
import type { Place } from './render/kubernetes/place.ts';
import type { SipCluster } from './sip-cluster.ts';
import { ownStores, storeSecret } from './store-certificates.ts';
import type { Clock } from './watch.ts';

/** ms for which a Secret that was read is believed. */
const believed = 60_000;

/** The Secrets of etcds: the only ones that the operator reads, by name, and makes where the manifest names none. */
export class EtcdSecrets {
  readonly #api: KubernetesApi;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known = new Map<string, { at: number; read: Promise<KubernetesObject | undefined> }>();

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

  /**
   * Those of etcds that are run here without a Secret of the user's: made once, never changed.
   * @param now ms since the epoch
   */
  async make(
    cluster: SipCluster,
    geoLocations: readonly string[] | undefined,
    place: Place,
    now: number,
  ): Promise<void> {
    for (const { secret, store } of ownStores(cluster, geoLocations)) {
      if ((await this.read(place.namespace, secret)) !== undefined) continue;
      await this.#api.create(await storeSecret(store, secret, place, now));
      this.#log.info({ secret }, 'made the certificates of an etcd');
    }
  }
}
