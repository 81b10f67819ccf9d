import { isatty } from 'node:tty';
import { pino, type Logger as Log } from 'pino';
import { PinoPretty } from 'pino-pretty';

export interface LogOptions {
  /** A pino level: trace, debug, info, warn, error, fatal or silent. */
  readonly level: string;
  /** Whose lines they are; a host with one log for several proxies tells them apart by it. */
  readonly name?: string;
  /** File descriptor to write to; default 1, standard output. */
  readonly to?: number;
}

// Credentials never reach a log, whatever object is logged (RFC 3261 22: Authorization carries a digest).
const SECRETS = ['authorization', 'proxyAuthorization', 'password', 'secret'];

/**
 * The log of one process: JSON lines for programs, pretty ones on a terminal (coloured unless NO_COLOR is set).
 * A fatal line is written before the call returns, so that the process may exit after it.
 */
export function openLog({ level, name, to = 1 }: LogOptions): Log {
  const settings = {
    level,
    base: name === undefined ? {} : { name },
    redact: { paths: SECRETS.flatMap((path) => [path, `*.${path}`]), censor: '[secret]' },
  };
  if (!isatty(to)) {
    // lines of a busy moment share a write: each write costs more than all else that is done for a line
    const destination = pino.destination({ dest: to, sync: false, minLength: 4096, periodicFlush: 100 });
    return pino({ ...settings, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  }
  const colorize = (process.env['NO_COLOR'] ?? '') === '';
  return pino(
    settings,
    PinoPretty({
      destination: to,
      sync: true,
      colorize,
      translateTime: 'SYS:HH:MM:ss.l',
      singleLine: true,
      ignore: 'pid,hostname',
    }),
  );
}
