import { isIP } from 'node:net';
import type { KubernetesApi } from './kubernetes/api.ts';
import { ApiError } from './kubernetes/api-error.ts';
import { isRecord, type KubernetesObject } from './kubernetes/object.ts';
import { resources } from './kubernetes/resources.ts';
import type { StoreView } from './observe.ts';
import type { Shard } from './plan/shard.ts';
import { annotation, label, manager } from './render/kubernetes/metadata.ts';
import { configurationLag } from './observed.ts';
import type { Clock } from './watch.ts';

/** ms after which a pod whose proxy does not run the configuration yet is touched again. */
const touchEvery = 10_000;
const touched = 'sipcluster.io/touched';

/**
 * Annotations of running pods. A changed one makes the kubelet sync the pod's volumes at once, so that a new configuration
 * is there in a moment instead of a minute; another tells a proxy an address of its node, which pods can't ask for.
 */
export class PodNotes {
  readonly #api: KubernetesApi;
  readonly #clock: Clock;
  readonly #touched = new Map<string, number>();

  constructor(api: KubernetesApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  async write(
    shards: readonly Shard[],
    objects: readonly KubernetesObject[],
    views: readonly StoreView[],
  ): Promise<void> {
    for (const shard of shards) {
      const behind = new Set(configurationLag(shard, views).behind);
      const pods = objects.filter(
        ({ kind, metadata }) =>
          kind === 'Pod' && metadata.labels?.[label.part] === shard.name && metadata.deletionTimestamp === undefined,
      );
      for (const pod of pods) await this.#note(shard, pod, behind.has(pod.metadata.name));
    }
  }

  async #note(shard: Shard, { metadata, spec }: KubernetesObject, behind: boolean): Promise<void> {
    const { name, namespace = '', annotations = {}, uid = '' } = metadata;
    const wanted: Record<string, string> = {};
    if (annotations[annotation.configuration] !== shard.configHash) wanted[annotation.configuration] = shard.configHash;
    else if (behind && this.#clock.now() - (this.#touched.get(uid) ?? -Infinity) >= touchEvery) {
      wanted[touched] = String(Number(annotations[touched] ?? 0) + 1);
    }
    const node = isRecord(spec) ? spec['nodeName'] : undefined;
    if (annotations[annotation.address] === undefined && typeof node === 'string') {
      const address = await this.#address(shard, node);
      if (address !== undefined) wanted[annotation.address] = address;
    }
    if (Object.keys(wanted).length === 0) return;
    if (this.#touched.size > 10_000) this.#touched.clear();
    this.#touched.set(uid, this.#clock.now());
    try {
      await this.#api.patch(resources.Pod, namespace, name, { metadata: { annotations: wanted } }, manager);
    } catch (error) {
      // It has gone, and the watch has not told yet.
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
    }
  }

  /** Nodes are read only where a manifest asks for their addresses. */
  async #address({ advertiseFrom }: Shard, name: string): Promise<string | undefined> {
    if (advertiseFrom !== 'NodeExternalIP' && advertiseFrom !== 'NodeAnnotation') return undefined;
    const node = await this.#api.read(resources.Node, undefined, name);
    if (advertiseFrom === 'NodeAnnotation') return numeric(node?.metadata.annotations?.[annotation.address]);
    const status = isRecord(node?.['status']) ? node['status'] : {};
    const addresses: readonly unknown[] = Array.isArray(status['addresses']) ? status['addresses'] : [];
    const external = addresses.find((entry) => isRecord(entry) && entry['type'] === 'ExternalIP');
    return isRecord(external) ? numeric(external['address']) : undefined;
  }
}

function numeric(address: unknown): string | undefined {
  return typeof address === 'string' && isIP(address) !== 0 ? address : undefined;
}
