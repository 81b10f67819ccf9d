import type { Logger as Log } from 'pino';
import type { KubernetesObject } from './kubernetes/object.ts';
import type { eventReasons } from './reasons.ts';

/** Something that an operator would want to be told. */
export interface Happening {
  readonly type: 'Normal' | 'Warning';
  readonly reason: keyof typeof eventReasons;
  readonly note: string;
}

/** How Events are written. */
export interface EventEdge {
  create(event: KubernetesObject): Promise<unknown>;
  patch(namespace: string, name: string, change: unknown): Promise<unknown>;
}

/** What has been told already. */
interface Told {
  readonly name: string;
  readonly namespace: string;
  count: number;
  /** When it last happened, and when that was last written, ms since the epoch. */
  at: number;
  written: number;
}

/** What happens again within this time of the last is one more of a series, not another Event, ms. */
const series = 600_000;
/** A series is written as often at most, ms. */
const every = 60_000;
/** New Events of one object at once, and the time in which room for another comes, ms: more are not told. */
const burst = 25;
const refill = 60_000;
/** Kept in mind at most. */
const most = 10_000;

/** Tells the API server of happenings. What repeats itself is one Event with a count, and a storm of others is cut off. */
export class Events {
  readonly #told = new Map<string, Told>();
  /** By object: until when its burst is used up, as if each Event took `refill`, ms since the epoch. */
  readonly #spent = new Map<string, number>();
  readonly #edge: EventEdge;
  readonly #instance: string;
  readonly #log: Log;
  #number = 0;

  /** @param instance which operator tells */
  constructor(edge: EventEdge, instance: string, log: Log) {
    this.#edge = edge;
    this.#instance = instance;
    this.#log = log;
  }

  /** @param now ms since the epoch */
  tell(regarding: KubernetesObject, happening: Happening, now: number): void {
    const uid = regarding.metadata.uid ?? '';
    const key = `${uid} ${happening.reason} ${happening.note}`;
    const told = this.#told.get(key);
    const write =
      told !== undefined && now - told.at < series
        ? this.#again(told, now)
        : this.#hasRoom(uid, now)
          ? this.#first(key, regarding, happening, now)
          : undefined;
    write?.catch((error: unknown) =>
      this.#log.debug({ err: error, reason: happening.reason }, 'an Event could not be written'),
    );
  }

  #again(told: Told, now: number): Promise<unknown> | undefined {
    told.count += 1;
    told.at = now;
    if (told.count > 2 && now - told.written < every) return undefined;
    told.written = now;
    return this.#edge.patch(told.namespace, told.name, {
      series: { count: told.count, lastObservedTime: microTime(now) },
    });
  }

  #hasRoom(uid: string, now: number): boolean {
    const spent = Math.max(this.#spent.get(uid) ?? 0, now) + refill;
    if (spent - now > burst * refill) return false;
    if (this.#spent.size >= most) this.#spent.clear();
    this.#spent.set(uid, spent);
    return true;
  }

  #first(
    key: string,
    { apiVersion, kind, metadata }: KubernetesObject,
    { type, reason, note }: Happening,
    now: number,
  ): Promise<unknown> {
    const { name: regarded, namespace = 'default', uid } = metadata;
    this.#number += 1;
    // Unique, and sorted by time.
    const name = `${regarded.slice(0, 200)}.${now.toString(16)}${this.#number.toString(16)}`;
    if (this.#told.size >= most) this.#told.clear();
    this.#told.set(key, { name, namespace, count: 1, at: now, written: now });
    return this.#edge.create({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name, namespace },
      eventTime: microTime(now),
      reportingController: 'sipcluster.io/operator',
      reportingInstance: this.#instance.slice(0, 128),
      action: 'Reconcile',
      reason,
      type,
      note: note.slice(0, 1024),
      regarding: { apiVersion, kind, name: regarded, namespace, uid },
    });
  }
}

/** The API's MicroTime has six digits. */
function microTime(now: number): string {
  return new Date(now).toISOString().replace('Z', '000Z');
}
