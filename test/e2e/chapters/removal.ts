import { eventually } from '../../peers/deadline.ts';
import { namespace } from '../places.ts';
import { since, type Stage } from '../stage.ts';

const kinds = [
  'deployments',
  'replicasets',
  'statefulsets',
  'pods',
  'configmaps',
  'secrets',
  'services',
  'serviceaccounts',
  'poddisruptionbudgets',
  'networkpolicies',
].join(',');

/** The SipClusters are deleted, and nothing of them is left. */
export async function removed({ kubectl, story }: Stage, ...clusters: readonly string[]): Promise<void> {
  // What became of it, as people see it.
  const described = await kubectl.run('describe', 'sipcluster', ...clusters.slice(0, 1), '-n', namespace);
  story.shows(['', ...described.slice(described.indexOf('\nStatus:')).trimEnd().split('\n'), '']);
  const began = performance.now();
  const list = async () => {
    const ours = `--selector=sipcluster.io/cluster in (${clusters.join(', ')})`;
    // What a StatefulSet claims has labels of its own; nobody else claims anything here.
    const claims = await kubectl.run('get', 'persistentvolumeclaims', '-n', namespace, '--output=name');
    return (await kubectl.run('get', kinds, '-n', namespace, ours, '--output=name')) + claims;
  };
  const before = (await list()).trim().split('\n').length;
  await kubectl.run('delete', 'sipcluster', ...clusters, '-n', namespace);
  let left = '';
  await eventually(120_000, 'nothing of the SipCluster is left', async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    left = (await list()).trim();
    return left === '';
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${left.replaceAll('\n', ', ')}`, { cause: error });
  });
  story.tells(`of ${before} objects none is left after ${since(began)}`);
}
