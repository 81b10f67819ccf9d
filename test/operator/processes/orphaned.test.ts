import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../../peers/deadline.ts';

const orphaned = new URL('../../../operator/processes/orphaned.ts', import.meta.url).href;
const child = `
  const { onOrphaned } = await import('${orphaned}');
  const alive = setInterval(() => undefined, 1000);
  onOrphaned(() => clearInterval(alive));
  console.log('pid ' + process.pid);
`;

/** A shell that starts `child`, as npx does; resolves with the child's pid. */
async function startedBy(
  environment: Record<string, string>,
): Promise<{ shell: ReturnType<typeof spawn>; pid: number }> {
  const shell = spawn('sh', ['-c', '"$0" --input-type=module --eval "$1" & wait', process.execPath, child], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    env: { ...process.env, npm_command: '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(shell.stdout, 'data')) as [Buffer];
  return { shell, pid: Number(/pid (\d+)/.exec(said.toString())?.[1]) };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a command whose parent is gone', () => {
  it('learns of it when npx had started it', async () => {
    const { shell, pid } = await startedBy({ npm_command: 'exec' });
    expect(isAlive(pid)).to.equal(true);
    shell.kill('SIGKILL');
    await eventually(5000, 'the orphan ends', () => !isAlive(pid));
  });

  it('goes on when it was started by hand', async () => {
    const { shell, pid } = await startedBy({});
    shell.kill('SIGKILL');
    await once(shell, 'exit');
    const end = performance.now() + 1200;
    await eventually(3000, 'two looks at the parent', () => performance.now() > end);
    expect(isAlive(pid)).to.equal(true);
    process.kill(pid, 'SIGKILL');
  });
});
