import type { Logger as Log } from 'pino';
import type { DrainConfig } from './config.ts';
import { Drain, duties, type Left, type Phase } from './drain.ts';
import type { Core } from './routing/core.ts';
import type { Connection } from './transport/hop.ts';
import type { TransactionLayer } from './transaction/layer.ts';
import type { Transports } from './transport/transports.ts';

interface Parts {
  readonly core: Core;
  readonly layer: TransactionLayer;
  readonly transports: Transports;
  readonly log: Log;
}

/** How often it is looked at what is left, ms: it means going through all streams. */
const LOOK_EVERY = 100;

/** The drain of a running proxy: does what `Drain` says, by the proxy's own tick. */
export class Shutdown {
  /** Resolves when nothing is left, or at the limit. */
  readonly over: Promise<void>;
  readonly #parts: Parts;
  readonly #drain: Drain;
  readonly #resolve: () => void;
  #nextLook = -Infinity;

  constructor(parts: Parts, config: DrainConfig, now: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
    this.#parts = parts;
    this.#drain = new Drain(config, now);
    // from the start: SBCs that balance by OPTIONS pass us by
    parts.core.draining = true;
    const { dnsGrace, window, limit } = config;
    parts.log.info(
      this.#left(),
      `draining: takes new work for ${dnsGrace / 1000} s, then closes idle streams over ${window / 1000} s, ends after ${limit / 1000} s at the latest`,
    );
    this.tick(now);
  }

  /** It is over, whatever is left. */
  cut(): void {
    this.#resolve();
  }

  tick(now: number): void {
    if (now < this.#nextLook) return;
    this.#nextLook = now + LOOK_EVERY;
    const { phase: before } = this.#drain;
    const left = this.#left();
    const close = this.#drain.step(now, left);
    const { phase } = this.#drain;
    if (phase !== before) this.#enter(phase, left);
    if (close > 0) this.#close(close);
  }

  #enter(phase: Phase, left: Left): void {
    const { core, log } = this.#parts;
    core.refusing = !duties[phase].newWork;
    log.info({ phase, ...left }, phase === 'Gone' ? 'drained' : 'draining goes on');
    if (phase === 'Gone') this.#resolve();
  }

  #left(): Left {
    let streams = 0;
    for (const _ of this.#streams()) streams++;
    const { layer, core } = this.#parts;
    return { transactions: layer.counts.servers, streams, writes: core.replica.unwritten };
  }

  #close(count: number): void {
    const { transports, core } = this.#parts;
    let closed = 0;
    for (const stream of this.#streams()) {
      if (closed === count) return;
      if (!core.isIdle(stream)) continue;
      transports.closeConnection(stream.number, 'the proxy is draining');
      closed++;
    }
  }

  /** Oldest first. Those of SIP Servers and other proxies are theirs to close: they still have work for us. */
  *#streams(): Generator<Connection> {
    const { transports, core } = this.#parts;
    for (const connection of transports.connections()) {
      if (connection.inbound && connection.open && !core.hasPeerAt(connection.remoteAddress)) yield connection;
    }
  }
}
