import { readdirSync, readFileSync } from 'node:fs';

/** CPU time that all threads of a process have used so far, µs; threads end while they are looked at. */
export function cpuTime(pid: number | undefined): number {
  if (pid === undefined) return 0;
  return list(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadTime(pid, thread), 0);
}

/** The same of its first thread, in which Node.js runs what it is given. */
export function mainThreadTime(pid: number | undefined): number {
  return pid === undefined ? 0 : threadTime(pid, String(pid));
}

function threadTime(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000;
  } catch {
    // it has ended
    return 0;
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
