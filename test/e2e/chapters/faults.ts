import { namespace } from '../places.ts';
import { noneEnds, settled } from '../resource.ts';
import { since, type Stage } from '../stage.ts';

const proxies = '--selector=app.kubernetes.io/component=proxy';

/** Somebody deletes a proxy's pod. */
export async function proxyDeleted({ kubectl, story }: Stage): Promise<void> {
  await noneEnds(kubectl);
  const [name = ''] = (await kubectl.run('get', 'pods', '-n', namespace, proxies, '--output=name')).split('\n');
  const began = performance.now();
  await kubectl.run('delete', '-n', namespace, name, '--wait=true');
  story.says(`${name} is deleted, and gone after ${since(began)}`);
  await settled(kubectl, 120_000);
  story.tells(`another one has taken its place after ${since(began)}`);
}

/** The only member of dc1's etcd is killed, and comes back with its data. */
export async function etcdRestarted({ kubectl, cast, story }: Stage): Promise<void> {
  const began = performance.now();
  await kubectl.run('delete', 'pod', '-n', namespace, 'contact-center-etcd-dc1-0', '--grace-period=0', '--force');
  const answered = await cast.call('alice', 'bob');
  await cast.hangUp('alice');
  story.tells(`dc1's etcd is killed; alice calls bob meanwhile, answered after ${answered} ms`);
  await kubectl.run('rollout', 'status', '-n', namespace, 'statefulset/contact-center-etcd-dc1', '--timeout=120s');
  await kubectl.run(
    'wait',
    '-n',
    namespace,
    '--for=condition=StoreAvailable',
    'sipcluster/contact-center',
    '--timeout=60s',
  );
  await settled(kubectl, 60_000);
  story.tells(`it is back with what it held: StoreAvailable after ${since(began)}`);
}
