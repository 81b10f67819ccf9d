/** The V8 that V8_FLAGS are of: another one may not know them, and Node.js would not start with what it does not know. */
const V8 = 14;

/**
 * Node.js's own. Calls wait while new objects are collected, and the more room these are given the longer each wait is.
 * On a pod's one core the threads in which V8 compiles only take it from the one that handles messages, four of them at
 * a time: one will do.
 */
const NODE_FLAGS: readonly string[] = ['--min-semi-space-size=4', '--max-semi-space-size=4', '--v8-pool-size=1'];

/**
 * A proxy is given the same few messages for ever, so what is called three hundred times is compiled at once as well as
 * it can be, and nothing twice: at a thousand calls a second that is done within some seconds, where it went on for
 * half a minute beside the calls. And its memory is collected as a whole the later. Nor does it put new objects among the
 * old ones where others of their kind lived for a while: those few ms that a REGISTER waits for the store are no long
 * life, and what such an object leads to is taken for alive until the whole memory is collected.
 */
const V8_FLAGS: readonly string[] = [
  '--invocation-count-for-turbofan=300',
  '--no-maglev',
  '--no-allocation-site-pretenuring',
  '--heap-growing-percent=100',
  '--initial-old-space-size=160',
];

/** A proxy's flags for the Node.js that has this V8. */
export function proxyFlags(v8 = process.versions.v8): readonly string[] {
  return Number.parseInt(v8) === V8 ? [...NODE_FLAGS, ...V8_FLAGS] : NODE_FLAGS;
}

/** The flags that are not among those a Node.js was started with; none where whoever started it chose sizes. */
export function missingFlags(started: readonly string[], nodeOptions = ''): readonly string[] {
  if ([...started, nodeOptions].some((text) => text.includes('semi-space-size'))) return [];
  return proxyFlags();
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
