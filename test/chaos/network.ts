import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FABRIC = 'fabric';
/** Files here stand for those of /etc in the namespace of that name (ip-netns(8)). */
const ETC = '/etc/netns';

/**
 * A network of namespaces on one bridge, made and taken away here: what is dropped between two addresses is dropped by
 * the kernel, in one direction or both. Needs root, `ip` and `nft`.
 */
export class Network {
  readonly prefix: string;
  readonly #hosts: string[] = [];

  /** `prefix`: of the namespaces' names, short, and no other network's. `existing`: another process made it. */
  constructor(prefix: string, existing?: 'existing') {
    this.prefix = prefix;
    if (existing !== undefined) return;
    run('ip', 'netns', 'add', this.#namespace(FABRIC));
    this.#inFabric('ip', 'link', 'add', 'br0', 'type', 'bridge');
    this.#inFabric('ip', 'link', 'set', 'br0', 'up');
    this.#nft(
      'add table bridge faults',
      'add chain bridge faults forward { type filter hook forward priority 0; policy accept; }',
    );
  }

  /** A host with these addresses of 198.18.0.0/16, which asks this DNS server. */
  add(host: string, addresses: readonly string[], nameServer: string): void {
    const namespace = this.#namespace(host);
    mkdirSync(join(ETC, namespace), { recursive: true });
    writeFileSync(join(ETC, namespace, 'resolv.conf'), `nameserver ${nameServer}\n`);
    const port = `p${this.#hosts.length}`;
    run('ip', 'netns', 'add', namespace);
    this.#hosts.push(host);
    this.#inFabric('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    this.#inFabric('ip', 'link', 'set', port, 'master', 'br0', 'up');
    const inside = [
      'link set lo up',
      ...addresses.map((address) => `addr add ${address}/16 dev eth0`),
      'link set eth0 up',
    ];
    execFileSync('ip', ['-n', namespace, '-batch', '-'], { input: inside.join('\n') });
  }

  /** What a command has to begin with to run on this host. */
  on(host: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#namespace(host)];
  }

  /** Nothing of `from` arrives at `to` any more. */
  drop(from: readonly string[], to: readonly string[]): void {
    this.#nft(`add rule bridge faults forward ip saddr { ${from.join(', ')} } ip daddr { ${to.join(', ')} } drop`);
  }

  cut(one: readonly string[], other: readonly string[]): void {
    this.drop(one, other);
    this.drop(other, one);
  }

  /** Nothing leaves or reaches this address any more, as if its host had lost power. */
  isolate(address: string): void {
    this.#nft(
      `add rule bridge faults forward ip saddr ${address} drop`,
      `add rule bridge faults forward ip daddr ${address} drop`,
    );
  }

  /** Everything arrives again. */
  mend(): void {
    this.#nft('flush chain bridge faults forward');
  }

  /** Takes the namespaces away; what still runs in them is killed. */
  remove(): void {
    for (const host of [...this.#hosts, FABRIC]) removeNamespace(this.#namespace(host));
  }

  #namespace(host: string): string {
    return `${this.prefix}-${host}`;
  }

  #nft(...lines: string[]): void {
    const [command = '', ...rest] = this.on(FABRIC);
    execFileSync(command, [...rest, 'nft', '-f', '-'], { input: lines.join('\n') });
  }

  #inFabric(...command: string[]): void {
    const [first = '', ...rest] = this.on(FABRIC);
    run(first, ...rest, ...command);
  }
}

function removeNamespace(name: string): void {
  rmSync(join(ETC, name), { recursive: true, force: true });
  try {
    for (const pid of run('ip', 'netns', 'pids', name).split('\n').filter(Boolean))
      process.kill(Number(pid), 'SIGKILL');
  } catch {
    // it ended by itself in between
  }
  try {
    run('ip', 'netns', 'del', name);
  } catch {
    // it is gone already
  }
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
