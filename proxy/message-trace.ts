import type { Logger as Log } from 'pino';
import type { Hop } from './transport/hop.ts';

/** Headers whose value is a secret, or would let one be guessed: never logged (RFC 3261 22, RFC 8760). */
const SECRET = /^((?:Proxy-)?Authorization|Authentication-Info)\s*:.*(?:\r\n[ \t].*)*/gim;

/** A whole message into the log, at trace only: the caller asks once whether that level is on. */
export function traceMessage(log: Log, what: 'received' | 'sent', text: string, hop: Hop): void {
  const peer = `${hop.transport} ${hop.address}:${hop.port}`;
  log.trace({ [what === 'received' ? 'from' : 'to']: peer, message: withoutSecrets(text) }, `message ${what}`);
}

export function withoutSecrets(text: string): string {
  return text.replace(SECRET, '$1: (left out)');
}
