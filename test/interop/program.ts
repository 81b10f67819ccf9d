import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A program that runs beside a case; what it says is kept for the reader of a failure. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  output = '';

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.#child = child;
    const keep = (chunk: Buffer): void => void (this.output = (this.output + chunk.toString('latin1')).slice(-60_000));
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.stdin?.on('error', () => undefined);
    child.on('error', (error) => (this.output += error.message));
  }

  static start(name: string, args: readonly string[], cwd?: string): Program {
    // A group of its own, so that what it starts ends with it
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    return new Program(
      name,
      spawn(name, args, { stdio: [...stdio], detached: true, ...(cwd === undefined ? {} : { cwd }) }),
    );
  }

  /** One that takes commands on its standard input, and keeps what it keeps in `home`. */
  static startAtHome(name: string, args: readonly string[], home: string): Program {
    const stdio = ['pipe', 'pipe', 'pipe'] as const;
    const env = { ...process.env, HOME: home };
    return new Program(name, spawn(name, args, { stdio: [...stdio], detached: true, cwd: home, env }));
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  get runs(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Its exit code. Rejects, with what it said last, if it takes longer than `ms`. */
  async ends(ms: number): Promise<number> {
    if (this.runs) {
      const ended = once(this.#child, 'exit').then(() => true);
      const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), ms).unref());
      if (!(await Promise.race([ended, late]))) {
        await this.end();
        throw new Error(`${this.#name} does not end: ${this.output.slice(-600)}`);
      }
    }
    return this.#child.exitCode ?? -1;
  }

  /** Ends it and what it started, now. */
  async end(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined || !this.runs) return;
    const ended = once(this.#child, 'exit');
    process.kill(-pid, 'SIGTERM');
    const hard = setTimeout(() => process.kill(-pid, 'SIGKILL'), 3000);
    await ended;
    clearTimeout(hard);
  }
}
