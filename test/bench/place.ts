import { execFileSync } from 'node:child_process';
import { cpus, setPriority } from 'node:os';

/** The core of the proxy that is measured, and that of phones and SIP Server. */
export const CORE = { proxy: 0, load: 1 } as const;

/** Puts this process on its core, before what else runs here where that is allowed. What it starts inherits that. */
export function takePlace(): void {
  if (cpus().length < 2) throw new Error('two cores are needed: one for the proxy, one for phones and SIP Server');
  execFileSync('taskset', ['-acp', String(CORE.load), String(process.pid)], { stdio: 'ignore' });
  try {
    setPriority(-20);
  } catch {
    console.error('not allowed to run before other work on this machine: it disturbs more');
  }
}
