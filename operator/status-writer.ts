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
  readonly #api: Pick<KubernetesApi, 'apply'>;
  readonly #clock: Clock;
  readonly #written = new Map<string, number>();
  /** When it is the turn of one that came too soon, ms. */
  readonly #turns = new Map<string, number>();
  /** When each status was last written, or found to be as it should, ms. */
  readonly #true = new Map<string, number>();
  #next = 0;

  constructor(api: Pick<KubernetesApi, 'apply'>, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** @returns ms after which to come again, since it was too soon; what was written; undefined: it says so already */
  async write(key: string, cluster: SipCluster, status: SipClusterStatus): Promise<number | SipCluster | undefined> {
    const now = this.#clock.now();
    // As JSON has it: without what is undefined.
    if (isDeepStrictEqual(JSON.parse(JSON.stringify(status)), cluster.status)) {
      this.#true.set(key, now);
      return undefined;
    }
    const again = (this.#written.get(key) ?? -Infinity) + each;
    if (now < again) return again - now;
    // Each waits for a turn of its own: hundreds that came back for every turn would do nothing but come back.
    const turn = this.#turns.get(key) ?? Math.max(this.#next, now);
    if (!this.#turns.has(key)) this.#next = turn + any;
    if (now < turn) {
      this.#turns.set(key, turn);
      return turn - now;
    }
    this.#turns.delete(key);
    this.#written.set(key, now);
    const { apiVersion, kind, metadata } = cluster;
    const { name, namespace = '' } = metadata;
    const object = { apiVersion, kind, metadata: { name, namespace }, status };
    const applied = (await this.#api.apply(object, manager, '/status')) as unknown as SipCluster;
    this.#true.set(key, now);
    return applied;
  }

  /** How many it knows to be so. */
  get known(): number {
    return this.#true.size;
  }

  /** ms since the oldest of them; 0: there is none. */
  get age(): number {
    return this.#true.size === 0 ? 0 : this.#clock.now() - Math.min(...this.#true.values());
  }

  forget(key: string): void {
    this.#true.delete(key);
    this.#written.delete(key);
    this.#turns.delete(key);
  }
}
