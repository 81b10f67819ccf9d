import { errorCode } from './error-code.ts';
import type { Transport } from './hop.ts';

/** What to do about it, by the system's error code. */
const advice: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process uses this port; stop it or choose another port',
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE; choose a higher port or grant it',
  EADDRNOTAVAIL: 'this machine has no such address; correct the address or add it to an interface',
  ENOTFOUND: 'a listener binds to a numeric address; correct it',
  EINVAL: 'the address cannot be bound to; correct it',
  EAFNOSUPPORT: 'this machine has no such address family; use the other one',
  EMFILE: 'too many open files; raise the limit (ulimit -n)',
};

/** A listener could not be opened. The message is for the operator's eyes. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: string;
  readonly transport: Transport;
  readonly address: string;
  readonly port: number;

  constructor(transport: Transport, address: string, port: number, cause: unknown) {
    const code = errorCode(cause) || 'unknown';
    const what = advice[code] ?? (cause instanceof Error ? cause.message : String(cause));
    super(`can't listen on ${transport} ${formatAddress(address, port)}: ${what} (${code})`, { cause });
    this.code = code;
    this.transport = transport;
    this.address = address;
    this.port = port;
  }
}

/** host:port as people write it: an IPv6 address in brackets. */
export function formatAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
