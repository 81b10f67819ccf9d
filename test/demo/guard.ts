import { spawn } from 'node:child_process';

/** Ends what it guards, however the process that made it ends: SIGTERM, and SIGKILL to what is left 5 s later. */
const script = `
while read -r pid; do pids="$pids $pid"; done
kill -TERM $pids
for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $pids || exit 0; sleep 0.5; done
kill -KILL $pids
`;

/** Sees to it that other processes don't outlive this one, SIGKILL included. */
export class Guard {
  /** Detached: Ctrl-C in the terminal must not reach it. */
  readonly #child = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });

  constructor() {
    this.#child.stdin.on('error', () => undefined); // it was released
    this.#child.unref();
  }

  watches(pid: number | undefined): void {
    if (pid !== undefined) this.#child.stdin.write(`${pid}\n`);
  }

  /** All that it watched has ended. */
  release(): void {
    this.#child.kill('SIGKILL');
  }
}
