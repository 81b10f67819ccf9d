import { isDeepStrictEqual } from 'node:util';
import type { KubernetesApi } from './kubernetes/api.ts';
import { manager } from './render/kubernetes/metadata.ts';
import type { SipCluster, SipClusterStatus } from './sip-cluster.ts';
import type { Clock } from './watch.ts';

/** ms between two writes of one resource's status, and of any two. */
const each = 2000;
const any = 100;

/** Writes status when it has changed, and no oftener than it may. */
export class StatusWriter {
  readonly #api: KubernetesApi;
  readonly #clock: Clock;
  readonly #written = new Map<string, number>();
  #next = 0;

  constructor(api: KubernetesApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** @returns ms after which to come again, since it was too soon; what was written; undefined: it says so already */
  async write(key: string, cluster: SipCluster, status: SipClusterStatus): Promise<number | SipCluster | undefined> {
    // As JSON has it: without what is undefined.
    if (isDeepStrictEqual(JSON.parse(JSON.stringify(status)), cluster.status)) return undefined;
    const now = this.#clock.now();
    const due = Math.max((this.#written.get(key) ?? -Infinity) + each, this.#next);
    if (now < due) return due - now;
    this.#next = now + any;
    this.#written.set(key, now);
    const { apiVersion, kind, metadata } = cluster;
    const { name, namespace = '' } = metadata;
    const object = { apiVersion, kind, metadata: { name, namespace }, status };
    return (await this.#api.apply(object, manager, '/status')) as unknown as SipCluster;
  }

  forget(key: string): void {
    this.#written.delete(key);
  }
}
