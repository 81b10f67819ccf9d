/**
 * Programs that tests run and that no package registry of Node's has: `node test/tools/programs.ts helm kubectl` makes
 * sure of them. Each is looked for in the folders that $KUBEBUILDER_ASSETS names, in the PATH and in the caches, and
 * otherwise built from its Go module into ~/.cache/sipcluster/bin, once: minutes for those of Kubernetes.
 */
import { execFile } from 'node:child_process';
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const cache = join(homedir(), '.cache', 'sipcluster', 'bin');
const otherCache = join(homedir(), '.cache', 'sipcluster-tools', 'bin');

/** A package of a module with a go.mod here, or one at a version that `go install` takes as it is. */
type Source = { readonly folder: string; readonly path: string } | { readonly path: string; readonly version: string };

const kubernetes = (name: string): Source => ({ folder: 'kubernetes', path: `k8s.io/kubernetes/cmd/${name}` });
const sources = {
  etcd: { folder: 'etcd', path: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': kubernetes('kube-apiserver'),
  'kube-controller-manager': kubernetes('kube-controller-manager'),
  'kube-scheduler': kubernetes('kube-scheduler'),
  'kube-proxy': kubernetes('kube-proxy'),
  kubelet: kubernetes('kubelet'),
  kubectl: kubernetes('kubectl'),
  pause: { folder: 'pause', path: '.' },
  coredns: { path: 'github.com/coredns/coredns', version: 'v1.13.1' },
  helm: { path: 'helm.sh/helm/v4/cmd/helm', version: 'v4.3.1' },
} as const satisfies Record<string, Source>;

export type Program = keyof typeof sources;

/** The path of a program that is there; undefined: it would have to be built. */
export function findProgram(name: Program): string | undefined {
  const told = (process.env['KUBEBUILDER_ASSETS'] ?? '').split(delimiter);
  const path = (process.env['PATH'] ?? '').split(delimiter);
  return [...told, ...path, cache, otherCache]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The path of a program, built if there is none. Rejects with what the build said. */
export async function program(name: Program, say: (line: string) => void = console.error): Promise<string> {
  const found = findProgram(name);
  if (found !== undefined) return found;
  say(`Building ${name} from its Go module, once, into ${cache}`);
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, '.build-'));
  try {
    await build(sources[name], folder, name);
    chmodSync(join(folder, name), 0o755);
    renameSync(join(folder, name), join(cache, name));
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const why = code === 'ENOENT' ? 'Go is not installed' : (stderr ?? String(error));
    throw new Error(`no ${name} in $KUBEBUILDER_ASSETS, the PATH or ${cache}, and it can't be built: ${why}`, {
      cause: error,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
  return join(cache, name);
}

async function build(source: Source, target: string, name: string): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0', GOBIN: target, GOFLAGS: '-trimpath' };
  if ('version' in source) {
    await run('go', ['install', '-ldflags=-s -w', `${source.path}@${source.version}`], { env });
    return;
  }
  const flags = ['-s', '-w', ...(source.folder === 'kubernetes' ? kubernetesVersion() : [])];
  const options = { env, cwd: join(here, source.folder) };
  await run('go', ['build', `-ldflags=${flags.join(' ')}`, '-o', join(target, name), source.path], options);
}

/** Without it they call themselves v0.0.0, and clients warn. */
function kubernetesVersion(): string[] {
  const [, version = '', minor = ''] =
    /k8s\.io\/kubernetes (v1\.(\d+)\S*)/.exec(readFileSync(join(here, 'kubernetes/go.mod'), 'utf8')) ?? [];
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) =>
    [`gitVersion=${version}`, 'gitMajor=1', `gitMinor=${minor}`].map((value) => `-X ${path}.${value}`),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  for (const name of process.argv.slice(2)) {
    if (!(name in sources)) throw new Error(`no recipe for ${name}; there are ${Object.keys(sources).join(', ')}`);
    console.log(await program(name as Program));
  }
}
