import type { IEvent, IKeyValue, IRangeRequest, IRangeResponse, IWatchResponse } from 'etcd3';

/** Why a store is not the one that was seen, with what shows it, for the log. */
export interface Contradiction {
  readonly why: string;
  readonly what: object;
}

/** What was seen of an etcd, by which one that was set back to an older backup, or is another, is known. */
export class Past {
  /** Of the cluster that was listed; the highest revision and term known of it. */
  #clusterId = '';
  #seen = 0n;
  #term = 0n;
  /** What was read of it last, and a revision at which it was so: a store that was set back has another past. */
  #mark: IKeyValue | undefined;
  #markedAt = '0';

  get clusterId(): string {
    return this.#clusterId;
  }

  /** The highest revision. */
  get seen(): bigint {
    return this.#seen;
  }

  /** The revision of `question()`. */
  get markedAt(): string {
    return this.#markedAt;
  }

  /** By its header, who gave this answer is not the store that was seen; undefined: it may be. */
  contradicts({ header }: IRangeResponse | IWatchResponse): Contradiction | undefined {
    const { cluster_id: cluster, revision, raft_term: term } = header;
    const what = {
      revision,
      cluster,
      term,
      seen: this.#seen.toString(),
      before: this.#clusterId,
      termBefore: this.#term.toString(),
    };
    const isOther = this.#clusterId !== '' && cluster !== this.#clusterId;
    const isOlder = BigInt(revision) < this.#seen || BigInt(term) < this.#term;
    this.#term = BigInt(term);
    if (isOther) return { what, why: 'the store is another cluster than before' };
    return isOlder ? { what, why: 'the store was set back to an older revision' } : undefined;
  }

  /** What to ask of a store, whose answer `isOther()` judges. `key`: asked for as long as nothing was read. */
  question(key: Buffer): IRangeRequest {
    return this.#mark === undefined ? { key } : { key: this.#mark.key, revision: this.#markedAt };
  }

  /** Whether a store that has this for an answer has another past. */
  isOther(kv: IKeyValue | undefined): boolean {
    if (this.#mark === undefined) return false;
    return kv?.mod_revision !== this.#mark.mod_revision || !kv.value.equals(this.#mark.value);
  }

  /** All of it was read, at the revision of its first page. */
  listed({ header, kvs }: IRangeResponse): void {
    this.#clusterId = header.cluster_id;
    this.#seen = BigInt(header.revision);
    this.#mark = kvs[0];
    this.#markedAt = header.revision;
  }

  /** All up to this revision was seen, whose last event this is. */
  saw(revision: bigint, last: IEvent | undefined): void {
    this.#seen = revision;
    if (last?.type !== 'Put') return;
    this.#mark = last.kv;
    this.#markedAt = last.kv.mod_revision;
  }
}
