import type { Listener, Transport } from './hop.ts';

/** A listener to be opened. */
export interface ListenerOptions {
  readonly transport: Transport;
  /** Numeric. */
  readonly address: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly side: Listener['side'];
  /** Default: what it is bound to. */
  readonly advertisedAddress?: string | undefined;
  readonly advertisedPort?: number | undefined;
}
