import { clusterLabels, label } from './render/kubernetes/metadata.ts';
import type { SipCluster } from './sip-cluster.ts';

/** The SipClusters, as their watch has them, by `namespace/name`. */
export class Clusters {
  readonly #clusters = new Map<string, SipCluster>();
  /** Their keys by group: a label is shorter than a name may be, so that two may have one. */
  readonly #groups = new Map<string, Set<string>>();

  get(key: string): SipCluster | undefined {
    return this.#clusters.get(key);
  }

  put(key: string, cluster: SipCluster): void {
    this.#clusters.set(key, cluster);
    const group = groupFor(cluster);
    const keys = this.#groups.get(group);
    if (keys === undefined) this.#groups.set(group, new Set([key]));
    else keys.add(key);
  }

  remove(key: string): void {
    const cluster = this.#clusters.get(key);
    if (cluster === undefined) return;
    this.#clusters.delete(key);
    const group = groupFor(cluster);
    const keys = this.#groups.get(group);
    keys?.delete(key);
    if (keys?.size === 0) this.#groups.delete(group);
  }

  /** Keys of those whose objects are in that group. */
  inGroup(group: string): Iterable<string> {
    return this.#groups.get(group) ?? [];
  }

  /** All of them. */
  values(): Iterable<SipCluster> {
    return this.#clusters.values();
  }
}

/** The same as `groupOf` gives for what belongs to it. */
export function groupFor({ metadata }: SipCluster): string {
  return `${metadata.namespace ?? ''}/${clusterLabels(metadata.name)[label.cluster] ?? ''}`;
}
