import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../peers/deadline.ts';
import { program, type Program } from '../../tools/programs.ts';
import { Kubectl } from '../../kubernetes/kubectl.ts';
import {
  containerdToml,
  corefile,
  rightsOfDns,
  kubeletConfiguration,
  kubeProxyConfiguration,
  podNetwork,
  type Places,
} from './configuration.ts';
import { writeCredentials } from './credentials.ts';
import { Namespaces } from './namespaces.ts';
import { network, nodeName } from './network.ts';

const programs: readonly Program[] = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
  'coredns',
  'kubectl',
];
/** Of Debian and of the CNI project's own installer. */
const pluginFolders = ['/usr/lib/cni', '/opt/cni/bin'];
const controllers = '/sys/fs/cgroup';

/** One Kubernetes cluster of one node on this machine, in namespaces of its own. */
export class Node {
  readonly #places: Places;
  readonly #namespaces: Namespaces;
  readonly #paths: ReadonlyMap<Program, string>;
  readonly #running = new Map<string, ChildProcess>();
  readonly kubectl: Kubectl;

  private constructor(places: Places, namespaces: Namespaces, paths: ReadonlyMap<Program, string>) {
    this.#places = places;
    this.#namespaces = namespaces;
    this.#paths = paths;
    this.kubectl = new Kubectl(paths.get('kubectl') ?? 'kubectl', join(places.folder, 'admin.kubeconfig'));
  }

  /** Paths of the programs that it needs, those that are missing built. Rejects with what has to be installed. */
  static async programs(say: (line: string) => void): Promise<ReadonlyMap<Program, string>> {
    if (process.getuid?.() !== 0) throw new Error('a node needs root: run as root, or name a cluster by KUBECONFIG');
    const paths = new Map<Program, string>();
    for (const name of programs) paths.set(name, await program(name, say));
    return paths;
  }

  /**
   * Starts it, with nothing on it yet but images.
   * @param folder an empty one, short since sockets lie in it
   * @param images an archive of them, the pause image among them
   */
  static async start(folder: string, paths: ReadonlyMap<Program, string>, images: string): Promise<Node> {
    const places = { folder, controlGroup: 'sipcluster-e2e', runtimeSocket: join(folder, 'containerd.sock') };
    makeControlGroup(places.controlGroup);
    await writeCredentials(folder);
    const node = new Node(places, await Namespaces.open(folder), paths);
    try {
      await node.#controlPlane();
      await node.#runtime(images);
      await node.#kubelet();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  /** Gives an image another name. */
  async tag(image: string, name: string): Promise<void> {
    await this.#ctr('images', 'tag', '--force', image, name);
  }

  /** Runs a program where its network is, to its end; resolves to what it said. */
  async inside(path: string, ...args: readonly string[]): Promise<string> {
    return this.#namespaces.run(path, ...args);
  }

  /** Ends everything; nothing of it is left on the machine but its folder. */
  async stop(): Promise<void> {
    await this.#namespaces.close();
    await eventually(10_000, 'the end of the control groups', () => removeControlGroup(this.#places.controlGroup));
    for (const name of ['containerd', 'etcd', 'var', 'work']) {
      rmSync(join(this.#places.folder, name), { recursive: true, force: true });
    }
  }

  /** What ended though it should run. */
  get ended(): string[] {
    return [...this.#running].filter(([, { exitCode }]) => exitCode !== null).map(([name]) => name);
  }

  async #controlPlane(): Promise<void> {
    const file = (name: string): string => join(this.#places.folder, name);
    this.#run('etcd', [`--data-dir=${file('etcd')}`, '--unsafe-no-fsync', '--log-level=warn']);
    this.#run('kube-apiserver', [
      '--etcd-servers=http://127.0.0.1:2379',
      `--bind-address=${network.node}`,
      `--advertise-address=${network.node}`,
      `--secure-port=${network.apiPort}`,
      `--service-cluster-ip-range=${network.services}`,
      `--cert-dir=${this.#places.folder}`,
      `--tls-cert-file=${file('apiserver.crt')}`,
      `--tls-private-key-file=${file('apiserver.key')}`,
      `--token-auth-file=${file('tokens.csv')}`,
      '--anonymous-auth=false',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--kubelet-preferred-address-types=InternalIP',
      `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
      `--kubelet-client-key=${file('kubelet-client.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${file('service-account.key')}`,
      `--service-account-key-file=${file('service-account.key')}`,
    ]);
    await this.#says('the API server is ready', 180_000, () => this.kubectl.run('get', '--raw=/readyz'));
    this.#run('kube-controller-manager', [
      `--kubeconfig=${file('kube-controller-manager.kubeconfig')}`,
      `--service-account-private-key-file=${file('service-account.key')}`,
      `--root-ca-file=${file('ca.crt')}`,
      '--use-service-account-credentials=true',
      '--leader-elect=false',
      '--secure-port=0',
    ]);
    this.#run('kube-scheduler', [
      `--kubeconfig=${file('kube-scheduler.kubeconfig')}`,
      '--leader-elect=false',
      '--secure-port=0',
    ]);
  }

  async #runtime(images: string): Promise<void> {
    const plugins = pluginFolders.find((folder) => existsSync(join(folder, 'bridge')));
    if (plugins === undefined) throw new Error(`no CNI plugins in ${pluginFolders.join(' or ')}`);
    this.#write('containerd.toml', containerdToml(this.#places, plugins));
    mkdirSync(join(this.#places.folder, 'cni'));
    this.#write('cni/10-pods.conflist', podNetwork(this.#places));
    this.#start('containerd', 'containerd', ['--config', join(this.#places.folder, 'containerd.toml')]);
    await this.#says('containerd is ready', 60_000, () => this.#ctr('version'));
    await this.#ctr('images', 'import', images);
  }

  async #kubelet(): Promise<void> {
    const { folder } = this.#places;
    this.#write('resolv.conf', `nameserver ${network.node}\n`);
    this.#write('kubelet.yaml', kubeletConfiguration(this.#places));
    this.#write('kube-proxy.yaml', kubeProxyConfiguration(this.#places));
    this.#write('Corefile', corefile(this.#places));
    this.#run('kubelet', [
      `--config=${folder}/kubelet.yaml`,
      `--kubeconfig=${folder}/kubelet.kubeconfig`,
      `--root-dir=${folder}/kubelet`,
      `--cert-dir=${folder}/kubelet-pki`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${network.node}`,
    ]);
    this.#run('kube-proxy', [`--config=${folder}/kube-proxy.yaml`]);
    await this.kubectl.apply(rightsOfDns);
    this.#run('coredns', ['-conf', `${folder}/Corefile`]);
    await this.#says('the node is ready', 180_000, () =>
      this.kubectl.run('wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=5s'),
    );
    await this.#says('there are service accounts', 60_000, () => this.kubectl.run('get', 'serviceaccount', 'default'));
    await this.#says('Services are in iptables', 60_000, async () => {
      const rules = await this.#namespaces.run('iptables-save', '-t', 'nat');
      if (!rules.includes(`-d ${network.kubernetes}/32`)) throw new Error('not yet');
    });
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#places.folder, name), text);
  }

  #run(name: Program, args: readonly string[]): void {
    this.#start(name, this.#paths.get(name) ?? name, args);
  }

  #start(name: string, path: string, args: readonly string[]): void {
    const log = join(this.#places.folder, `${name}.log`);
    // The pods' group has far more of a busy machine than what is beside it, and pods wait for what runs here.
    this.#running.set(name, this.#namespaces.spawn('nice', ['-n', '-10', path, ...args], log));
  }

  async #says(what: string, patience: number, look: () => Promise<unknown>): Promise<void> {
    await eventually(patience, what, async () => {
      const [first] = this.ended;
      if (first !== undefined) {
        const said = readFileSync(join(this.#places.folder, `${first}.log`), 'utf8');
        throw new Error(`${first} ended: ${said.slice(-2000)}`);
      }
      return look().then(
        () => true,
        () => false,
      );
    });
  }

  #ctr(...args: readonly string[]): Promise<string> {
    return this.#namespaces.run('ctr', '--address', this.#places.runtimeSocket, '--namespace', 'k8s.io', ...args);
  }
}

/** A group in the hierarchy of every controller, or in the one of all. */
function controlGroups(name: string): string[] {
  const parents = existsSync(join(controllers, 'cgroup.controllers'))
    ? [controllers]
    : readdirSync(controllers).map((controller) => join(controllers, controller));
  return parents.map((parent) => join(parent, name));
}

/** All pods together would get as much of a busy machine as one process beside them: they get that of 128, also where what is beside them runs before others. */
function makeControlGroup(name: string): void {
  for (const group of controlGroups(name)) {
    if (!existsSync(group)) mkdirSync(group);
    for (const [file, share] of [
      ['cpu.shares', 128 * 1024],
      ['cpu.weight', 10_000],
    ] as const) {
      if (existsSync(join(group, file))) writeFileSync(join(group, file), String(share));
    }
  }
}

/** Whether it is gone: a group goes only once the last process in it is gone, and after those below it. */
function removeControlGroup(name: string): boolean {
  return controlGroups(name).every((group) => {
    try {
      removeGroup(group);
    } catch {
      return false;
    }
    return true;
  });
}

function removeGroup(group: string): void {
  if (!existsSync(group)) return;
  for (const entry of readdirSync(group, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  }
  rmdirSync(group);
}
