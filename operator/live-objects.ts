import { isDeepStrictEqual } from 'node:util';
import type { Logger as Log } from 'pino';
import { Clusters } from './clusters.ts';
import type { KubernetesApi } from './kubernetes/api.ts';
import { keyOf, type KubernetesObject } from './kubernetes/object.ts';
import { resources, type Resource } from './kubernetes/resources.ts';
import { groupOf, Owned } from './owned.ts';
import { podKept } from './pod-trouble.ts';
import { label, manager } from './render/kubernetes/metadata.ts';
import type { SipCluster } from './sip-cluster.ts';
import { ObjectWatch, type Clock } from './watch.ts';

export interface LiveObjectsOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: all. */
  readonly namespaces?: readonly string[];
  /** Every watch has its first list. */
  readonly synced: () => void;
  /** A SipCluster came or went, or is not to be as it was: its key. */
  readonly clusterChanged: (key: string) => void;
  /** What belongs to a SipCluster changed: its key. */
  readonly ownedChanged: (key: string) => void;
}

/** Kinds that are made, which a watch tells of when somebody changes one. */
export const made: readonly Resource[] = [
  resources.ServiceAccount,
  resources.ConfigMap,
  resources.Service,
  resources.PodDisruptionBudget,
  resources.NetworkPolicy,
  resources.Deployment,
  resources.StatefulSet,
];

/** The SipClusters and all that is theirs, as the API server has them now. */
export class LiveObjects {
  readonly clusters = new Clusters();
  readonly owned = new Owned();
  readonly #options: LiveObjectsOptions;
  readonly #watches: ObjectWatch[] = [];

  constructor(options: LiveObjectsOptions) {
    this.#options = options;
  }

  /** Every watch has its first list: what is missing now is missing. */
  get synced(): boolean {
    return this.#watches.length > 0 && this.#watches.every((watch) => watch.synced);
  }

  start(): void {
    const labelled = `${label.managedBy}=${manager}`;
    for (const namespace of this.#options.namespaces ?? [undefined]) {
      this.#watch(resources.SipCluster, namespace, undefined, (now, before) => this.#clusterChanged(now, before));
      for (const resource of [...made, resources.Pod]) {
        const kept = resource === resources.Pod ? podKept : undefined;
        this.#watch(resource, namespace, labelled, (now, before) => this.#ownedChanged(now, before), kept);
      }
    }
    for (const watch of this.#watches) watch.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.close()));
  }

  #watch(
    resource: Resource,
    namespace: string | undefined,
    selector: string | undefined,
    changed: (now: KubernetesObject | undefined, before: KubernetesObject | undefined) => void,
    kept?: (object: KubernetesObject) => KubernetesObject,
  ): void {
    const { api, clock, log } = this.#options;
    const source = api.source(resource, namespace, selector);
    this.#watches.push(
      new ObjectWatch({
        what: resource.plural,
        source,
        clock,
        log,
        changed,
        synced: () => this.synced && this.#options.synced(),
        ...(kept && { kept }),
      }),
    );
  }

  /** Our own writes of status are no reason to look again. */
  #clusterChanged(now: KubernetesObject | undefined, before: KubernetesObject | undefined): void {
    const object = now ?? before;
    if (object === undefined) return;
    const key = keyOf(object);
    if (now === undefined) this.clusters.remove(key);
    // The API server has judged it by the schema that the type is made from.
    else this.clusters.put(key, now as unknown as SipCluster);
    const [is, was] = [now?.metadata, before?.metadata];
    const same =
      is?.uid === was?.uid && is?.generation === was?.generation && is?.deletionTimestamp === was?.deletionTimestamp;
    if (!same || !isDeepStrictEqual(is?.annotations, was?.annotations)) this.#options.clusterChanged(key);
  }

  #ownedChanged(now: KubernetesObject | undefined, before: KubernetesObject | undefined): void {
    const object = now ?? before;
    if (object === undefined) return;
    if (now !== undefined) this.owned.put(now);
    else this.owned.remove(object);
    // A pod's owner is a ReplicaSet: it is the label that says whose it is.
    for (const key of this.clusters.inGroup(groupOf(object))) this.#options.ownedChanged(key);
  }
}
