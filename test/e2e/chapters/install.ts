import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { manifest } from '../manifest.ts';
import { cluster, namespace, operatorNamespace } from '../places.ts';
import { since, type Stage } from '../stage.ts';

const run = promisify(execFile);
const charts = fileURLToPath(new URL('../../../charts', import.meta.url));
const resource = `sipcluster/${cluster}`;

/** Both charts, as a user installs them. */
export async function installed({ helm, kubectl, images, story }: Stage): Promise<void> {
  const began = performance.now();
  const [, repository = '', tag = ''] = /^(.*):([^:]*)$/.exec(images.sipcluster) ?? [];
  const install = (name: string, ...more: readonly string[]) =>
    run(helm, ['install', name, `${charts}/${name}`, '--kubeconfig', kubectl.kubeconfig, ...more]);
  await install('sipcluster-crds');
  const values = [
    `image.repository=${repository}`,
    `image.tag=${tag}`,
    `etcdImage=${images.etcd}`,
    `namespaces={${namespace}}`,
  ];
  const set = values.flatMap((value) => ['--set', value]);
  const { stdout } = await install('sipcluster', '--namespace', operatorNamespace, '--create-namespace', ...set);
  const notes = stdout.slice(stdout.indexOf('NOTES:')).trim();
  story.shows(['', ...notes.split('\n').map((line) => `    ${line}`.trimEnd()), '']);
  await kubectl.run('rollout', 'status', '-n', operatorNamespace, 'deployment/sipcluster', '--timeout=180s');
  story.tells(`two operators are ready, of which one leads: ${since(began)}`);
}

/** The SipCluster is Ready within a minute. */
export async function applied({ kubectl, cast, story }: Stage): Promise<void> {
  const began = performance.now();
  await kubectl.apply(manifest(cast));
  await kubectl.run('wait', '-n', namespace, '--for=condition=Ready', resource, '--timeout=60s');
  story.tells(`two proxies and an etcd in each data centre; Ready=True after ${since(began)}`);
  const table = await kubectl.run('get', 'sipc', '-n', namespace);
  story.shows(['', ...table.trimEnd().split('\n'), '']);
}
