import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { Etcd } from '../peers/etcd.ts';
import { freePort } from '../peers/free-port.ts';

/** How long the API server may take to start, ms. */
const patience = 60_000;

/** The directory with kube-apiserver: $KUBEBUILDER_ASSETS, else a cache. Undefined: there is none, and none is built here. */
export function controlPlaneDirectory(): string | undefined {
  const caches = ['sipcluster', 'sipcluster-tools'].map((name) => join(homedir(), '.cache', name, 'bin'));
  const told = process.env['KUBEBUILDER_ASSETS'];
  return [...(told === undefined ? [] : [told]), ...caches].find((directory) =>
    existsSync(join(directory, 'kube-apiserver')),
  );
}

/** A real kube-apiserver with its etcd, and kube-controller-manager where there is one, on free ports of 127.0.0.1. */
export class ControlPlane {
  readonly #directory: string;
  readonly #binaries: string;
  readonly #port: number;
  readonly #token = randomBytes(16).toString('hex');
  readonly #operatorToken = randomBytes(16).toString('hex');
  #etcd: Etcd | undefined;
  #server: ChildProcess | undefined;
  #controllers: ChildProcess | undefined;

  private constructor(binaries: string, directory: string, port: number) {
    this.#binaries = binaries;
    this.#directory = directory;
    this.#port = port;
  }

  /** Rejects with what the API server said if it does not come up. */
  static async start(binaries: string): Promise<ControlPlane> {
    const plane = new ControlPlane(binaries, await mkdtemp(join(tmpdir(), 'sipcluster-kubernetes-')), await freePort());
    try {
      plane.#etcd = await Etcd.start();
      plane.#writeFiles();
      await plane.#serve();
    } catch (error) {
      await plane.stop();
      throw error;
    }
    return plane;
  }

  /** How to reach it as `test`, who has every right, or as `operator`, who has those that the test gives. */
  config(user: 'test' | 'operator' = 'test'): KubeConfig {
    const token = user === 'test' ? this.#token : this.#operatorToken;
    const config = new KubeConfig();
    const caData = readFileSync(join(this.#directory, 'apiserver.crt')).toString('base64');
    config.loadFromClusterAndUser(
      { name: 'test', server: this.#url, caData, skipTLSVerify: false },
      { name: 'test', token },
    );
    return config;
  }

  get #url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Ends the API server as a crash would, and starts it again on the same port. */
  async restart(): Promise<void> {
    await end(this.#server, 'SIGKILL');
    await this.#serve();
  }

  /** Starts the garbage collector and what fills in the status of Deployments. */
  startControllers(): boolean {
    const program = join(this.#binaries, 'kube-controller-manager');
    if (!existsSync(program)) return false;
    writeFileSync(join(this.#directory, 'kubeconfig'), this.config().exportConfig());
    this.#controllers = run(program, [
      `--kubeconfig=${join(this.#directory, 'kubeconfig')}`,
      '--secure-port=0',
      '--leader-elect=false',
      '--controllers=garbage-collector-controller,deployment-controller,replicaset-controller',
      '--concurrent-gc-syncs=2',
    ]);
    return true;
  }

  async stop(): Promise<void> {
    await end(this.#controllers, 'SIGKILL');
    await end(this.#server, 'SIGKILL');
    await this.#etcd?.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #writeFiles(): void {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(this.#file('service-account.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), {
      mode: 0o600,
    });
    writeFileSync(
      this.#file('tokens.csv'),
      `${this.#token},test,test,"system:masters"\n${this.#operatorToken},operator,operator\n`,
      { mode: 0o600 },
    );
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  async #serve(): Promise<void> {
    const server = run(join(this.#binaries, 'kube-apiserver'), [
      `--etcd-servers=${this.#etcd?.endpoint ?? ''}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${this.#port}`,
      `--cert-dir=${this.#directory}`,
      `--token-auth-file=${this.#file('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--anonymous-auth=false',
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${this.#file('service-account.key')}`,
      `--service-account-key-file=${this.#file('service-account.key')}`,
    ]);
    this.#server = server;
    let said = '';
    server.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4000)));
    const deadline = performance.now() + patience;
    while (!(await this.#isReady())) {
      if (server.exitCode !== null || server.signalCode !== null) throw new Error(`kube-apiserver ended: ${said}`);
      if (performance.now() > deadline) throw new Error(`kube-apiserver was not ready within ${patience} ms: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #isReady(): Promise<boolean> {
    return new Promise((resolve) => {
      // Its certificate may not have been made yet, and is asked for by those who use it.
      const options = { headers: { authorization: `Bearer ${this.#token}` }, rejectUnauthorized: false, timeout: 2000 };
      const asked = request(`${this.#url}/readyz`, options, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      });
      asked.on('error', () => resolve(false));
      asked.on('timeout', () => asked.destroy());
      asked.end();
    });
  }
}

function run(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.resume();
  const killOnExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killOnExit);
  child.once('exit', () => process.off('exit', killOnExit));
  return child;
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
