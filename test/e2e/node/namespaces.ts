import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { within } from '../../peers/deadline.ts';
import { link, network } from './network.ts';

const run = promisify(execFile);

/** What the kubelet sets for the whole machine: it gets files of its own to set instead. */
const machineWide = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'];

/**
 * Mount, network and process namespaces for a node: with the first process in them all others end, and their mounts,
 * interfaces and rules are gone. That one ends when its standard input does, so that nothing outlives who made it.
 */
export class Namespaces {
  /** Which makes the namespaces, and whose only child is the first process inside. */
  readonly #init: ChildProcess;
  #inside = 0;

  private constructor(init: ChildProcess) {
    this.#init = init;
  }

  /** @param folder for what the node writes */
  static async open(folder: string): Promise<Namespaces> {
    writeFileSync(join(folder, 'init.sh'), initScript(folder));
    for (const name of ['var', 'work', 'sysctl']) mkdirSync(join(folder, name));
    const flags = ['--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--mount-proc'];
    const child = spawn('unshare', [...flags, 'bash', join(folder, 'init.sh')], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.on('error', () => undefined); // it ended
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const namespaces = new Namespaces(child);
    const began = Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error(`namespaces can't be made: ${said}`))),
    ]);
    await within(10_000, 'namespaces for the node', began);
    await namespaces.#connect();
    return namespaces;
  }

  /** Starts a program inside; what it says goes to the file. */
  spawn(program: string, args: readonly string[], log: string): ChildProcess {
    const out = openSync(log, 'a');
    const flags = ['--target', String(this.#inside), '--mount', '--net', '--pid', '--uts', '--ipc'];
    return spawn('nsenter', [...flags, '--', program, ...args], { stdio: ['ignore', out, out] });
  }

  /** Runs a program inside to its end; resolves to what it said. */
  async run(program: string, ...args: readonly string[]): Promise<string> {
    const flags = ['--target', String(this.#inside), '--mount', '--net', '--pid', '--uts', '--ipc'];
    const { stdout } = await run('nsenter', [...flags, '--', program, ...args], { maxBuffer: 1 << 24 });
    return stdout;
  }

  /** Ends all that runs inside; resolves when it is gone. */
  async close(): Promise<void> {
    if (this.#init.exitCode !== null || this.#init.signalCode !== null) return;
    const gone = once(this.#init, 'exit');
    this.#init.stdin?.end();
    await within(10_000, 'the end of the node', gone);
  }

  /** A cable from the machine to the node. */
  async #connect(): Promise<void> {
    const pid = String(this.#init.pid);
    this.#inside = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
    const ip = (...args: readonly string[]) => run('ip', args);
    try {
      await ip('link', 'add', link.outside, 'type', 'veth', 'peer', 'name', link.inside, 'netns', String(this.#inside));
    } catch (error) {
      throw new Error(`can't make the interface ${link.outside}: another run may have it`, { cause: error });
    }
    await ip('addr', 'add', `${network.outside}/30`, 'dev', link.outside);
    await ip('link', 'set', link.outside, 'up');
    // What a load balancer does: packets for its addresses come to the node. Those for pods lead nowhere.
    await ip('route', 'add', network.balancers, 'via', network.node);
    await ip('route', 'add', network.pods, 'dev', link.outside);
    await this.run('ip', 'addr', 'add', `${network.node}/30`, 'dev', link.inside);
    await this.run('ip', 'link', 'set', link.inside, 'up');
    // A packet for a Service needs some route until iptables gives it another destination; the machine forwards none.
    await this.run('ip', 'route', 'add', 'default', 'via', network.outside);
  }
}

/** bash reaps what loses its parent inside, such as the helpers of containerd. */
function initScript(folder: string): string {
  const files = machineWide.map((key) => `own ${key}`).join('\n');
  return `set -eu
own() {
  cat "/proc/sys/$1" >"${folder}/sysctl/\${1//\\//.}"
  mount --bind "${folder}/sysctl/\${1//\\//.}" "/proc/sys/$1"
}
mount --make-rshared /
mount -t overlay -o "lowerdir=/var,upperdir=${folder}/var,workdir=${folder}/work" overlay /var
mount -t tmpfs tmpfs /run
${files}
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
echo ready
read -r _ || true
`;
}
