import type { IStatusResponse } from 'etcd3';
import type { Logger as Log } from 'pino';
import { etcdClient, type EtcdClientOptions } from '../proxy/store/etcd-client.ts';
import type { Clock } from './watch.ts';

/** One member of a managed etcd, by its own URL. */
export interface EtcdMember {
  readonly endpoint: string;
  readonly access: Omit<EtcdClientOptions, 'endpoints'>;
}

/** ms between two looks at one etcd. */
const every = 600_000;
/** A member holds up its clients while it is defragmented: s a GiB on a slow disk, ms. */
const patience = 120_000;
/** Less than this is not worth holding up anybody, bytes. */
const least = 64 * 2 ** 20;

/** Whether more than half of what the member's file takes is empty: compaction frees pages, but gives none back. */
export function isWorthIt({ dbSize, dbSizeInUse }: Pick<IStatusResponse, 'dbSize' | 'dbSizeInUse'>): boolean {
  return Number(dbSize) >= least && Number(dbSizeInUse) * 2 < Number(dbSize);
}

/**
 * Gives back the room that compaction has freed in managed etcds, one member at a time and only while all of them answer; and
 * lets one that had run out of room (NOSPACE) take writes again.
 */
export class EtcdUpkeep {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #looked = new Map<string, number>();
  #last: Promise<void> = Promise.resolve();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Looks at it, unless it has done so lately. It is done behind whatever is under way, and never rejects. */
  tend(name: string, members: readonly EtcdMember[]): Promise<void> {
    const now = this.#clock.now();
    if (members.length === 0 || now - (this.#looked.get(name) ?? -Infinity) < every) return this.#last;
    this.#looked.set(name, now);
    this.#last = this.#last
      .then(() => this.#look(name, members))
      .catch((error: unknown) =>
        this.#log.warn({ err: error, store: name }, 'a managed etcd could not be looked after'),
      );
    return this.#last;
  }

  async #look(name: string, members: readonly EtcdMember[]): Promise<void> {
    const clients = members.map(({ endpoint, access }) => ({
      endpoint,
      maintenance: etcdClient({ ...access, endpoints: [endpoint] }),
    }));
    try {
      const all = await Promise.all(clients.map(({ maintenance }) => maintenance.maintenance.status(soon())));
      const [first] = clients;
      const { alarms = [] } = (await first?.maintenance.maintenance.alarm({ action: 'Get' }, soon())) ?? {};
      const full = alarms.filter(({ alarm }) => alarm === 'Nospace');
      for (const [i, { endpoint, maintenance }] of clients.entries()) {
        const status = all[i];
        if (status === undefined || (full.length === 0 && !isWorthIt(status))) continue;
        await maintenance.maintenance.defragment({ deadline: Date.now() + patience });
        const { dbSize } = await maintenance.maintenance.status(soon());
        this.#log.info({ store: name, member: endpoint, before: status.dbSize, after: dbSize }, 'defragmented');
      }
      for (const { memberID, alarm } of full)
        await first?.maintenance.maintenance.alarm({ action: 'Deactivate', memberID, alarm }, soon());
      if (full.length > 0) this.#log.warn({ store: name }, 'had run out of room, and takes writes again');
    } finally {
      for (const { maintenance } of clients) maintenance.close();
    }
  }
}

const soon = (): { deadline: number } => ({ deadline: Date.now() + 5000 });
