import { Stream } from 'node:stream';
import { GRPCCancelledError, isRecoverableError, type IOptions } from 'etcd3';

/** etcd3's own name for it. */
export type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/**
 * For how long a member that gave no answer is passed by, ms; each time twice as long, up to the second. Then one call
 * finds out whether it is back, and is late if it is not.
 */
const [PASS_BY, PASS_BY_MOST] = [5000, 60_000];

/** Thrown in place of a call: etcd3 takes the next member then. */
class PassedBy extends Error {
  override readonly name = 'PassedBy';
}

/**
 * Which members of an etcd give no answer. Calls go to any of them by chance, and each to one that is gone without a
 * word costs its whole deadline: it is passed by while there are others. So is a learner, which refuses all calls.
 */
export class EtcdHosts {
  /** Until when each is passed by, and for how long that is. */
  readonly #passed = new Map<string, { until: number; for: number }>();
  readonly #count: number;
  readonly #now: () => number;

  /** `count`: of members; `now`: ms, of any clock that never goes back. */
  constructor(count: number, now: () => number = () => performance.now()) {
    this.#count = count;
    this.#now = now;
  }

  /** How etcd3 is to call the member `host`. */
  policy(host: string): Policy {
    return policyOf(async (call) => {
      if (this.#passesBy(host)) throw new PassedBy(`${host} gives no answer`);
      try {
        const result = await call();
        // a stream is there before anything was sent: that it is says nothing
        if (result instanceof Stream) passings.set(result, () => this.#passBy(host));
        else this.#passed.delete(host);
        return result;
      } catch (error) {
        if (isSilence(error) || isLearners(error)) this.#passBy(host);
        throw error;
      }
    });
  }

  #passBy(host: string): void {
    const known = this.#passed.get(host);
    const now = this.#now();
    if (known === undefined) this.#passed.set(host, { until: now + PASS_BY, for: PASS_BY });
    else known.until = now + known.for;
  }

  #passesBy(host: string): boolean {
    const passed = this.#passed.get(host);
    if (passed === undefined) return false;
    const now = this.#now();
    if (passed.until <= now) {
      // this call finds out; others don't wait for it
      passed.for = Math.min(2 * passed.for, PASS_BY_MOST);
      passed.until = now + passed.for;
      return false;
    }
    let silent = 0;
    for (const { until } of this.#passed.values()) if (until > now) silent++;
    return silent < this.#count;
  }
}

/** Streams that were opened, and how to pass by their members. */
const passings = new WeakMap<object, () => void>();

/** The member at the other end of `stream` says nothing any more: the next one is opened to another. */
export function passBySilent(stream: object): void {
  passings.get(stream)?.();
}

/** etcd3 retries and breaks circuits by itself unless told not to; we do it, where we know what a retry may do. */
export const noRetry: Policy = policyOf((call) => call());

/** Of calls that nobody can stop. */
const NEVER = new AbortController().signal;

function policyOf(execute: <T>(call: () => PromiseLike<T> | T) => Promise<T> | PromiseLike<T> | T): Policy {
  return {
    get _altReturn(): never {
      throw new TypeError('only there for its type');
    },
    onSuccess: () => ({ dispose: () => undefined }),
    onFailure: () => ({ dispose: () => undefined }),
    execute: async (call, signal = NEVER) => execute(async () => call({ signal })),
  };
}

/** Said by a member that has no vote yet: it answers neither writes nor watches, nor reads that must be of now. */
export function isLearners(error: unknown): boolean {
  return error instanceof Error && error.message.includes('not supported for learner');
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && isRecoverableError(error) && !(error instanceof GRPCCancelledError);
}
