/**
 * V8's flags for a proxy. Calls wait while new objects are collected, and the more room these are given the longer each
 * wait is. On a pod's one core the threads in which V8 compiles only take it from the one that handles messages, four of
 * them at a time: one will do.
 */
export const PROXY_FLAGS: readonly string[] = [
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--v8-pool-size=1',
  '--heap-growing-percent=300',
];

/** The flags that are not among those a Node.js was started with; none where whoever started it chose sizes. */
export function missingFlags(started: readonly string[], nodeOptions = ''): readonly string[] {
  if ([...started, nodeOptions].some((text) => text.includes('semi-space-size'))) return [];
  return PROXY_FLAGS;
}

/**
 * Goes on as the same process with the flags, where it was started without: V8 takes them at its start only. Not where a
 * parent talks to it over a channel, which would be lost: `sipcluster up` is for a person's own machine.
 */
export function takeFlags(): void {
  const flags = missingFlags(process.execArgv, process.env['NODE_OPTIONS']);
  if (flags.length === 0 || process.channel !== undefined || process.execve === undefined) return;
  process.execve(process.execPath, [process.execPath, ...flags, ...process.execArgv, ...process.argv.slice(1)]);
}
