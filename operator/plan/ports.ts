import type { Transport } from '../../proxy/transport/hop.ts';

/** Where nothing else is said: RFC 3261 19.1.2 for SIP, RFC 7118 for WebSocket. */
const defaultPorts: Readonly<Record<Transport, number>> = { UDP: 5060, TCP: 5060, TLS: 5061, WS: 80, WSS: 443 };

/** A listener's or member's port. */
export function portOf({ port, transport }: { readonly port?: number; readonly transport: Transport }): number {
  return port ?? defaultPorts[transport];
}

const adminPort = 9060;

/** The port for probes, metrics and status: 9060, or the next one that no listener has. */
export function adminPortBeside(listeners: readonly { readonly port: number }[]): number {
  let port = adminPort;
  while (listeners.some((listener) => listener.port === port)) port += 1;
  return port;
}
