import { EtcdLeaseInvalidError, type Etcd3, type Lease } from 'etcd3';
import type { Logger as Log } from 'pino';
import { ownerKey } from '../proxy/store/keys.ts';
import { isRecord } from './kubernetes/object.ts';
import type { Clock } from './watch.ts';

export interface OwnershipOptions {
  readonly client: Etcd3;
  /** The shard's key range. */
  readonly prefix: string;
  readonly geoLocation: string;
  /** Of the Kubernetes cluster that claims it. */
  readonly uid: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The claim is another one than before. */
  readonly changed: () => void;
}

/** `Unknown`: not tried yet. `Unreachable`: there is no etcd to ask. `other`: the uid of the cluster that holds it. */
export type Claim = 'Unknown' | 'Held' | 'Unreachable' | { readonly other: string };

/** s */
const ttl = 60;
/** ms */
const beat = 20_000;
const retry = 5000;

/**
 * Holds `owner/<geo>` under a lease, so that of two Kubernetes clusters told to run one data centre only the first does. A
 * new leader of the same cluster takes over what the one before held.
 */
export class Ownership {
  claim: Claim = 'Unknown';
  readonly #options: OwnershipOptions;
  readonly #end = new AbortController();
  #lease: Lease | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Stops; with `giveUp` another may have it at once, else when the lease has run out. Never rejects. */
  async close(giveUp: boolean): Promise<void> {
    this.#end.abort();
    await this.#ended;
    if (giveUp && this.claim === 'Held')
      await this.#lease
        ?.revoke()
        .catch((error: unknown) => this.#options.log.debug({ err: error }, 'could not revoke'));
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#end.signal.aborted) {
      const claim = await this.#attempt();
      if (JSON.stringify(claim) !== JSON.stringify(this.claim)) {
        this.claim = claim;
        if (!this.#end.signal.aborted) this.#options.changed();
      }
      await clock.sleep((claim === 'Held' ? beat : retry) * (0.9 + clock.random() / 5), this.#end.signal);
    }
  }

  async #attempt(): Promise<Claim> {
    const { log, geoLocation } = this.#options;
    try {
      if (this.#lease !== undefined && this.claim === 'Held' && (await this.#renew(this.#lease))) return 'Held';
      this.#lease ??= this.#options.client.lease(ttl, { autoKeepAlive: false });
      return await this.#take(await this.#lease.grant());
    } catch (error) {
      this.#lease = undefined;
      log.debug({ err: error, geoLocation }, `could not claim ${ownerKey(geoLocation)}`);
      return 'Unreachable';
    }
  }

  /** False: the lease has run out. */
  async #renew(lease: Lease): Promise<boolean> {
    try {
      await lease.keepaliveOnce();
      return true;
    } catch (error) {
      if (!(error instanceof EtcdLeaseInvalidError)) throw error;
      this.#lease = undefined;
      return false;
    }
  }

  async #take(lease: string): Promise<Claim> {
    const { client, prefix, geoLocation, uid } = this.#options;
    const key = prefix + ownerKey(geoLocation);
    const value = JSON.stringify({ v: 1, uid });
    const put = client.put(key).value(value).lease(lease);
    const free = await client.if(key, 'Create', '==', 0).then(put).else(client.get(key)).commit();
    if (free.succeeded) return 'Held';
    const holder = holderOf(free.responses[0]?.response_range?.kvs[0]?.value.toString() ?? '');
    if (holder !== uid) return { other: holder };
    // Ours, from the leader before this one.
    const same = await client.if(key, 'Value', '==', value).then(put).commit();
    return same.succeeded ? 'Held' : 'Unknown';
  }
}

function holderOf(value: string): string {
  try {
    const owner: unknown = JSON.parse(value);
    return isRecord(owner) && typeof owner['uid'] === 'string' ? owner['uid'] : value;
  } catch {
    return value;
  }
}
