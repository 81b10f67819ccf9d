import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A cluster as its kubeconfig reaches it. */
export class Kubectl {
  readonly kubeconfig: string;
  readonly #program: string;

  constructor(program: string, kubeconfig: string) {
    this.#program = program;
    this.kubeconfig = kubeconfig;
  }

  /** What it prints. Rejects with what it complains of. */
  async run(...args: readonly string[]): Promise<string> {
    return this.#pipe('', args);
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run(...args, '--output=json')) as T;
  }

  /** Applies objects, or a manifest's text. */
  async apply(manifest: string | readonly object[], ...flags: readonly string[]): Promise<void> {
    const text =
      typeof manifest === 'string' ? manifest : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifest });
    await this.#pipe(text, ['apply', '--server-side', '--force-conflicts', '--filename=-', ...flags]);
  }

  /** Asks a program in a pod by way of the API server: POST of the argument as JSON, answered with JSON. */
  async ask<T>(namespace: string, pod: string, command: string, argument: unknown = null): Promise<T> {
    const path = `/api/v1/namespaces/${namespace}/pods/${pod}:8080/proxy/${command}`;
    return JSON.parse(await this.#pipe(JSON.stringify(argument), ['create', `--raw=${path}`, '--filename=-'])) as T;
  }

  async #pipe(input: string, args: readonly string[]): Promise<string> {
    const child = spawn(this.#program, ['--kubeconfig', this.kubeconfig, ...args], { stdio: 'pipe' });
    let said = '';
    let complained = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (complained += chunk.toString()));
    child.stdin.on('error', () => undefined); // it ended without reading all
    child.stdin.end(input);
    await once(child, 'close');
    if (child.exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${complained.trim() || said.trim()}`);
    return said;
  }
}
