/**
 * The contract of a store: one data centre's etcd (or memory) seen through one shard's key range.
 * Keys are relative to that range (`binding/…`, `call/…`, `key/…`, `owner/…`, `proxy/…`, `health/…`); values are text.
 */
export interface Store {
  readonly geoLocation: string;
  /** It keeps nothing that has an expiry, for nobody else would read it: what this process knows is all there is. */
  readonly isVolatile?: boolean;
  /** Lists, then watches from the list's revision; reconnects for ever, until close(). Called once. */
  follow(follower: StoreFollower): void;
  /** Grouped with others; of several puts of one key the last wins. Resolves once committed; rejects with StoreError. */
  put(key: string, value: string, life?: Life): Promise<void>;
  /** put(), or without a value remove(), where many are made a second: who waits is told by a call, later than this one. */
  write(change: KeyChange, outcome: Outcome): void;
  /** Opens the watch anew, from where it was: it is up, but brings nothing. Absent where that can't be. */
  reopen?(why: string): void;
  /** With `held`, only if that is the value the store holds. */
  remove(key: string, held?: string): Promise<void>;
  /** Compare-and-create: false, and nothing written, if the key exists. */
  create(key: string, value: string, life?: Life): Promise<boolean>;
  /** Ends the watch, flushes what is queued within its deadline and revokes the presence lease. */
  close(): Promise<void>;
}

export interface KeyChange {
  readonly key: string;
  /** Undefined: it is removed. */
  readonly value: string | undefined;
  readonly life: Life | undefined;
  /** Of a removal: only if that is the value the store holds. */
  readonly held: string | undefined;
}

/** Who waits for a write. */
export interface Outcome {
  committed(): void;
  /** A StoreError, unless something is wrong with this program. */
  failed(error: unknown): void;
  /** A put's: the store's watch says what was written. False, or absent: that must be read as a put by anybody is. */
  heard?(): boolean;
}

/** How long the store keeps a key: until an absolute time (ms since the epoch; cleaned up a minute or so later), or as long as this process lives. */
export type Life = { readonly expires: number } | 'presence';

export interface StoreFollower {
  /**
   * A full list begins: keys not named between here and loaded() are gone. `restored`: this is not the store that was
   * followed before, but an empty, an older or another one, so what it lacks was lost rather than removed. `count`: how many keys it will name, about, where that is known.
   */
  listing(restored: boolean, count?: number): void;
  put(key: string, value: string): void;
  remove(key: string): void;
  loaded(): void;
  /** Reported on change only. */
  available(available: boolean, reason: string): void;
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** What a user can act on: `Unreachable`, `Deadline`, `NoSpace`, `Unauthenticated`, `Closed`, `Refused`, `SecretMissing`. */
  readonly reason: string;
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** put() and remove(), by write(). */
export async function promiseOf(store: Store, change: KeyChange): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    store.write(change, { committed: resolve, failed: reject });
  });
}

/** write(), by put() and remove(): for a store of which little is asked. */
export function writeByPromise(store: Store, { key, value, life, held }: KeyChange, outcome: Outcome): void {
  const written = value === undefined ? store.remove(key, held) : store.put(key, value, life);
  written.then(
    () => outcome.committed(),
    (error: unknown) => outcome.failed(error),
  );
}
