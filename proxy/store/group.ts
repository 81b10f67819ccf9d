import { EtcdLeaseInvalidError, type Etcd3, type ITxnResponse } from 'etcd3';
import type { Logger as Log } from 'pino';
import { Backoff } from './backoff.ts';
import { storeError } from './etcd-client.ts';
import type { Echoes } from './echoes.ts';
import type { GroupedWrites } from './etcd-txn.ts';
import { Op, type OpOutcome } from './group-op.ts';
import { KeyTable } from './key-table.ts';
import type { ExpiryLeases, PresenceLease } from './lease.ts';
import { StoreError, type Life } from './store.ts';

/** etcd's default for operations in a transaction (--max-txn-ops). */
const MAX_OPS = 128;
/** etcd refuses requests over 1.5 MiB. */
const MAX_BYTES = 1 << 20;
/** How long an operation waits for company, ms. */
const WAIT = 2;
/**
 * So many that came in that time say that more are coming, and all wait for these, ms: a transaction costs half a
 * millisecond of CPU whatever is in it, ten times an operation's.
 */
const BUSY = 3;
const BUSY_WAIT = 25;
/** Transactions on their way at once: while one is committed the next is gathered. */
const MAX_FLYING = 4;
/** How long an operation is tried, unless told otherwise, ms. */
const DEADLINE = 5000;
/** The same for what is left when the store is closed, ms. */
const CLOSE_DEADLINE = 1000;
const MAX_QUEUED = 20_000;

/** Groups writes to etcd into transactions: each key once in a transaction, and in the order in which it was written. */
export class Group {
  readonly #client: Etcd3;
  readonly #prefix: string;
  readonly #expiry: ExpiryLeases;
  readonly #presence: PresenceLease;
  readonly #echoes: Echoes;
  readonly #log: Log;
  readonly #trouble: (reason: string) => void;
  readonly #leaseLost: () => void;
  readonly #deadline: number;
  readonly #backoff = new Backoff();
  /** The last operation of each key that has any. */
  readonly #last = new KeyTable<Op>();
  /** Those that may be sent now: the first of their key. */
  #ready: Op[] = [];
  #flying = 0;
  #pausing = false;
  /** When operations are given up although their deadline is later. */
  #end = Infinity;
  #timer: NodeJS.Timeout | undefined;
  #drained: (() => void)[] = [];
  #complained = '';

  /**
   * `trouble`: why writes fail, '' when they do not; on change. `leaseLost`: etcd does not know a lease that should
   * still be there, so it was set back or replaced.
   */
  constructor(options: {
    client: Etcd3;
    prefix: string;
    expiry: ExpiryLeases;
    presence: PresenceLease;
    echoes: Echoes;
    log: Log;
    trouble(reason: string): void;
    leaseLost(): void;
    deadline?: number | undefined;
  }) {
    this.#client = options.client;
    this.#prefix = options.prefix;
    this.#expiry = options.expiry;
    this.#presence = options.presence;
    this.#echoes = options.echoes;
    this.#log = options.log;
    this.#trouble = (reason) => options.trouble(reason);
    this.#leaseLost = () => options.leaseLost();
    this.#deadline = options.deadline ?? DEADLINE;
  }

  /** Who waits is told once it is committed, or with a StoreError; later than this call. */
  take(
    kind: Op['kind'],
    key: string,
    value: string,
    life: Life | undefined,
    held: string | undefined,
    outcome: OpOutcome,
  ): void {
    if (this.#end < Infinity) {
      refuse(outcome, new StoreError('Closed', `${kind} ${key}: the store is closed`));
      return;
    }
    const last = this.#last.get(key);
    if (last !== undefined && !last.sent && kind === 'put' && last.kind === 'put') {
      last.value = value;
      last.life = life;
      last.waiting.push(outcome);
      return;
    }
    if (this.#last.size >= MAX_QUEUED) {
      refuse(outcome, new StoreError('Deadline', `${kind} ${key}: ${MAX_QUEUED} writes wait already`));
      return;
    }
    const op = new Op(kind, key, value, life, held, outcome, performance.now() + this.#deadline);
    this.#last.set(op);
    if (last !== undefined) last.next = op;
    else this.#ready.push(op);
    this.#schedule();
  }

  /** Nothing more is taken; resolves when what is queued is written, or had its time. */
  async close(): Promise<void> {
    this.#end = performance.now() + CLOSE_DEADLINE;
    this.#flush();
    let timer: NodeJS.Timeout | undefined;
    if (this.#last.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained.push(resolve);
        timer = setTimeout(resolve, CLOSE_DEADLINE);
      });
    }
    clearTimeout(timer);
    clearTimeout(this.#timer);
    this.#backoff.end();
  }

  #schedule(): void {
    if (this.#pausing || this.#flying >= MAX_FLYING) return;
    if (this.#ready.length >= MAX_OPS) this.#flush();
    else this.#timer ??= setTimeout(() => this.#gathered(), WAIT);
  }

  #gathered(): void {
    if (this.#ready.length < BUSY) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), BUSY_WAIT - WAIT);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#ready.length > 0 && !this.#pausing && this.#flying < MAX_FLYING) {
      const request = this.#requestOf(this.#nextOps());
      this.#flying++;
      void this.#send(request).finally(() => {
        this.#flying--;
        if (this.#ready.length > 0) this.#schedule();
        if (this.#last.size === 0) for (const drained of this.#drained.splice(0)) drained();
      }); // never rejects
    }
  }

  #nextOps(): Op[] {
    let bytes = 0;
    let count = 0;
    for (const op of this.#ready) {
      bytes += op.key.length + op.value.length;
      if (count > 0 && (count === MAX_OPS || bytes > MAX_BYTES)) break;
      count++;
    }
    const ops = this.#ready.splice(0, count);
    for (const op of ops) op.sent = true;
    return ops;
  }

  #requestOf(ops: readonly Op[]): GroupedWrites<Op> {
    return { prefix: this.#prefix, writes: ops };
  }

  /** While it waits only `request` holds the operations: see landed(). */
  async #send(request: GroupedWrites<Op>): Promise<void> {
    const now = performance.now();
    let answer: ITxnResponse;
    try {
      await this.#lease(request);
      answer = await this.#client.kv.txn(request);
    } catch (error) {
      await this.#failed(landed(request), error, now);
      return;
    }
    this.#report('');
    const ops = landed(request);
    if (ops.every(({ kind }) => kind === 'put')) this.#echoes.committed(Number(answer.header.revision), ops);
    for (const [i, op] of ops.entries()) this.#done(op, answer.responses[i]?.response_txn);
  }

  async #failed(ops: readonly Op[], error: unknown, startedAt: number): Promise<void> {
    if (error instanceof EtcdLeaseInvalidError) this.#forgetLeases(ops);
    const failure = storeError(error, `write ${ops.length} keys, ${ops[0]?.key ?? ''} first`);
    for (const op of ops) op.tried = true;
    if (failure.reason === 'Refused' && !(error instanceof EtcdLeaseInvalidError)) await this.#split(ops, failure);
    else await this.#again(ops, failure, startedAt);
  }

  /** One operation that etcd refuses must not take the others with it. */
  async #split(ops: readonly Op[], failure: StoreError): Promise<void> {
    const [only] = ops;
    if (ops.length === 1 && only !== undefined) {
      this.#fail(only, failure);
      return;
    }
    const half = Math.ceil(ops.length / 2);
    await this.#send(this.#requestOf(ops.slice(0, half)));
    await this.#send(this.#requestOf(ops.slice(half)));
  }

  async #again(ops: readonly Op[], failure: StoreError, startedAt: number): Promise<void> {
    this.#report(failure.reason, failure);
    const isFinal = failure.reason === 'Closed' || failure.reason === 'Unauthenticated';
    const end = performance.now();
    const left: Op[] = [];
    for (const op of ops) {
      if (isFinal || this.#deadlineOf(op) <= end) this.#fail(op, failure);
      else left.push(op);
    }
    this.#ready = [...left, ...this.#ready];
    // a lost lease is replaced at once; others that failed meanwhile share one pause
    if (this.#pausing || (failure.cause instanceof EtcdLeaseInvalidError && end - startedAt < this.#deadline)) return;
    this.#pausing = true;
    await this.#backoff.pause();
    this.#pausing = false;
    const late = performance.now();
    const overdue = this.#ready.filter((op) => this.#deadlineOf(op) <= late);
    this.#ready = this.#ready.filter((op) => this.#deadlineOf(op) > late);
    for (const op of overdue) this.#fail(op, failure);
  }

  #deadlineOf(op: Op): number {
    return Math.min(op.deadline, this.#end);
  }

  async #lease(request: GroupedWrites<Op>): Promise<void> {
    for (const op of request.writes) {
      if (op.life === undefined || op.kind === 'remove') {
        op.lease = '0';
      } else if (op.life === 'presence') {
        if (this.#presence.id === undefined) await this.#presence.open();
        // lost again already: without a lease the key would outlive this process
        if (this.#presence.id === undefined) throw new StoreError('Unreachable', 'there is no presence lease');
        op.lease = this.#presence.id;
      } else {
        op.lease = this.#expiry.take(op.life.expires) ?? (await this.#expiryLease(op.life.expires));
      }
    }
  }

  async #expiryLease(expires: number): Promise<string> {
    for (;;) {
      const id = this.#expiry.take(expires);
      if (id !== undefined) return id;
      await this.#expiry.open(expires);
    }
  }

  /** etcd does not say which one it does not know. */
  #forgetLeases(ops: readonly Op[]): void {
    let early = false;
    for (const id of new Set(ops.map(({ lease }) => lease))) {
      if (id === this.#presence.id) this.#presence.forget(id);
      else if (this.#expiry.forget(id)) early = true;
    }
    if (early) this.#leaseLost();
  }

  #done(op: Op, response: ITxnResponse | null | undefined): void {
    let created = response?.succeeded ?? true;
    if (op.kind === 'create' && !created && op.tried) {
      // the try before may have created it: then it holds our value
      created = response?.responses[0]?.response_range.kvs[0]?.value.toString() === op.value;
    }
    this.#finish(op);
    for (const outcome of op.waiting) outcome.committed(created);
  }

  #fail(op: Op, error: StoreError): void {
    this.#finish(op);
    for (const outcome of op.waiting) outcome.failed(error);
  }

  #finish(op: Op): void {
    if (op.next !== undefined) this.#ready.push(op.next);
    else this.#last.delete(op);
  }

  #report(reason: string, failure?: StoreError): void {
    if (reason === this.#complained) return;
    if (failure !== undefined) this.#log.warn({ err: failure }, 'could not write to the store; trying again');
    else this.#log.info('writes to the store go through again');
    this.#complained = reason;
    if (reason === '') this.#backoff.reset();
    this.#trouble(reason);
  }
}

/**
 * The operations of a request that was answered, of which it lets go: gRPC's call, which is done, is found dead only when
 * the whole memory is collected, and until then all that it leads to is taken for alive.
 */
function landed(request: GroupedWrites<Op>): readonly Op[] {
  const ops = request.writes;
  request.writes = [];
  return ops;
}

function refuse(outcome: OpOutcome, error: StoreError): void {
  queueMicrotask(() => outcome.failed(error));
}
