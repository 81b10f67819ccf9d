import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Logger as Log } from 'pino';

export interface Command {
  /** What the log calls it: `proxy dc1-0`, `etcd of dc1`. */
  readonly what: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** By which the child notices that this process is gone: its standard input, or an IPC channel. */
  readonly lifeline: 'stdin' | 'ipc';
  /** File descriptor for what it writes; default 2, this process's standard error. */
  readonly output?: number;
}

const FIRST_WAIT = 200;
const LONGEST_WAIT = 5000;
/** A child that ran this long starts over with the first wait, ms. */
const SETTLED = 10_000;
/** From SIGTERM to SIGKILL, ms: so that everything has ended within 5 s. */
const GRACE = 4000;

/** How long to wait before the next start of a child that died: 200 ms, doubling to 5 s; ran for `ranFor` ms the last time. */
export function restartWait(lastWait: number, ranFor: number): number {
  if (lastWait === 0 || ranFor >= SETTLED) return FIRST_WAIT;
  return Math.min(lastWait * 2, LONGEST_WAIT);
}

/**
 * A process that is kept running: started again whenever it dies, until stop(). It leads a process group of its own,
 * so that Ctrl-C in a terminal reaches it only by way of this process, and so that SIGKILL takes its children along.
 */
export class Child {
  readonly #command: () => Command;
  readonly #log: Log;
  readonly #died: () => void;
  #process: ChildProcess | undefined;
  #startedAt = 0;
  #wait = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  /** `command` is asked at every start. `died` is told of every end that nobody asked for. */
  constructor(command: () => Command, log: Log, died: () => void = () => undefined) {
    this.#command = command;
    this.#log = log;
    this.#died = died;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    this.#timer = undefined;
    const command = this.#command();
    this.#startedAt = Date.now();
    const output = command.output ?? 2;
    const child = spawn(command.file, command.args, {
      env: command.env,
      detached: true,
      stdio: command.lifeline === 'ipc' ? ['ignore', output, output, 'ipc'] : ['pipe', output, output],
    });
    this.#process = child;
    // A pipe or channel whose other end died is nothing but that child's end, which 'exit' tells.
    child.stdin?.on('error', () => undefined);
    child.on('error', (error) => {
      if (child.pid === undefined) this.#ended(command.what, `could not be started: ${error.message}`);
      else this.#log.warn({ err: error, pid: child.pid }, `${command.what}: ${error.message}`);
    });
    child.once('exit', (code, signal) => {
      this.#ended(command.what, signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
    });
  }

  #ended(what: string, how: string): void {
    const pid = this.#process?.pid;
    this.#process = undefined;
    if (this.#stopping) return;
    this.#wait = restartWait(this.#wait, Date.now() - this.#startedAt);
    this.#log.error({ pid, restartIn: this.#wait }, `${what} ${how}; it is started again in ${this.#wait} ms`);
    this.#timer = setTimeout(() => this.start(), this.#wait);
    this.#died();
  }

  /** Ends it: SIGTERM, and SIGKILL for its whole group 4 s later. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#process;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const kill = setTimeout(() => {
      this.#log.warn(
        { pid: child.pid },
        `${this.#command().what} did not end within ${GRACE / 1000} s of SIGTERM: SIGKILL`,
      );
      this.kill();
    }, GRACE);
    await gone;
    clearTimeout(kill);
  }

  /** Ends it and its children at once. */
  kill(): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // it ended in between
    }
  }
}
