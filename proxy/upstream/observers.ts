import type { HealthRecord, MemberRole } from '../store/records.ts';

/** How long what another proxy published counts as fresh, ms: several of its heartbeats. */
const FRESH_FOR = 30_000;

interface Observer {
  readonly geoLocation: string;
  readonly at: number;
  /** By the pair's name. */
  readonly actives: ReadonlyMap<string, MemberRole | 'none'>;
  /** On our clock: clocks of data centres differ. */
  readonly heard: number;
}

/** What the other proxies publish of the pairs of their data centres. */
export class Observers {
  readonly #byProxy = new Map<string, Observer>();

  /** @returns the names of the pairs whose active member this proxy has changed, or publishes for the first time */
  note(record: HealthRecord, now: number): readonly string[] {
    const before = this.#byProxy.get(record.proxy);
    if (before !== undefined && before.at === record.at) return [];
    const actives = new Map(record.pairs.map(({ name, active }) => [name, active]));
    this.#byProxy.set(record.proxy, { geoLocation: record.geoLocation, at: record.at, actives, heard: now });
    return record.pairs.filter(({ name, active }) => before?.actives.get(name) !== active).map(({ name }) => name);
  }

  activeBy(proxy: string, pair: string): MemberRole | 'none' | undefined {
    return this.#byProxy.get(proxy)?.actives.get(pair);
  }

  /**
   * What most of a data centre's proxies hold for a pair's active member: of those heard lately, or, where the link to
   * them is cut, of all that were heard: what was known stays known. A draw goes to the primary.
   */
  majority(geoLocation: string, pair: string, now: number): MemberRole | 'none' | undefined {
    const fresh = this.#votes(geoLocation, pair, now - FRESH_FOR);
    const votes = fresh.total > 0 ? fresh : this.#votes(geoLocation, pair, Number.NEGATIVE_INFINITY);
    if (votes.total === 0) return undefined;
    if (votes.none > votes.primary && votes.none > votes.backup) return 'none';
    return votes.backup > votes.primary ? 'backup' : 'primary';
  }

  /** As majority, of those that have an active member; undefined if none has, or none was heard lately. */
  incumbent(geoLocation: string, pair: string, now: number): MemberRole | undefined {
    const votes = this.#votes(geoLocation, pair, now - FRESH_FOR);
    if (votes.primary + votes.backup === 0) return undefined;
    return votes.backup > votes.primary ? 'backup' : 'primary';
  }

  /** Its record is gone, which only its own data centre's store could tell: what it saw is for those that came after it. */
  gone(proxy: string): void {
    this.#byProxy.delete(proxy);
  }

  /** Forgets proxies of which nothing was heard for long: their leases are gone. */
  forgetBefore(time: number): void {
    for (const [proxy, observer] of this.#byProxy) if (observer.heard < time) this.#byProxy.delete(proxy);
  }

  #votes(geoLocation: string, pair: string, since: number): Votes {
    const votes = { primary: 0, backup: 0, none: 0, total: 0 };
    for (const observer of this.#byProxy.values()) {
      if (observer.geoLocation !== geoLocation || observer.heard < since) continue;
      const active = observer.actives.get(pair);
      if (active === undefined) continue;
      votes[active]++;
      votes.total++;
    }
    return votes;
  }
}

interface Votes {
  readonly primary: number;
  readonly backup: number;
  readonly none: number;
  readonly total: number;
}
