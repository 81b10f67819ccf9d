import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { within } from '../peers/deadline.ts';

export interface HostCommand {
  readonly what: string;
  /** What the command begins with to run on its host. */
  readonly on: readonly string[];
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly log: string;
}

/** A program on a host of its own, to be killed, paused and started again. */
export class HostProcess {
  readonly command: HostCommand;
  #child: ChildProcess | undefined;

  constructor(command: HostCommand) {
    this.command = command;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get runs(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** `env`: more of its environment, for this run. */
  start(env: NodeJS.ProcessEnv = {}): void {
    const { on, argv, log } = this.command;
    const [file = '', ...args] = [...on, ...argv];
    const output = openSync(log, 'a');
    this.#child = spawn(file, args, {
      env: { ...process.env, ...this.command.env, ...env },
      stdio: ['ignore', output, output],
    });
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM, and whatever time it takes to end in order. */
  async stop(patience: number): Promise<void> {
    await within(patience, `${this.command.what} ends on SIGTERM`, this.#end('SIGTERM'));
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.runs) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
