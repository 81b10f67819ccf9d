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
  /** TLS, WSS: directory with tls.crt and tls.key, and ca.crt where clients are asked for certificates. */
  readonly tls?: string | undefined;
  /** WS, WSS: the web pages' origins ("https://phone.example.com") that may connect. Default: any. */
  readonly origins?: readonly string[] | undefined;
}
