import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from './program.ts';

const ERRORS = 'errors.log';

export interface SippRun {
  /** A file of sipp/ without .xml, or one that SIPp itself has: uac, uas. */
  readonly scenario: string;
  /** Its own address. */
  readonly at: string;
  /** Whom it sends to, as HOST:PORT; nobody: it serves. */
  readonly to?: string;
  /** u1, un, t1, tn: UDP or TCP, with one socket or one for each call. */
  readonly mode: string;
  readonly calls?: number;
  readonly folder: string;
}

/** One SIPp; what it says went wrong is in its folder. */
export interface Sipp {
  readonly name: string;
  readonly folder: string;
  readonly program: Program;
}

export function startSipp({ scenario, at, to, mode, calls = 1, folder }: SippRun): Sipp {
  const file = join(import.meta.dirname, 'sipp', `${scenario}.xml`);
  const args = {
    '-i': at,
    '-p': '5060',
    '-t': mode,
    '-m': String(calls),
    // Modes with a socket a call want as many files as this
    '-max_socket': '1000',
    '-timeout': '25s',
    '-error_file': join(folder, ERRORS),
    ...(existsSync(file) ? { '-sf': file } : { '-sn': scenario }),
  };
  const flags = ['-nostdin', '-timeout_error', '-trace_err'];
  const all = [...(to === undefined ? [] : [to]), ...Object.entries(args).flat(), ...flags];
  return { name: scenario, folder, program: Program.start('sipp', all, folder) };
}

/** Rejects if it does not end well. */
export async function passes({ name, folder, program }: Sipp): Promise<void> {
  const code = await program.ends(30_000);
  if (code === 0) return;
  const errors = join(folder, ERRORS);
  const why = existsSync(errors) ? readFileSync(errors, 'latin1').slice(0, 600) : program.output.slice(-300);
  throw new Error(`SIPp (${name}) ends with ${code}: ${why}`);
}
