import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program } from '../tools/programs.ts';
import { pauseImage } from './node/configuration.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const pods = fileURLToPath(new URL('pods', import.meta.url));
const certificates = '/etc/ssl/certs';

/** What a container has no use for. */
const unneeded = ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale', 'usr/share/man'];

/** Names of the images as the cluster knows them. */
export const images = {
  sipcluster: 'localhost/sipcluster:e2e',
  peers: 'localhost/sipcluster-peers:e2e',
  etcd: 'localhost/etcd:e2e',
  pause: pauseImage,
  /** What the Dockerfile builds on where no registry can be reached. */
  node: 'localhost/node:26',
} as const;

/** Makes the images of a run with buildah, and keeps its layers in ~/.cache/sipcluster/images. */
export class ImageBuilder {
  readonly #folder: string;
  readonly #store: readonly string[];

  /** @param folder of this run, for archives and what is mounted while it builds */
  constructor(folder: string) {
    this.#folder = folder;
    const cache = join(homedir(), '.cache', 'sipcluster', 'images');
    mkdirSync(cache, { recursive: true });
    this.#store = ['--storage-driver', 'overlay', '--root', join(cache, 'store'), '--runroot', join(cache, 'run')];
  }

  /** The base: $NODE_IMAGE, or Debian with Node.js and npm from the package registries. Resolves to its name. */
  async base(say: (line: string) => void): Promise<string> {
    const told = process.env['NODE_IMAGE'] ?? '';
    if (told !== '') return told;
    if (!(await this.#has(images.node))) {
      say('making the base image: Debian, and Node.js 26 from the npm registry');
      await this.#makeBase();
    }
    return images.node;
  }

  /** The one that users get, by the Dockerfile that they have. */
  async sipcluster(base: string): Promise<void> {
    await this.#build(root, images.sipcluster, '--build-arg', `NODE_IMAGE=${base}`);
  }

  /** Stand-ins and phones on top of it: they need its Node.js and some of its packages. */
  async peers(): Promise<void> {
    const arg = ['--build-arg', `SIPCLUSTER=${images.sipcluster}`];
    await this.#build(
      root,
      images.peers,
      ...arg,
      '--file',
      join(pods, 'Dockerfile'),
      '--ignorefile',
      join(pods, 'Dockerfile.ignore'),
    );
  }

  /** Images of one program. */
  async ofProgram(name: 'etcd' | 'pause'): Promise<void> {
    const context = mkdtempSync(join(this.#folder, `${name}-`));
    copyFileSync(await program(name), join(context, name));
    chmodSync(join(context, name), 0o755);
    await this.#build(context, images[name], '--file', join(pods, `${name}.Dockerfile`));
    rmSync(context, { recursive: true });
  }

  /** Resolves to the path of an archive with these images, in which each layer lies once. */
  async archive(names: readonly string[]): Promise<string> {
    const layout = join(this.#folder, 'images');
    // Compressed layers would take longer to make and to unpack than to copy.
    for (const name of names) {
      await this.#buildah('push', '--quiet', '--disable-compression', name, `oci:${layout}:${name}`);
    }
    const file = `${layout}.tar`;
    await run('tar', ['--create', '--file', file, '--directory', layout, '.']);
    rmSync(layout, { recursive: true });
    return file;
  }

  async push(image: string, name: string): Promise<void> {
    await this.#buildah('push', '--quiet', image, `docker://${name}`);
  }

  async #has(image: string): Promise<boolean> {
    return this.#buildah('inspect', '--type', 'image', image).then(
      () => true,
      () => false,
    );
  }

  async #build(context: string, image: string, ...options: readonly string[]): Promise<void> {
    const volumes = [`${certificates}:${certificates}:ro`, `${this.#npmrc()}:/root/.npmrc:ro`];
    const isolation = ['--isolation', 'chroot', '--network', 'host', ...volumes.flatMap((each) => ['--volume', each])];
    await this.#buildah(
      'build',
      '--quiet',
      '--layers',
      '--pull-never',
      ...isolation,
      '--tag',
      image,
      ...options,
      context,
    );
  }

  /** npm asks the registry that this machine asks, and believes the authorities that it believes. */
  #npmrc(): string {
    const own = join(homedir(), '.npmrc');
    const file = join(this.#folder, 'npmrc');
    const bundle = join(certificates, 'ca-certificates.crt');
    writeFileSync(
      file,
      `${existsSync(own) ? readFileSync(own, 'utf8') : ''}\n${existsSync(bundle) ? `cafile=${bundle}\n` : ''}`,
    );
    return file;
  }

  async #makeBase(): Promise<void> {
    const work = mkdtempSync(join(tmpdir(), 'sipcluster-base-'));
    try {
      const tree = join(work, 'tree');
      const packages = ['ca-certificates', 'libatomic1', 'libstdc++6'].join(',');
      await run('debootstrap', ['--variant=minbase', `--include=${packages}`, 'bookworm', tree, ...mirror()]);
      for (const left of unneeded) rmSync(join(tree, left), { recursive: true, force: true });
      const npm = join(work, 'npm');
      await run('npm', ['install', '--prefix', npm, '--no-save', 'npm@11'], { cwd: work });
      cpSync(join(npm, 'node_modules/npm'), join(tree, 'usr/local/lib/node_modules/npm'), { recursive: true });
      for (const name of ['npm', 'npx']) {
        symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(tree, 'usr/local/bin', name));
      }
      copyFileSync(process.execPath, join(tree, 'usr/local/bin/node'));
      const container = (await this.#buildah('from', 'scratch')).trim();
      await this.#buildah('add', '--quiet', container, tree, '/');
      await this.#buildah('commit', '--quiet', '--rm', container, images.node);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }

  async #buildah(...args: readonly string[]): Promise<string> {
    try {
      return (await run('buildah', [...this.#store, ...args], { maxBuffer: 1 << 24 })).stdout;
    } catch (error) {
      const { stderr } = error as { stderr?: string };
      throw new Error(`buildah ${args.join(' ')}: ${stderr ?? String(error)}`, { cause: error });
    }
  }
}

/** Where this machine gets its Debian packages from; debootstrap's own choice where it does not say. */
function mirror(): readonly string[] {
  for (const file of ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list']) {
    const [, uri] =
      (existsSync(file)
        ? /^(?:URIs: *|deb (?:\[[^\]]*\] *)?)(http\S+)/m.exec(readFileSync(file, 'utf8'))
        : undefined) ?? [];
    if (uri !== undefined) return [uri];
  }
  return [];
}
