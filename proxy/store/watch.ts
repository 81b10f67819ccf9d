import { setImmediate } from 'node:timers/promises';
import {
  GRPCOutOfRangeError,
  type Etcd3,
  type IDuplexStream,
  type IEvent,
  type IRangeResponse,
  type IWatchRequest,
  type IWatchResponse,
} from 'etcd3';
import type { Logger as Log } from 'pino';
import { Backoff } from './backoff.ts';
import type { Echoes } from './echoes.ts';
import { rangeOf, requireLeader, storeError } from './etcd-client.ts';
import { isLearners, passBySilent } from './etcd-hosts.ts';
import { firstPage, pagesFrom } from './listing.ts';
import { Past } from './past.ts';
import { StoreError, type StoreFollower } from './store.ts';

export interface WatchTimes {
  /** Silence after which etcd is asked whether the watch lives, ms. */
  readonly ask: number;
  /** Silence after which it is reopened, ms. */
  readonly giveUp: number;
}

export interface WatchOptions {
  readonly client: Etcd3;
  readonly prefix: string;
  readonly follower: StoreFollower;
  /** What this process wrote, if it does. */
  readonly echoes?: Echoes;
  /** For log lines: the data centre and its endpoints. */
  readonly log: Log;
  readonly times?: WatchTimes;
}

/** How long keys of a list are taken in before what else there is has its turn, ms: the first hundred need thirty. */
const TURN = 3;
/** How many events are taken in before what else there is has its turn. */
const EVENTS_A_TURN = 100;
/** With more events waiting than these, some 50 MiB, whole answers are taken in at a turn. */
const WAITING_EVENTS = 100_000;

const TIMES: WatchTimes = { ask: 5000, giveUp: 10_000 };
/** etcd reports progress of all watches of a stream under this id, and of one under its own. */
const WHOLE_STREAM = '-1';

/**
 * Follows a key range: lists it in pages at one revision, then watches from the next one. It resumes after the last
 * event it has seen whole; where that can't be, it lists again.
 */
export class Watch {
  readonly #client: Etcd3;
  readonly #range: { key: Buffer; range_end: Buffer };
  readonly #prefixLength: number;
  readonly #follower: StoreFollower;
  readonly #echoes: Echoes | undefined;
  readonly #log: Log;
  readonly #times: WatchTimes;
  readonly #backoff = new Backoff();
  /** The revision to watch from; undefined: list first. */
  #next: bigint | undefined;
  #restored = false;
  /** How often it was told to list again. */
  #relists = 0;
  readonly #past = new Past();
  #stream: IDuplexStream<IWatchRequest, IWatchResponse> | undefined;
  /** Ends the stream, if there is one. */
  #end: ((why: StoreError) => void) | undefined;
  /** Why it is out of touch, as far as that was said. */
  #complained = '';
  #closed = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#client = options.client;
    this.#range = rangeOf(options.prefix);
    this.#prefixLength = this.#range.key.length;
    this.#follower = options.follower;
    this.#echoes = options.echoes;
    this.#log = options.log;
    this.#times = options.times ?? TIMES;
  }

  start(): void {
    this.#ended = this.#run();
  }

  /** Something shows that the store is not what it was: list it again. `restored`: as StoreFollower.listing. */
  relist(restored: boolean): void {
    this.#next = undefined;
    this.#restored ||= restored;
    this.#relists++;
    this.#stream?.cancel();
  }

  /** The watch is up but does not bring what it must: it is opened anew, to another member if there is one. */
  reopen(why: string): void {
    if (this.#stream !== undefined) passBySilent(this.#stream);
    this.#end?.(new StoreError('Unreachable', why));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#backoff.end();
    this.#stream?.cancel();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        if (this.#next !== undefined) await this.#check();
        if (this.#next === undefined) await this.#list();
        // while it was listed it may have been told to list again
        if (this.#next !== undefined) await this.#follow();
      } catch (error) {
        if (this.#closed) return;
        const failure = storeError(error, this.#next === undefined ? 'list the store' : 'watch the store');
        // one line an outage: it is tried again every second or so
        this.#log[failure.reason === this.#complained ? 'debug' : 'warn'](
          { err: failure },
          'out of touch with the store; trying again',
        );
        this.#complained = failure.reason;
        this.#follower.available(false, failure.reason);
      }
      if (!this.#closed) await this.#backoff.pause();
    }
  }

  /** Before a stream is opened again: renews the auth token, and finds out whether this is still the store it was. */
  async #check(): Promise<void> {
    try {
      const found = await this.#client.kv.range(this.#past.question(this.#range.key));
      this.#observe(found);
      if (this.#next !== undefined && this.#past.isOther(found.kvs[0]))
        this.#setBack({ revision: this.#past.markedAt }, 'the store has another past than before: it was restored');
    } catch (error) {
      if (!(error instanceof GRPCOutOfRangeError)) throw error;
      this.#setBack(
        { err: error, revision: this.#past.markedAt },
        'the store has no such past: it was compacted or restored',
      );
    }
  }

  #observe(answer: IRangeResponse | IWatchResponse): void {
    const contradiction = this.#past.contradicts(answer);
    if (contradiction !== undefined) this.#setBack(contradiction.what, contradiction.why);
  }

  /** What it lacks was lost. */
  #setBack(what: object, why: string): void {
    this.#log.warn(what, why);
    this.#next = undefined;
    this.#restored = true;
  }

  async #list(): Promise<void> {
    const relists = this.#relists;
    const listing = {
      client: this.#client,
      range: this.#range,
      backoff: this.#backoff,
      isClosed: () => this.#closed,
    };
    const first = await firstPage(listing);
    this.#observe(first);
    this.#follower.listing(this.#restored, Number(first.count));
    for await (const page of pagesFrom(first, listing)) await this.#takeIn(page);
    this.#past.listed(first);
    if (relists !== this.#relists) return;
    this.#next = this.#past.seen + 1n;
    this.#restored = false;
    this.#follower.available(true, '');
    this.#follower.loaded();
  }

  /** A few keys a turn of the event loop: calls don't wait for a list. */
  async #takeIn({ kvs }: IRangeResponse): Promise<void> {
    let end = 0;
    for (const { key, value } of kvs) {
      if (performance.now() >= end) {
        await setImmediate();
        if (this.#closed) throw new StoreError('Closed', 'closed while listing');
        end = performance.now() + TURN;
      }
      this.#follower.put(this.#relative(key), value.toString());
    }
  }

  /** Watches until the stream ends or a reason is found to end it; rejects with that. */
  async #follow(): Promise<void> {
    const stream = await this.#client.watchClient.watch({
      interceptors: [requireLeader],
    });
    this.#stream = stream;
    this.#echoes?.clear();
    let heard = performance.now();
    let asked = false;
    let check: NodeJS.Timeout | undefined;
    const waiting: IWatchResponse[] = [];
    try {
      // while it was opened nobody could cancel it
      if (this.#closed) throw new StoreError('Closed', 'closed while the watch was opened');
      await new Promise<never>((_resolve, reject) => {
        this.#end = reject;
        stream.on('data', (response) => {
          heard = performance.now();
          asked = false;
          const problem = this.#problemWith(response);
          if (problem !== undefined) {
            reject(problem);
          } else if (waiting.length === 0 && response.events.length <= EVENTS_A_TURN) {
            this.#takeEvents(response.events);
            this.#advance(response);
          } else if (waiting.push(response) === 1) {
            this.#catchUp(stream, waiting).catch(reject);
          }
        });
        stream.on('error', (error) => {
          if (isLearners(error)) passBySilent(stream);
          reject(error);
        });
        stream.on('end', () => reject(new StoreError('Unreachable', 'etcd ended the watch')));
        check = setInterval(() => {
          const silence = performance.now() - heard;
          if (silence >= this.#times.giveUp) {
            passBySilent(stream);
            reject(new StoreError('Unreachable', `the watch has been silent for ${Math.round(silence)} ms`));
          } else if (silence >= this.#times.ask && !asked) {
            asked = true;
            stream.write({ progress_request: {} });
          }
        }, this.#times.ask / 5);
        stream.write({
          create_request: {
            ...this.#range,
            start_revision: String(this.#next ?? this.#past.seen + 1n),
            progress_notify: true,
            fragment: true,
          },
        });
      });
    } finally {
      clearInterval(check);
      this.#stream = undefined;
      this.#end = undefined;
      // as in the presence lease: a stream cancelled while writable makes etcd3 drop every channel to the host
      stream.end();
      stream.cancel();
    }
  }

  /**
   * Takes in what waits, a few events a turn of the event loop; what is left when the stream is given up comes again with
   * the next. The stream is not paused: Node.js would tell etcd only with its next write that there is room again.
   */
  async #catchUp(stream: object, waiting: IWatchResponse[]): Promise<void> {
    for (let response = waiting[0]; response !== undefined; response = waiting[0]) {
      const { events } = response;
      for (let from = 0; from < events.length;) {
        const most = sumOf(waiting) > WAITING_EVENTS ? events.length : EVENTS_A_TURN;
        this.#takeEvents(events.slice(from, from + most));
        from += most;
        await setImmediate();
        if (this.#stream !== stream || this.#next === undefined) return;
      }
      this.#advance(response);
      waiting.shift();
    }
  }

  #takeEvents(events: readonly IEvent[]): void {
    for (const { type, kv } of events) {
      const key = this.#relative(kv.key);
      if (type !== 'Put') this.#follower.remove(key);
      else if (this.#echoes?.hear(Number(kv.mod_revision), key) !== true) this.#follower.put(key, kv.value.toString());
    }
  }

  /** The reason to end the watch, if there is one. */
  #problemWith(response: IWatchResponse): StoreError | undefined {
    if (this.#next === undefined) return new StoreError('Unreachable', 'listing again');
    if (response.canceled) {
      this.#next = undefined;
      const isCompacted = response.compact_revision !== '0';
      // also what a restore with --bump-revision --mark-compacted looks like, after which it may be far ahead
      this.#restored ||= isCompacted;
      const compacted = isCompacted ? `compacted at revision ${response.compact_revision}` : '';
      return new StoreError('Unreachable', `etcd cancelled the watch: ${response.cancel_reason || compacted}`);
    }
    if (response.header.cluster_id !== this.#past.clusterId) {
      this.#observe(response);
      return new StoreError('Unreachable', 'the store is another cluster than before');
    }
    if (response.created) {
      if (this.#complained !== '') this.#log.info({ from: this.#next.toString() }, 'in touch with the store again');
      this.#complained = '';
      this.#backoff.reset();
      this.#follower.available(true, '');
    }
    return undefined;
  }

  /**
   * Moves the place to resume from: past the last event once all fragments of its revision are in, or by a progress
   * notice of this watch. Never by a mere header, whose revision may be ahead of events that are still to come, as
   * may that of the whole stream's progress in etcd before 3.5.8.
   */
  #advance(response: IWatchResponse): void {
    if (response.fragment) return;
    const last = response.events.at(-1);
    const isNotice = last === undefined && !response.created && response.watch_id !== WHOLE_STREAM;
    const revision =
      last !== undefined ? BigInt(last.kv.mod_revision) : isNotice ? BigInt(response.header.revision) : 0n;
    if (revision < this.#past.seen) return;
    this.#past.saw(revision, last);
    this.#next = revision + 1n;
  }

  #relative(key: Buffer): string {
    return key.toString('utf8', this.#prefixLength);
  }
}

function sumOf(waiting: readonly IWatchResponse[]): number {
  return waiting.reduce((sum, { events }) => sum + events.length, 0);
}
