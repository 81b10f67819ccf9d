import { fileURLToPath } from 'node:url';
import type { Logger as Log } from 'pino';
import type { ProxyProcess } from '../render/processes.ts';
import { Child } from './child.ts';
import { replaceFile } from './data-directory.ts';
import type { ProxyPlace } from './proxy-place.ts';

const PROGRAM = fileURLToPath(new URL('../bin/sipcluster.js', import.meta.url));

/** A proxy as a child process, `sipcluster proxy --config FILE`, which ends when this process does. */
export class ProxyChild implements ProxyPlace {
  proxy: ProxyProcess;
  readonly #file: string;
  readonly #child: Child;

  /**
   * @param file where its configuration is written, for it to follow
   * @param args further arguments of `sipcluster proxy`
   */
  constructor(proxy: ProxyProcess, file: string, args: readonly string[], log: Log, died: () => void) {
    this.proxy = proxy;
    this.#file = file;
    this.#child = new Child(
      () => ({
        what: `proxy ${proxy.name}`,
        file: process.execPath,
        args: [PROGRAM, 'proxy', '--config', file, ...args],
        env: { ...process.env, ...this.proxy.env },
        lifeline: 'ipc',
      }),
      log,
      died,
    );
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  start(): void {
    replaceFile(this.#file, this.proxy.config);
    this.#child.start();
  }

  update(proxy: ProxyProcess): void {
    this.proxy = proxy;
    replaceFile(this.#file, proxy.config);
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  kill(): void {
    this.#child.kill();
  }
}
