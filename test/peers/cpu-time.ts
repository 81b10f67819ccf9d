import { readdirSync, readFileSync } from 'node:fs';

/** CPU time that all threads of a process have used so far, µs; threads end while they are looked at. */
export function cpuTime(pid: number | undefined): number {
  if (pid === undefined) return 0;
  let sum = 0;
  for (const thread of list(`/proc/${pid}/task`)) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000;
    } catch {
      // it has ended
    }
  }
  return sum;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
