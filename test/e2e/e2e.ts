import { paint, Story } from '../demo/story.ts';
import { program } from '../tools/programs.ts';
import { apart } from './apart.ts';
import { Cast } from './cast.ts';
import { meetAtOneAddress } from './chapters/apart.ts';
import { callsAcross, phonesRegister } from './chapters/calls.ts';
import { etcdRestarted, proxyDeleted } from './chapters/faults.ts';
import { balancer, callsFromOutside, exposed, portsTaken } from './chapters/exposure.ts';
import { applied, installed } from './chapters/install.ts';
import { removed } from './chapters/removal.ts';
import { changedLive, rolled, rolledWithoutOperator } from './chapters/rolls.ts';
import { rights, seen } from './chapters/seen.ts';
import { primaryDies } from './chapters/servers.ts';
import { rate, trafficBegins, trafficEnds } from './chapters/traffic.ts';
import { wrongIsSaid } from './chapters/wrong.ts';
import { openCluster, type Cluster } from './cluster.ts';
import { onHost, outside } from './exposed.ts';
import { cluster as contactCenter, namespace } from './places.ts';
import type { Stage } from './stage.ts';
import { Terminations } from './terminations.ts';

/** Parts of the story, in their order: $STEP names the only one to tell. All but the first need a cluster that was made here. */
const parts = { story: contactCentre, exposure: fromOutside, apart: dataCentresApart } as const;

/** `make e2e`: the operator and its proxies on a real Kubernetes. Exits 0 only if the story went as told. */
const story = new Story();
const interrupted = Promise.withResolvers<never>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interrupted.reject(new Error(`interrupted by ${signal}`)));
}
interrupted.promise.catch(() => undefined); // it is raced below
process.on('unhandledRejection', (error) => interrupted.reject(error));

let opening: Promise<Cluster> | undefined;
let went = true;
try {
  await Promise.race([tell(), interrupted.promise]);
} catch (error) {
  went = false;
  story.complains(error instanceof Error ? error.message : String(error));
}
// Who interrupts waits until it is there to be closed.
const cluster = await opening?.catch(() => undefined);
await cluster?.close(went ? 'removed' : 'kept');
if (!went && cluster?.folder !== undefined) story.complains(`logs are in ${cluster.folder}`);
story.says(went ? 'everything went as told' : 'the story was not told to its end');
process.exit(went ? 0 : 1);

async function tell(): Promise<void> {
  story.shows([paint('strong', 'sipcluster on Kubernetes: two data centres in one cluster')]);
  story.chapter('A cluster');
  const helm = await program('helm', (line) => story.says(line));
  opening = openCluster((line) => story.says(line));
  const { kubectl, images, inside } = await opening;
  const stage: Stage = { kubectl, images, inside, story, helm, cast: new Cast(kubectl) };
  await stage.cast.enters(images.peers);
  story.tells('three SIP Server pairs and their phones are pods');

  story.chapter('helm install');
  await installed(stage);
  const only = process.env['STEP'] ?? '';
  if (only !== '' && !(only in parts)) throw new Error(`STEP is one of ${Object.keys(parts).join(', ')}`);
  for (const [name, part] of Object.entries(parts)) {
    if (only === '' || only === name) await part(stage);
  }
}

/** Registrations and calls, while all that is changed or killed which may be. */
async function contactCentre(stage: Stage): Promise<void> {
  const { kubectl, images } = stage;
  story.chapter('kubectl apply');
  await applied(stage);
  story.chapter('Phones register, and call across data centres');
  await phonesRegister(stage);
  await callsAcross(stage);
  story.chapter('What people and the operator may see');
  await seen(stage);
  await rights(stage);
  story.chapter('A primary SIP Server is killed');
  await primaryDies(stage);

  story.chapter('An etcd is killed');
  await etcdRestarted(stage);

  story.chapter(`Everything changes under ${rate} calls a second`);
  const terminations = new Terminations(kubectl.kubeconfig, namespace);
  let failed: number;
  try {
    await trafficBegins(stage);
    const live = { weight: 3, interval: '3s' };
    await changedLive(stage, 'another weight for ss1', { weight: 3 });
    await changedLive(stage, 'another interval of the oos-check', live);
    const image = images.next;
    await rolled(stage, 'another image', { ...live, image });
    await rolledWithoutOperator(stage, 'other resources', { ...live, image, cpu: '90m' });
    await proxyDeleted(stage);
  } finally {
    failed = await trafficEnds(stage);
    terminations.close();
  }
  const { seen: ended, together } = terminations;
  if (together.length > 0) story.complains(`terminated together: ${together.join('; ')}`);
  else story.tells(`${ended} proxies have ended, no two of a data centre at once`);
  story.chapter('kubectl delete');
  await removed(stage, contactCenter);
  if (failed > 0 || together.length > 0) throw new Error('calls failed, or proxies ended together: see above');
}

/** Phones outside the cluster, by each way that leads in, and what is said of a manifest that can't be honoured. */
async function fromOutside(stage: Stage): Promise<void> {
  if ((process.env['KUBECONFIG'] ?? '') !== '') {
    story.says('phones outside the cluster are left out: they need the node that is made here');
    return;
  }
  const balanced = balancer(stage.kubectl);
  try {
    story.chapter('Phones outside: NodePort, LoadBalancer, HostNetwork');
    await exposed(stage);
    await callsFromOutside(stage);
    await portsTaken(stage);
    story.chapter('What is wrong is said, and nothing is torn down');
    await wrongIsSaid(stage);
    story.chapter('kubectl delete, again');
    await removed(stage, outside, onHost);
  } finally {
    await balanced.close();
  }
}

/** Two data centres that reach each other by one address each. */
async function dataCentresApart(stage: Stage): Promise<void> {
  const { inside, kubectl } = stage;
  if (inside === undefined) {
    story.says('data centres that are cut off from each other are left out: they need the node that is made here');
    return;
  }
  const balanced = balancer(kubectl);
  try {
    story.chapter("Data centres whose pods can't reach each other");
    await meetAtOneAddress({ ...stage, inside });
    story.chapter('kubectl delete, of those apart');
    await removed(stage, apart);
  } finally {
    await balanced.close();
  }
}
