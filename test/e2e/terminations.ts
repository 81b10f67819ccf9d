import { KubeConfig } from '@kubernetes/client-node';
import { KubernetesApi } from '../../operator/kubernetes/api.ts';
import type { KubernetesObject } from '../../operator/kubernetes/object.ts';
import { resources } from '../../operator/kubernetes/resources.ts';

/** Follows the proxies' pods, to tell whether two of a shard ever terminated at once. */
export class Terminations {
  readonly #api: KubernetesApi;
  readonly #end = new AbortController();
  readonly #terminating = new Map<string, Set<string>>();
  readonly #together: string[] = [];
  #seen = 0;

  constructor(kubeconfig: string, namespace: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    this.#api = new KubernetesApi(config, { mayWrite: () => false });
    const source = this.#api.source(resources.Pod, namespace, 'app.kubernetes.io/component=proxy');
    void this.#follow(source).catch((error: unknown) => {
      if (!this.#end.signal.aborted) this.#together.push(`it could not be watched: ${String(error)}`);
    });
  }

  /** How many proxies were told to end so far. */
  get seen(): number {
    return this.#seen;
  }

  /** What must not be. */
  get together(): readonly string[] {
    return this.#together;
  }

  close(): void {
    this.#end.abort();
    this.#api.close();
  }

  async #follow(source: ReturnType<KubernetesApi['source']>): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const { items, resourceVersion } = await source.list(undefined, signal);
      for (const pod of items) this.#saw('MODIFIED', pod);
      await source.watch(resourceVersion, (type, pod) => this.#saw(type, pod as KubernetesObject), signal);
    }
  }

  #saw(type: string, { metadata }: KubernetesObject): void {
    const shard = metadata.labels?.['sipcluster.io/part'] ?? '';
    const now = this.#terminating.get(shard) ?? new Set<string>();
    this.#terminating.set(shard, now);
    if (type === 'DELETED') now.delete(metadata.name);
    else if (metadata.deletionTimestamp !== undefined && !now.has(metadata.name)) {
      now.add(metadata.name);
      this.#seen += 1;
      if (now.size > 1) this.#together.push([...now].join(' and '));
    }
  }
}
