import type { Logger as Log } from 'pino';
import type { KubernetesObject } from './kubernetes/object.ts';

/** Something that an operator would want to be told. */
export interface Happening {
  readonly type: 'Normal' | 'Warning';
  readonly reason:
    | 'Repaired'
    | 'NameConflict'
    | 'RollStarted'
    | 'RollDone'
    | 'Pruned'
    | 'PairSwitched'
    | 'PairOutOfService'
    | 'PairInService'
    | 'DualPrimary'
    | 'StoreLost'
    | 'StoreBack';
  readonly note: string;
}

/** The same is not told again for this long, ms. */
const quiet = 600_000;
/** Kept in mind at most. */
const most = 10_000;

/** Tells the API server of happenings, each once in a while at most. */
export class Events {
  readonly #told = new Map<string, number>();
  readonly #create: (event: KubernetesObject) => Promise<unknown>;
  readonly #instance: string;
  readonly #log: Log;

  /** @param instance which operator tells */
  constructor(create: (event: KubernetesObject) => Promise<unknown>, instance: string, log: Log) {
    this.#create = create;
    this.#instance = instance;
    this.#log = log;
  }

  /** @param now ms since the epoch */
  tell(regarding: KubernetesObject, { type, reason, note }: Happening, now: number): void {
    const key = `${regarding.metadata.uid ?? ''} ${reason} ${note}`;
    if (now - (this.#told.get(key) ?? -Infinity) < quiet) return;
    if (this.#told.size >= most) this.#told.clear();
    this.#told.set(key, now);
    const { apiVersion, kind, metadata } = regarding;
    const { name, namespace = 'default', uid } = metadata;
    this.#create({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      // Unique, and sorted by time.
      metadata: { name: `${name.slice(0, 200)}.${now.toString(16)}${this.#told.size.toString(16)}`, namespace },
      eventTime: new Date(now).toISOString().replace('Z', '000Z'),
      reportingController: 'sipcluster.io/operator',
      reportingInstance: this.#instance.slice(0, 128),
      action: 'Reconcile',
      reason,
      type,
      note: note.slice(0, 1024),
      regarding: { apiVersion, kind, name, namespace, uid },
    }).catch((error: unknown) => this.#log.debug({ err: error, reason }, 'an Event could not be written'));
  }
}
