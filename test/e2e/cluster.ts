import { execFile } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { program } from '../tools/programs.ts';
import { ImageBuilder, images } from './images.ts';
import { Kubectl } from '../kubernetes/kubectl.ts';
import { Node } from './node/node.ts';
import { namespace, operatorNamespace } from './places.ts';

/** Names of the images as the cluster pulls them, or finds them imported. */
export interface ImageNames {
  readonly sipcluster: string;
  /** The same under another name, to roll to. */
  readonly next: string;
  readonly peers: string;
  readonly etcd: string;
}

/** Where the story plays. */
export interface Cluster {
  readonly kubectl: Kubectl;
  readonly images: ImageNames;
  /** Where logs are, if it was made for the story. */
  readonly folder: string | undefined;
  /** Runs a program in the node's network, if it was made for the story; resolves to what it said. */
  readonly inside: Node['inside'] | undefined;
  /** Ends what was made. */
  close(folder: 'removed' | 'kept'): Promise<void>;
}

const execute = promisify(execFile);
const volumes = 6;
/** The user that etcd runs as: a hostPath volume is not given to it otherwise. */
const etcdUser = 65532;

/** The user's, if there is a $KUBECONFIG, whose nodes pull from $REGISTRY; else one of a node here. */
export async function openCluster(say: (line: string) => void): Promise<Cluster> {
  const kubeconfig = process.env['KUBECONFIG'] ?? '';
  return kubeconfig === '' ? ownCluster(say) : usersCluster(kubeconfig, say);
}

async function ownCluster(say: (line: string) => void): Promise<Cluster> {
  const paths = await Node.programs(say);
  const folder = mkdtempSync(join(tmpdir(), 'sip-e2e-'));
  try {
    const builder = new ImageBuilder(folder);
    await makeImages(builder, say);
    await builder.ofProgram('pause');
    const archive = await builder.archive([images.pause, images.etcd, images.sipcluster, images.peers]);
    say('images of sipcluster, the stand-ins and etcd are made');
    const node = await Node.start(folder, paths, archive);
    rmSync(archive);
    const names = { ...images, next: 'localhost/sipcluster:e2e-next' };
    await node.tag(names.sipcluster, names.next);
    await node.kubectl.apply(Array.from({ length: volumes }, (_, n) => volume(folder, n)));
    const close = async (what: 'removed' | 'kept'): Promise<void> => {
      await node.stop();
      if (what === 'removed') rmSync(folder, { recursive: true });
    };
    const inside: Cluster['inside'] = (path, ...args) => node.inside(path, ...args);
    return { kubectl: node.kubectl, images: names, folder, inside, close };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function usersCluster(kubeconfig: string, say: (line: string) => void): Promise<Cluster> {
  const registry = process.env['REGISTRY'] ?? '';
  if (registry === '') throw new Error('name the registry that the cluster pulls from: REGISTRY=registry.example/team');
  const folder = mkdtempSync(join(tmpdir(), 'sip-e2e-'));
  try {
    const builder = new ImageBuilder(folder);
    await makeImages(builder, say);
    const names = {
      sipcluster: `${registry}/sipcluster:e2e`,
      next: `${registry}/sipcluster:e2e-next`,
      peers: `${registry}/sipcluster-peers:e2e`,
      etcd: `${registry}/etcd:e2e`,
    };
    await builder.push(images.sipcluster, names.sipcluster);
    await builder.push(images.sipcluster, names.next);
    await builder.push(images.peers, names.peers);
    await builder.push(images.etcd, names.etcd);
    say(`images are pushed to ${registry}`);
    const kubectl = new Kubectl(await program('kubectl', say), kubeconfig);
    const removed = await whatIsMade(kubectl, await program('helm', say));
    const close = async (what: 'removed' | 'kept'): Promise<void> => {
      if (what === 'removed') await removed();
      else say(`what the story has made in your cluster stays, to be looked at: namespaces ${made.join(' and ')}`);
    };
    return { kubectl, images: names, folder: undefined, inside: undefined, close };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Namespaces of the story. */
const made = [namespace, operatorNamespace];

/** Resolves to what removes all that is made from now on: a user's cluster is left as it was. */
async function whatIsMade(kubectl: Kubectl, helm: string): Promise<() => Promise<void>> {
  const found = await kubectl.run('get', 'namespaces', '--output=name');
  const taken = made.filter((name) => found.split('\n').includes(`namespace/${name}`));
  if (taken.length > 0)
    throw new Error(`the story makes namespaces ${made.join(' and ')} of its own; remove ${taken.join(' and ')} first`);
  return async () => {
    const uninstall = ['uninstall', '--ignore-not-found', '--kubeconfig', kubectl.kubeconfig];
    await execute(helm, [...uninstall, 'sipcluster', '--namespace', operatorNamespace]);
    await execute(helm, [...uninstall, 'sipcluster-crds']);
    await kubectl.run('delete', 'customresourcedefinition', 'sipclusters.sipcluster.io', '--ignore-not-found');
    await kubectl.run('delete', 'namespace', ...made, '--ignore-not-found');
  };
}

async function makeImages(builder: ImageBuilder, say: (line: string) => void): Promise<void> {
  await builder.sipcluster(await builder.base(say));
  await builder.peers();
  await builder.ofProgram('etcd');
}

/** Room for a member of an etcd: there is nobody here who makes volumes when they are claimed. */
function volume(folder: string, n: number): object {
  const path = join(folder, 'volumes', String(n));
  mkdirSync(path, { recursive: true });
  chownSync(path, etcdUser, etcdUser);
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `volume-${n}` },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      hostPath: { path },
    },
  };
}
